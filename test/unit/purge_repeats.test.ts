// What waits, for how long, and what becomes of it, with memcached in the test's hands.

import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Events } from '../../node-writer/events.js'
import { PurgeError, type PurgeResult } from '../../node-writer/purge_result.js'
import { notCarriedOut, type PurgeRecord } from '../../node-writer/purge_record.js'
import { MAX_WAITING, PurgeRepeats } from '../../node-writer/purge_repeats.js'
import type { PurgeRequest } from '../../node-writer/purge_request.js'
import type { Invalidated } from '../../node-writer/unsafe_methods.js'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Acknowledges what `isAway` does not hold back. */
function start(isAway: (name: string) => boolean) {
  const memcached = { isAway }
  const asked: PurgeRequest[] = []
  const told: PurgeRecord[] = []
  const errors: string[] = []
  const events = new Events()
  events.on('purge', (record) => told.push(record)).on('error', ({ error }) => errors.push(error.message))
  const repeats = new PurgeRepeats((request, onRecord) => {
    const { by: _, ...rest } = request
    asked.push(rest)
    const urls = (request.urls ?? []) as string[]
    const bans = [...(request.groups ?? []) as string[], ...(request.all === true ? ['all'] : [])]
    const isBanned = bans.length > 0 && !bans.some((ban) => memcached.isAway(ban))
    const result: PurgeResult = {
      pages: urls.filter((url) => !memcached.isAway(url)).map((url) => ({ url, keys: [url] })), deleted: 0,
      bans: isBanned ? bans.map((value) => ({ kind: 'tag', value })) : [], clock: ''
    }
    const isDone = result.pages.length === urls.length && (isBanned || bans.length === 0)
    onRecord({ ...notCarriedOut('failed', request, ''), ...result, outcome: isDone ? 'done' : 'failed' })
    return isDone ? Promise.resolve(result) : Promise.reject(new PurgeError(result, [{ key: 'k', server: 's', error: new Error('away') }]))
  }, events)
  return { memcached, asked, told, errors, repeats }
}

const page = (...urls: string[]): Invalidated => ({ urls, groups: [], site: 'http://a' })
const everything = () => true
const nothing = () => false

test('only what was not acknowledged is repeated', async () => {
  const { memcached, asked, told, repeats } = start((name) => name === '/2' || name === 'g')
  await repeats.purge({ urls: ['/1', '/2'], groups: ['g'], site: 'http://a' }, 'me')
  memcached.isAway = (name) => name === 'g'
  await vi.advanceTimersByTimeAsync(700)
  memcached.isAway = nothing
  await vi.advanceTimersByTimeAsync(700)
  expect(asked.slice(1)).toEqual([{ urls: ['/2'], groups: ['g'], site: 'http://a' }, { urls: [], groups: ['g'], site: 'http://a' }])
  expect(told.map(({ outcome, by }) => [outcome, by])).toEqual([['waiting', 'me'], ['waiting', 'repetition'], ['done', 'repetition']])
  await vi.runAllTimersAsync()
  expect(asked).toHaveLength(3)
})

test('the same is asked for once, and each site keeps its groups', async () => {
  const { memcached, asked, repeats } = start(everything)
  for (let i = 0; i < 3; i++) await repeats.purge(page('/1'), '')
  await repeats.purge({ urls: [], groups: ['g'], site: 'http://a' }, '')
  await repeats.purge({ urls: [], groups: ['g'], site: 'http://b' }, '')
  memcached.isAway = nothing
  asked.length = 0
  await vi.runAllTimersAsync()
  expect(asked).toEqual([{ urls: ['/1'], groups: ['g'], site: 'http://a' }, { urls: [], groups: ['g'], site: 'http://b' }])
})

test('the pauses grow while nothing comes of it, and are told of only once', async () => {
  const { asked, told, errors, repeats } = start(everything)
  await repeats.purge(page('/1'), '')
  await vi.advanceTimersByTimeAsync(60_000)
  expect(asked.length).toBeGreaterThan(60 / 6)
  expect(asked.length).toBeLessThan(60 / 3)
  expect(told).toHaveLength(1)
  expect(errors).toEqual(['away'])
})

test.each([{ id: 'as many as may wait', count: MAX_WAITING, expected: MAX_WAITING }, { id: 'one more', count: MAX_WAITING + 1, expected: 'everything' }])('$id: $expected', async ({ count, expected }) => {
  const { memcached, asked, errors, repeats } = start(everything)
  for (let i = 0; i < count; i++) await repeats.purge(page(`/${i}`), '')
  await repeats.purge(page('/0'), '')
  expect(errors.filter((message) => message.includes('everything is purged'))).toHaveLength(expected === 'everything' ? 1 : 0)
  // Fails once more.
  await vi.advanceTimersByTimeAsync(700)
  memcached.isAway = nothing
  asked.length = 0
  await vi.runAllTimersAsync()
  expect(asked).toEqual(expected === 'everything' ? [{ all: true }] : [{ urls: Array.from({ length: count }, (_, i) => `/${i}`) }])
})

test('what fails while an attempt is under way waits for the next', async () => {
  const { memcached, asked, repeats } = start(everything)
  await repeats.purge(page('/1'), '')
  memcached.isAway = () => {
    memcached.isAway = everything
    void repeats.purge(page('/1'), '')
    memcached.isAway = nothing
    return false
  }
  asked.length = 0
  await vi.runAllTimersAsync()
  expect(asked).toEqual([{ urls: ['/1'] }, { urls: ['/1'] }, { urls: ['/1'] }])
})

test('close asks a last time, and tells what it gives up', async () => {
  const { asked, told, errors, repeats } = start(everything)
  await repeats.purge(page('/1'), '')
  await repeats.close()
  expect(asked).toHaveLength(2)
  expect(told.at(-1)).toMatchObject({ outcome: 'failed', asked: { urls: ['/1'] } })
  expect(errors.at(-1)).toContain('/1')
  // An answer that ended later.
  await repeats.purge(page('/2'), '')
  expect(told.at(-1)).toMatchObject({ outcome: 'failed', asked: { urls: ['/2'] } })
  await vi.runAllTimersAsync()
  expect(asked).toHaveLength(3)
})

test('close has nothing to tell when nothing waits', async () => {
  const { asked, told, errors, repeats } = start(nothing)
  await repeats.purge(page('/1'), '')
  await repeats.close()
  expect([asked.length, told.length, errors.length]).toEqual([1, 1, 0])
})
