// `samekey ls` against real memcached servers: what is there, whose it is, and in which state.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { formatBanList } from '../../njs/core/bans.js'
import { type EntryHead, formatHead } from '../../njs/core/entry.js'
import { searchRuleKey } from '../../njs/core/key.js'
import { formatSearchRule } from '../../njs/core/no_vary_search.js'
import { digestOf, formatMarker, variantKey, variantKeyOf } from '../../njs/core/vary.js'
import type { ItemRow } from '../../cli/item_row.js'
import { keysOfUrl, sha256Hex } from '../../node-writer/key.js'
import { loadPolicy } from '../../node-writer/policy/load.js'
import type { PolicyDocument } from '../../node-writer/policy/types.js'
import { Store } from '../../node-writer/store.js'
import { type Memcached, startMemcached } from '../support/memcached.js'
import { runCli } from '../unit/cli_run.js'

const NOW = Math.floor(Date.now() / 1000)
const HOUR = 3600
const servers: Memcached[] = []
let folder: string
let list: string
let store: Store

beforeAll(async () => {
  servers.push(await startMemcached(), await startMemcached())
  list = servers.map(({ address }) => address).join(',')
  store = new Store({ memcached: list, timeoutMs: 5000 })
  folder = mkdtempSync(join(tmpdir(), 'samekey-ls-test-'))
})
afterAll(async () => {
  store?.close()
  await Promise.all(servers.map((server) => server.stop()))
  rmSync(folder, { recursive: true, force: true })
})

/** A policy of a test's own, so that tests do not see each other's pages. */
function policyOf(document: PolicyDocument): { policy: ReturnType<typeof loadPolicy>; args: string[] } {
  const file = join(folder, `${document.prefix}.json`)
  writeFileSync(file, JSON.stringify(document))
  return { policy: loadPolicy(document), args: ['--policy', file, '--memcached', list] }
}

async function ls(args: string[]): Promise<ItemRow[]> {
  const ran = await runCli(['ls', '--json', '--sort', 'url', ...args])
  expect(ran).toMatchObject({ exitCode: 0, err: '' })
  return ran.out.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as ItemRow)
}

function entry(change: Partial<EntryHead> = {}, body = ''): Buffer {
  const head = { status: 200, bodyBytes: body.length, storedAt: NOW - 60, initialAge: 0, freshUntil: NOW + HOUR, refreshUntil: NOW + HOUR, errorUntil: NOW + HOUR, bodyKey: '', clock: 'e.5', rule: '', tags: [], headers: [], ...change }
  return Buffer.from(formatHead(head) + body)
}

const set = (key: string | undefined, value: Buffer): Promise<void> => store.set(key as string, value, { ttlSeconds: HOUR })

