// Listing what a real memcached has, of one policy only, and without holding its pages or disturbing its order.

import { createServer, type Server, type Socket } from 'node:net'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { formatHead } from '../../njs/core/entry.js'
import { send, SET } from '../../node-writer/memcached_command.js'
import { dumpKeys } from '../../node-writer/listing/dump_keys.js'
import { type ItemStart, readStarts } from '../../node-writer/listing/item_starts.js'
import { readStats, TextConnection } from '../../node-writer/listing/text_connection.js'
import { parseServers, type ServerAddress } from '../../node-writer/ring.js'
import { Store } from '../../node-writer/store.js'
import { type Memcached, startMemcached } from '../support/memcached.js'

const HEAD = 'samekey:1abcdef01:'
const addressOf = (text: string): ServerAddress => parseServers(text)[0] as ServerAddress

let memcached: Memcached
let store: Store
let connection: TextConnection
const closers: (() => unknown)[] = []

beforeAll(async () => {
  memcached = await startMemcached(['-m', '128'])
  store = new Store({ memcached: memcached.address })
  connection = new TextConnection(addressOf(memcached.address))
})
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})
afterAll(async () => {
  connection?.close()
  store?.close()
  await memcached?.stop()
})

/** A server that gives its answers in their order, one for each question. */
async function scripted(...answers: string[]): Promise<TextConnection> {
  const sockets: Socket[] = []
  const server: Server = createServer((socket) => {
    sockets.push(socket)
    socket.on('data', () => socket.write(answers.shift() ?? ''))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const own = new TextConnection(addressOf(`127.0.0.1:${(server.address() as AddressInfo).port}`), 200)
  closers.push(() => own.close(), () => sockets.forEach((socket) => socket.destroy()), () => server.close())
  return own
}

const until1 = (end: string) => (chunk: Buffer): boolean => chunk.toString('latin1').endsWith(end)

test('the keys of this policy, with what they cost and when they expire', async () => {
  const now = Math.floor(Date.now() / 1000)
  await store.set(`${HEAD}http://h/a?b=^20&c=~x`, Buffer.from('one'), { ttlSeconds: 1000 })
  await connection.ask(`set ${HEAD}#bans 0 0 3\r\nabc\r\n`, until1('STORED\r\n'))
  await store.set('samekey:1abcdef02:http://h/other-fingerprint', Buffer.from('x'), { ttlSeconds: 1000 })
  await store.set('somebody-else', Buffer.from('x'), { ttlSeconds: 1000 })
  const items = (await dumpKeys(connection, HEAD)).sort((a, b) => a.key.localeCompare(b.key))
  expect(items.map(({ key }) => key)).toEqual([`${HEAD}#bans`, `${HEAD}http://h/a?b=^20&c=~x`])
  expect(items[0]?.expiresAt).toBeNull()
  expect(Math.abs((items[1]?.expiresAt as number) - now - 1000)).toBeLessThanOrEqual(30)
  expect(items[1]?.bytes).toBeGreaterThan(HEAD.length + 3)
})

test("somebody's key with a line end in it is no command", async () => {
  const key = `${HEAD}x\r\nflush_all`
  // The binary protocol takes any byte.
  await send(store.connectionOf(HEAD), { opcode: SET, key, value: Buffer.from('x'), options: { ttlSeconds: 100 } })
  const items = await dumpKeys(connection, HEAD)
  expect(items.length).toBeGreaterThan(0)
  expect(items.some((item) => item.key.includes('flush_all'))).toBe(false)
})

test('of an entry its head, of other items their start, of missing ones nothing; and nothing counts as used', async () => {
  const head = formatHead({ status: 200, bodyBytes: 500_000, storedAt: 1, initialAge: 0, freshUntil: 2, refreshUntil: 2, errorUntil: 2, bodyKey: '', clock: '', rule: '', tags: ['a'], headers: [['X', 'y'.repeat(9000)]] })
  const long = Array.from({ length: 150 }, (_, i) => `${HEAD}http://h/many/${i}`)
  await store.set(`${HEAD}entry`, Buffer.concat([Buffer.from(head), Buffer.alloc(500_000, 'b')]), { ttlSeconds: 100 })
  await store.set(`${HEAD}raw`, Buffer.alloc(300_000, 'MN\r\n'), { ttlSeconds: 100 })
  await store.set(`${HEAD}claim`, Buffer.from('SKC1'), { ttlSeconds: 100 })
  await store.set(`${HEAD}empty`, Buffer.alloc(0), { ttlSeconds: 100 })
  for (const key of long) await store.set(key, Buffer.from(key), { ttlSeconds: 100 })
  const found: ItemStart[] = []
  await readStarts(connection, [`${HEAD}entry`, `${HEAD}gone`, `${HEAD}raw`, `${HEAD}claim`, `${HEAD}empty`, ...long], (item) => found.push(item))
  expect(found.map(({ key, bytes, start }) => ({ key, bytes, start: start.length }))).toEqual([
    { key: `${HEAD}entry`, bytes: head.length + 500_000, start: head.length },
    { key: `${HEAD}raw`, bytes: 300_000, start: 4096 },
    { key: `${HEAD}claim`, bytes: 4, start: 4 },
    { key: `${HEAD}empty`, bytes: 0, start: 0 },
    ...long.map((key) => ({ key, bytes: key.length, start: key.length }))
  ])
  expect(found[0]?.start.toString('latin1')).toBe(head)
  expect(found[4]?.start.toString('latin1')).toBe(long[0])
  let used = ''
  await connection.ask(`mg ${HEAD}claim h\r\n`, (chunk) => (used += chunk.toString('latin1')).endsWith('\r\n'))
  expect(used).toBe('HD h0\r\n')
})

test('20,000 keys', async () => {
  const bulk = Array.from({ length: 20_000 }, (_, i) => `set ${HEAD}http://h/bulk/${i} 0 100 1 noreply\r\nx\r\n`).join('')
  await connection.ask(bulk + 'version\r\n', until1('\r\n'))
  const items = await dumpKeys(connection, HEAD)
  expect(new Set(items.map(({ key }) => key).filter((key) => key.includes('/bulk/'))).size).toBe(20_000)
})

test('stats and settings', async () => {
  expect((await readStats(connection)).get('version')).toMatch(/^1\./)
  expect((await readStats(connection, 'settings')).get('cas_enabled')).toBe('yes')
})

test('a server that is busy listing is asked again, and not for ever', async () => {
  const busy = 'BUSY currently processing crawler request\r\n'
  expect(await dumpKeys(await scripted(busy, busy, 'END\r\n'), HEAD)).toEqual([])
  await expect(dumpKeys(await scripted(busy), HEAD, 0)).rejects.toThrow(/^memcached 127\.0\.0\.1:\d+: is listing its keys for somebody else/)
})

test.each([
  { id: 'a server that cannot', answer: 'ERROR\r\n', error: /a later memcached is needed/ },
  { id: 'a server that cannot do it in this way', answer: 'BADCLASS invalid class id\r\n', error: /a later memcached is needed/ },
  { id: 'a server whose crawler is off', answer: 'ERROR lru crawler disabled\r\n', error: /cannot list its keys: ERROR lru crawler disabled/ },
  { id: 'a server that says nothing', answer: '', error: /no answer within 200 ms/ },
  { id: 'half an answer', answer: 'key=samekey%3A1abcdef01%3Ax exp=-1', error: /no answer within 200 ms/ }
])('$id', async ({ answer, error }) => {
  await expect(dumpKeys(await scripted(answer), HEAD)).rejects.toThrow(error)
})

test('an item that is listed twice is there once', async () => {
  const line = 'key=samekey%3A1abcdef01%3Ax exp=-1 la=1 cas=1 fetch=no cls=1 size=70\r\n'
  expect(await dumpKeys(await scripted(line + line + 'END\r\n'), HEAD)).toEqual([{ key: `${HEAD}x`, bytes: 70, expiresAt: null }])
})

test('nobody there', async () => {
  const nowhere = new TextConnection(addressOf('127.0.0.1:1'))
  await expect(dumpKeys(nowhere, HEAD)).rejects.toMatchObject({ name: 'StoreError', code: 'connection' })
})
