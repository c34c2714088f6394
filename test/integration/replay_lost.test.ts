// The head of an entry is there, and its body, an item of its own, is not to be had: a miss, and no stored field is left in
// the answer of the app, though they may have been set by then. On every engine.
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { engines } from '../support/engines.js'
import type { RawResponse } from '../support/raw_http.js'
import { now, startReplayStack, type Entry, type ReplayStack } from './replay_stack.js'
import { showLogsOnFailure } from './stack.js'

const MODIFIED = 'Mon, 01 Jan 2024 00:00:00 GMT'
const LATER = 'Tue, 02 Jan 2024 00:00:00 GMT'
const lost: Entry = {
  body: gzipSync('0123456789'.repeat(20)), apart: 'lost',
  headers: [
    ['Content-Type', 'text/plain'], ['Content-Encoding', 'gzip'], ['Cache-Control', 'max-age=60'], ['ETag', '"a"'], ['Last-Modified', MODIFIED], ['Vary', 'X-A'],
    ['Link', '<a>'], ['Link', '<b>'], ['Date', LATER], ['Expires', LATER], ['Location', '/x'], ['Content-Language', 'de'], ['Server', 'stored'], ['X-A', '1'], ['X-A', '2']
  ]
}
const withoutDate = ({ headers }: RawResponse) => headers.filter(([name, value]) => name.toLowerCase() !== 'date' || value === LATER)

describe.each(engines)('$id', (engine) => {
  let replay: ReplayStack
  showLogsOnFailure(() => replay?.stack)
  beforeAll(async () => { replay = await startReplayStack(engine) })
  afterAll(async () => {
    const log = await replay.stack.errorLog()
    await replay.stop()
    expect(log.split('\n').filter((line) => /samekey: |js exception|\[(?:crit|alert|emerg)\]/.test(line))).toEqual([])
  })

  test.each([200, 404])('is a miss: no field of the stored %i is in the answer of the app', async (status) => {
    await replay.put('/lost', { ...lost, status })
    const [answer, miss] = [await replay.get('/lost'), await replay.get('/nothing')]
    expect([answer.status, answer.body.toString(), withoutDate(answer)]).toEqual([200, 'app', withoutDate(miss)])
  })

  test('nor does one of them stand beside a field of the app', async () => {
    const own = { 'Content-Type': 'text/own', 'Cache-Control': 'no-cache', ETag: '"own"', 'Last-Modified': LATER, Vary: 'X-Own', Server: 'own', 'X-A': 'own' }
    replay.answer((_, res) => void res.writeHead(203, own).end('own'))
    await replay.put('/lost', lost)
    const [answer, miss] = [await replay.get('/lost'), await replay.get('/nothing')]
    expect([answer.status, answer.body.toString(), withoutDate(answer)]).toEqual([203, 'own', withoutDate(miss)])
    replay.answer((_, res) => void res.end('app'))
  })

  test('so is one that memcached refuses to look for', async () => {
    // Nginx makes three characters of each: too long a key.
    await replay.put('/refused', { ...lost, bodyKey: '%'.repeat(250) })
    const [answer, miss] = [await replay.get('/refused'), await replay.get('/nothing')]
    expect([answer.status, answer.body.toString(), withoutDate(answer)]).toEqual([200, 'app', withoutDate(miss)])
  })

  test('for a condition and a range, too', async () => {
    await replay.put('/lost', lost)
    for (const fields of [['If-None-Match: "b"'], ['Range: bytes=0-1']]) {
      expect(withoutDate(await replay.get('/lost', fields))).toEqual(withoutDate(await replay.get('/nothing', fields)))
    }
  })

  describe('and the app is away', () => {
    beforeAll(() => replay.appAway())
    const stale = { storedAt: now() - 100, freshUntil: now() - 40 }

    test.each([{ id: 'fresh' }, { id: 'stale', ...stale, errorUntil: now() + 600 }])('it ends in the error ($id)', async ({ id, ...times }) => {
      await replay.put(`/lost-${id}`, { ...lost, ...times })
      const [answer, none] = [await replay.get(`/lost-${id}`), await replay.get('/never')]
      expect([answer.status, withoutDate(answer)]).toEqual([502, withoutDate(none)])
    })
  })
})