test('everything of a policy, in its state, and nothing of others', async () => {
  const { policy, args } = policyOf({ prefix: 'all', variants: [{ name: 'lang', cookie: 'lang', values: ['en', 'de'] }] })
  const keys = (path: string): string[] => keysOfUrl(`http://h${path}`, policy)
  await set(`${policy.keyHead}#bans`, Buffer.from(formatBanList({ epoch: 'e', counter: 7, base: 0, markTime: NOW, markCounter: 0, bans: [{ kind: 't', argument: 'old', counter: 6 }] })))
  await set(keys('/banned')[0], entry({ tags: ['old', 'x'] }))
  await set(keys('/body')[1], entry({ bodyBytes: 5000, bodyKey: `${policy.keyHead}#b:abc` }))
  await set(`${policy.keyHead}#b:abc`, Buffer.alloc(5000))
  await set(keys('/claim')[0], Buffer.from('SKC1 AbCdEfGhI-_0'))
  await set(keys('/disowned')[0], entry({ clock: 'other.9' }))
  await set(keys('/fresh')[0], entry({ tags: ['x'], status: 404 }, '<p>'))
  await set(keys(`/long/${'y'.repeat(300)}`)[0], entry())
  await set(keys('/stale')[0], entry({ freshUntil: NOW - 10 }))
  await set(keys('/vary')[0], Buffer.from(formatMarker({ fields: ['accept'], token: 'AbCdEfGhI-_0', digests: ['0'.repeat(32)] })))
  await set(variantKeyOf(keys('/vary')[0] as string, 'AbCdEfGhI-_0', '0'.repeat(32)), entry())
  await set(`${keys('/fresh')[0]}#l`, Buffer.from('lease'))
  await set(`${policy.keyHead}http://h/rule#n`, Buffer.from('SKN2 s'))
  await set('all:1ffffffff:http://h/another-fingerprint', entry())

  const rows = await ls([...args, '--all'])
  const shown = rows.map(({ state, url, variants }) => [state, url && url.slice(0, 20), variants])
  expect(shown.sort()).toEqual([
    ['banned', 'http://h/banned', 'en'],
    ['bans', null, null],
    ['body', null, null],
    ['claim', 'http://h/claim', 'en'],
    ['disowned', 'http://h/disowned', 'en'],
    ['fresh', 'http://h/body', 'de'],
    ['fresh', 'http://h/fresh', 'en'],
    ['fresh', 'http://h/long/yyyyyy', 'en'],
    ['fresh', 'http://h/vary', 'en'],
    ['lease', 'http://h/fresh', 'en'],
    ['marker', 'http://h/vary', 'en'],
    ['rule', 'http://h/rule', null],
    ['stale', 'http://h/stale', 'en']
  ])
  const rowAt = (path: string): ItemRow => rows.find(({ url, state }) => url === `http://h${path}` && state !== 'lease') as ItemRow
  const fresh = rowAt('/fresh')
  expect(fresh).toMatchObject({ status: 404, tags: ['x'], clock: 'e.5', bodyKey: null, varyFields: [], key: keys('/fresh')[0], server: store.serverOf(keys('/fresh')[0] as string) })
  expect(Math.abs((fresh.ageSeconds as number) - 60)).toBeLessThan(60)
  expect((fresh.ttlSeconds as number) + (fresh.ageSeconds as number)).toBe(HOUR + 60)
  expect(fresh.expiresInSeconds).toBeGreaterThan(HOUR - 60)
  expect(rowAt('/body').bytes).toBeGreaterThan(5000)
  expect(rows.find(({ state }) => state === 'marker')?.varyFields).toEqual(['accept'])
  expect(rows.find(({ url }) => url?.startsWith('http://h/long/'))?.url).toMatch(/y…$/)
  expect(new Set(rows.map(({ server }) => server)).size).toBe(2)

  const pages = await ls(args)
  expect(pages.map(({ state }) => state).filter((state) => ['bans', 'body', 'lease', 'rule'].includes(state))).toEqual([])
  expect((await ls([...args, '--tag', 'x'])).map(({ url }) => url)).toEqual(['http://h/banned', 'http://h/fresh'])
  expect((await ls([...args, '--prefix', '/f'])).map(({ url }) => url)).toEqual(['http://h/fresh'])
  expect((await ls([...args, '--prefix', '/%66'])).map(({ url }) => url)).toEqual(['http://h/fresh'])
  expect((await ls([...args, '--prefix', 'http://H:80/st'])).map(({ url }) => url)).toEqual(['http://h/stale'])
  expect(await ls([...args, '--prefix', 'https://h/'])).toEqual([])
  expect((await ls([...args, '--prefix', `/long/${'y'.repeat(290)}`])).length).toBe(1)

  const text = await runCli(['ls', ...args, '--prefix', '/fresh'])
  expect(text.out).toMatch(/^STATE +SIZE +AGE +TTL +PAGE\nfresh +\d+ +\d+s +\d+m {2}http:\/\/h\/fresh \[en\] status 404 tags x\n$/)
  expect(text.err).toMatch(/^1 item, \d+: 1 fresh\n$/)
})

test('orders', async () => {
  const { policy, args } = policyOf({ prefix: 'sorted' })
  await set(`${policy.keyHead}#bans`, Buffer.from(formatBanList({ epoch: 'e', counter: 7, base: 0, markTime: NOW, markCounter: 0, bans: [] })))
  const pages = { '/b': entry({ storedAt: NOW - 900 }, 'x'.repeat(500)), '/a': entry({ storedAt: NOW - 100, freshUntil: NOW + 100 }), '/c': entry({ freshUntil: NOW + 2 * HOUR }, 'x'.repeat(9000)) }
  for (const [path, value] of Object.entries(pages)) await set(keysOfUrl(`http://h${path}`, policy)[0], value)
  const order = async (by: string): Promise<string> => (await ls([...args, '--sort', by])).map(({ url }) => url?.slice(-1)).join('')
  expect(await order('url')).toBe('abc')
  expect(await order('size')).toBe('cba')
  expect(await order('age')).toBe('cab')
  expect(await order('ttl')).toBe('abc')
})

test('raw mode: what can be known', async () => {
  const { policy, args } = policyOf({ prefix: 'raw', mode: 'raw' })
  const [key] = keysOfUrl('http://h/a', policy)
  await set(key, Buffer.alloc(3000, 'SKC1 AbCdEfGhI-_0'))
  const [row, ...more] = await ls(args)
  expect(more).toEqual([])
  expect(row).toMatchObject({ state: 'raw', url: 'http://h/a', ageSeconds: null, ttlSeconds: null, tags: [] })
  expect(row?.bytes).toBeGreaterThan(3000)
  expect(row?.expiresInSeconds).toBeGreaterThan(HOUR - 60)
  expect(await runCli(['ls', ...args, '--tag', 'x'])).toMatchObject({ exitCode: 2, out: '', err: 'samekey: --tag: entries of raw mode have no tags\n' })
})

