// What a purge covers is not replayed in any way: on every engine, with the files as samekey generates them.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { formatSearchRule } from '../../njs/core/no_vary_search.js'
import { searchRuleKey } from '../../njs/core/key.js'
import { digestOf, formatMarker, variantKey } from '../../njs/core/vary.js'
import { BanLists } from '../../node-writer/invalidation/ban_list.js'
import type { Purge } from '../../node-writer/invalidation/compact.js'
import { sha256Hex } from '../../node-writer/key.js'
import { engines } from '../support/engines.js'
import { until } from '../support/until.js'
import { connectItems, type Items } from './invalidation_items.js'
import { HOST, now, startReplayStack, type Entry, type ReplayStack } from './replay_stack.js'
import { showLogsOnFailure } from './stack.js'

const PURGED = 'samekey; fwd=stale; detail=purged'
const HIT = /^samekey; hit; ttl=/

describe.each(engines)('$id', (engine) => {
  let replay: ReplayStack
  let items: Items
  let lists: BanLists
  showLogsOnFailure(() => replay?.stack)
  beforeAll(async () => {
    replay = await startReplayStack(engine)
    items = connectItems(replay.stack.memcached[0] as string)
    lists = new BanLists(items.atomic, { key: `${replay.policy.keyHead}#bans`, longestLifeSeconds: 3600, holdMs: 0 })
  })
  afterAll(async () => {
    items?.close()
    const log = await replay.stack.errorLog()
    await replay.stop()
    expect(log.split('\n').filter((line) => /samekey: |js exception|\[(?:crit|alert|emerg)\]/.test(line))).toEqual([])
  })

  let paths = 0
  let path = ''
  beforeEach(() => { path = `/blog/${++paths}` })

  const status = async (target: string, fields: string[] = []) => (await replay.get(target, fields)).header('cache-status')
  const put = async (target: string, entry: Entry) => replay.put(target, { clock: await lists.clock(), ...entry })
  /** The list may be obeyed a second after it was changed. */
  const isPurged = (target: string, fields: string[] = []) =>
    until(`${target} is stale`, async () => ((await status(target, fields)) === PURGED ? true : undefined))

  const uses: { id: string; entry?: Entry; fields?: string[] }[] = [
    { id: 'the whole page' },
    { id: 'a body of its own', entry: { apart: true } },
    { id: 'not modified', entry: { headers: [['ETag', '"a"']] }, fields: ['If-None-Match: "a"'] },
    { id: 'a range', fields: ['Range: bytes=0-1'] },
    { id: 'a range of a body of its own', entry: { apart: true }, fields: ['Range: bytes=0-1'] },
    { id: 'stale while it is refreshed', entry: { storedAt: now() - 100, freshUntil: now() - 40, refreshUntil: now() + 600 } }
  ]
  test.each(uses)('$id', async ({ entry = {}, fields = [] }) => {
    await put(path, { ...entry, tags: ['a', path] })
    expect(await status(path, fields)).toMatch(HIT)
    await lists.append({ kind: 'tag', tags: [path] })
    await isPurged(path, fields)
    replay.asked.length = 0
    await status(path, fields)
    // One request, and not a refresh: the writer must not revalidate with what is purged.
    expect(replay.asked.map(({ headers }) => headers['x-samekey-forward'])).toEqual(['stale; detail=purged'])
    // A page from after the purge is served at once.
    await put(path, { ...entry, tags: ['a', path] })
    expect(await status(path, fields)).toMatch(HIT)
  })

  test('a page under a second key', async () => {
    const key = variantKey(replay.keyOf(path), 'AbCdEfGhI-_0', ['x-a'], () => '1', sha256Hex)
    await replay.set(replay.keyOf(path), formatMarker({ fields: ['x-a'], token: 'AbCdEfGhI-_0', digests: [digestOf(key)] }))
    await put(path, { suffix: key.slice(replay.keyOf(path).length), tags: [path] })
    expect(await status(path, ['X-A: 1'])).toMatch(HIT)
    await lists.append({ kind: 'tag', tags: [path] })
    await isPurged(path, ['X-A: 1'])
  })

  test('a page that stands for another query is purged by its own URL', async () => {
    await replay.set(searchRuleKey('http', HOST, path, replay.policy, sha256Hex), formatSearchRule({ token: 'AbCdEfGhI-_0', sort: false, names: ['x'], only: false }))
    await put(`${path}?a=1`, { rule: 'AbCdEfGhI-_0' })
    expect(await status(`${path}?a=1&x=2`)).toMatch(HIT)
    await lists.append({ kind: 'pattern', pattern: `${path}\\?a=1$`, caseSensitive: true })
    await isPurged(`${path}?a=1&x=2`)
  })

  const purges: { id: string; purge: (path: string) => Purge; covered: boolean }[] = [
    { id: 'a prefix', purge: (path) => ({ kind: 'prefix', prefixes: [`http://${HOST}${path}?a`] }), covered: true },
    { id: 'the prefix of another host', purge: (path) => ({ kind: 'prefix', prefixes: [`http://www.${HOST}${path}?a`] }), covered: false },
    { id: 'a pattern', purge: (path) => ({ kind: 'pattern', pattern: `${path.toUpperCase()}\\?A=[0-9]+$`, caseSensitive: false }), covered: true },
    { id: 'everything', purge: () => ({ kind: 'all' }), covered: true }
  ]
  test.each(purges)('$id', async ({ purge, covered }) => {
    await put(`${path}?a=1`, {})
    await put(`${path}/other`, { tags: [path] })
    await lists.append(purge(path))
    // Both bans are in one list, so a node that obeys this one has seen the other.
    await lists.append({ kind: 'tag', tags: [path] })
    await isPurged(`${path}/other`)
    expect(await status(`${path}?a=1`)).toMatch(covered ? PURGED : HIT)
  })

  test('without a list nothing is replayed', async () => {
    await put(path, {})
    expect(await status(path)).toMatch(HIT)
    await items.atomic.delete((await items.atomic.get(`${replay.policy.keyHead}#bans`))!)
    await isPurged(path)
    await put(path, {})
    expect(await status(path)).toMatch(HIT)
  })

  test('the node keeps its copy where it can', async () => {
    expect(await replay.stack.errorLog()).not.toContain('cannot be kept')
  })

  // The last: the app does not come back.
  test('not even when the app is away', async () => {
    const stale = { storedAt: now() - 100, freshUntil: now() - 40, errorUntil: now() + 600, tags: [path] }
    await put(path, stale)
    await replay.appAway()
    expect(await status(path)).toMatch(/^samekey; fwd=stale; detail=app-away/)
    await lists.append({ kind: 'tag', tags: [path] })
    await until('no longer served', async () => ((await replay.get(path)).status === 502 ? true : undefined))
    await put(path, stale)
    expect((await replay.get(path)).status).toBe(200)
  })
})