test('nothing there', async () => {
  expect(await runCli(['ls', ...policyOf({ prefix: 'empty' }).args])).toEqual({ exitCode: 0, out: '', err: 'nothing is stored\n' })
})

test('one server away: the others are listed, and it is said', async () => {
  const { policy } = policyOf({ prefix: 'away', mode: 'raw' })
  const both = `${servers[0]?.address},127.0.0.1:1`
  const own = new Store({ memcached: servers[0]?.address as string })
  await own.set(keysOfUrl('http://h/a', policy)[0] as string, Buffer.from('x'), { ttlSeconds: HOUR })
  own.close()
  const ran = await runCli(['ls', '--policy', join(folder, 'away.json'), '--memcached', both])
  expect(ran.exitCode).toBe(1)
  expect(ran.out).toContain('http://h/a')
  expect(ran.err).toMatch(/^samekey: memcached 127\.0\.0\.1:1: .*\n1 item, /)
})

test.each([
  { id: 'a prefix that is none', args: ['--prefix', 'blog'], err: /^samekey: --prefix: expected https:\/\/HOST\/PATH or \/PATH, got "blog"\n$/ },
  { id: 'a prefix of nothing', args: ['--prefix', '/a//'], err: /no page with such a path is ever stored \(empty-segment\)/ },
  { id: 'a password', args: ['--prefix', 'http://me:hunter2@h/'], err: /^samekey: leave the user name out/ },
  { id: 'another order', args: ['--sort', 'name'], err: /Allowed choices are url, size, age, ttl/ }
])('$id', async ({ args, err }) => {
  const ran = await runCli(['ls', ...args])
  expect(ran).toMatchObject({ exitCode: 2, out: '' })
  expect(ran.err).toMatch(err)
  expect(ran.err).not.toContain('hunter2')
})

test('get: a page that a ban covers, and one that varies', async () => {
  const { policy, args } = policyOf({ prefix: 'get' })
  const bans = Buffer.from(formatBanList({ epoch: 'e', counter: 7, base: 0, markTime: NOW, markCounter: 0, bans: [{ kind: 't', argument: 'old', counter: 6 }] }))
  await set(`${policy.keyHead}#bans`, bans)
  await set(keysOfUrl('http://h/banned', policy)[0], entry({ tags: ['old'] }))
  const [vary] = keysOfUrl('http://h/vary', policy) as [string]
  const second = variantKey(vary, 'AbCdEfGhI-_0', ['accept-language'], () => 'de', sha256Hex)
  await set(vary, Buffer.from(formatMarker({ fields: ['accept-language'], token: 'AbCdEfGhI-_0', digests: ['0'.repeat(32), digestOf(second)] })))
  await set(second, entry({ status: 404 }, 'nichts'))
  const get = (...more: string[]) => runCli(['get', ...more, ...args])

  expect((await get('http://h/banned')).out).toMatch(/; age \d+ s, purged: a ban covers it \(its clock e\.5, now e\.7\), tags old \(/)
  expect((await get('http://h/vary')).out).toMatch(/\nthe page varies on accept-language; of its 2 forms none is for this request \(/)
  const german = await get('http://h/vary', '-H', 'Accept-Language: DE')
  expect(german.out).toMatch(/\nstatus 404, 0 fields, a body of 6 bytes; age \d+ s, fresh for \d+ s, one of 2 forms by accept-language \(/)
  expect(german.out).toContain(`\nstored under ${second}\n`)
  expect((await get('http://h/vary', '-H', 'Accept-Language: DE', '--body')).out).toBe('nichts')
})

test('get: a page that is good only with the rule of its path', async () => {
  const { policy, args } = policyOf({ prefix: 'ruled' })
  await set(`${policy.keyHead}#bans`, Buffer.from(formatBanList({ epoch: 'e', counter: 7, base: 0, markTime: NOW, markCounter: 0, bans: [] })))
  const [page] = keysOfUrl('http://h/p', policy) as [string]
  const rule = (token: string) => set(searchRuleKey('http', 'h', '/p', policy, sha256Hex), Buffer.from(formatSearchRule({ token, sort: false, names: ['x'], only: false })))
  await set(page, entry({ clock: 'e.7', rule: 'AbCdEfGhI-_0' }))
  const get = async (url: string) => (await runCli(['get', url, ...args])).out

  const isNotUsed = /; age \d+ s, not used: it was not stored by the rule that its path has now for the query/
  expect(await get('http://h/p')).toMatch(isNotUsed)
  await rule('AbCdEfGhI-_0')
  for (const url of ['http://h/p', 'http://h/p?x=1']) expect(await get(url)).toMatch(/; age \d+ s, fresh for/)
  await rule('another-rule')
  for (const url of ['http://h/p', 'http://h/p?x=1']) expect(await get(url)).toMatch(isNotUsed)
})
