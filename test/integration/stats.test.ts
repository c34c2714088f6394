// `samekey stats`: the servers as they say themselves, the items of the policy, the ban list as purges leave it.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createInvalidation } from '../../node-writer/invalidation/invalidation.js'
import { keysOfUrl } from '../../node-writer/key.js'
import { loadPolicy } from '../../node-writer/policy/load.js'
import { Store } from '../../node-writer/store.js'
import { type Memcached, startMemcached } from '../support/memcached.js'
import { runCli } from '../unit/cli_run.js'

const policy = loadPolicy({})
const servers: Memcached[] = []
let folder: string
let list: string
let store: Store

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'samekey-stats-test-'))
  servers.push(await startMemcached(['-m', '77', '-c', '99']), await startMemcached())
  list = servers.map(({ address }) => address).join(',')
  store = new Store({ memcached: list, timeoutMs: 5000 })
})
afterAll(async () => {
  store?.close()
  await Promise.all(servers.map((server) => server.stop()))
  rmSync(folder, { recursive: true, force: true })
})

type Report = {
  servers: { server: string; error: string | null; stats: Record<string, unknown> | null; own: Record<string, number>; ownBytes: number }[]
  bans: { clock: string; counter: number; base: number; tags: number; compared: number; purges: { count: number; since: string } | null; last: string[] | null; error: string | null } | null
}

async function stats(...args: string[]): Promise<Report> {
  const ran = await runCli(['stats', '--json', '--memcached', list, ...args])
  expect(ran).toMatchObject({ exitCode: 0, err: '' })
  return JSON.parse(ran.out) as Report
}

test('servers, pages and the ban list', async () => {
  expect((await stats()).bans).toMatchObject({ clock: null, last: null, error: null })
  expect((await runCli(['stats', '--memcached', list])).out).toMatch(/\nban list {2}none yet; the first render makes it on 127\.0\.0\.1:\d+\n$/)

  for (let i = 0; i < 20; i++) await store.set(keysOfUrl(`http://h/${i}`, policy)[0] as string, Buffer.from('x'), { ttlSeconds: 100 })
  await store.set(`${policy.keyHead}#b:x`, Buffer.alloc(3000), { ttlSeconds: 100 })
  await store.set('somebody-else', Buffer.alloc(3000), { ttlSeconds: 100 })
  const { lists } = createInvalidation(policy, store)
  await lists.append({ kind: 'all' })
  await lists.append({ kind: 'prefix', prefixes: ['http://h/a'] })
  await lists.append({ kind: 'tag', tags: ['one', 'two'] })

  const report = await stats()
  expect(report.servers.map(({ server }) => server).join(',')).toBe(list)
  const sum = (count: (server: Report['servers'][number]) => number): number => report.servers.reduce((total, server) => total + count(server), 0)
  expect(sum(({ own }) => own['page'] ?? 0)).toBe(20)
  expect(sum(({ own }) => own['body'] ?? 0)).toBe(1)
  expect(sum(({ own }) => own['bans'] ?? 0)).toBe(1)
  expect(sum(({ stats: of }) => of?.['items'] as number)).toBe(23)
  expect(sum(({ ownBytes }) => ownBytes)).toBeGreaterThan(3000)
  expect(sum(({ ownBytes }) => ownBytes)).toBeLessThan(6000)
  expect(report.servers[0]?.stats).toMatchObject({ limitBytes: 77 * 2 ** 20, maxConnections: 99, evictions: 0, refusals: 0 })
  expect(report.bans).toMatchObject({ counter: 3, base: 1, tags: 2, compared: 1, purges: { count: 3 }, last: ['tag one', 'tag two'] })

  const { out } = await runCli(['stats', '--memcached', list])
  expect(out).toMatch(/^SERVER .*\n127\.0\.0\.1:\d+ +\d+ +[\d.KM]+ of 77\.0M +(?:[\d.]+%|-) +0 +\d+ of 99 +\d+s {2}1\.\S+\n/)
  expect(out).toMatch(/\nstored {4}20 pages, 1 body of its own; \d/)
  expect(out).toMatch(/\npurges {4}3 in all, 3 since \S+Z; the last of tag one, tag two\n$/)

  await lists.append({ kind: 'all' })
  expect((await runCli(['stats', '--memcached', list])).out).toMatch(/the last of everything\n$/)
})

test('raw mode has no ban list', async () => {
  writeFileSync(join(folder, 'raw.json'), JSON.stringify({ mode: 'raw' }))
  expect((await stats('--policy', join(folder, 'raw.json'))).bans).toBeNull()
})

test('a server that is away is said in its row', async () => {
  const ran = await runCli(['stats', '--memcached', `${servers[0]?.address},127.0.0.1:1`])
  expect(ran.exitCode).toBe(1)
  expect(ran.out).toMatch(/\n127\.0\.0\.1:1 +memcached 127\.0\.0\.1:1: .*ECONNREFUSED/)
  expect(ran.out).toMatch(new RegExp(`\\n${servers[0]?.address} +\\d+`))
})

test('a ban list that cannot be read', async () => {
  const own = await startMemcached()
  const single = new Store({ memcached: own.address })
  try {
    await single.set(`${policy.keyHead}#bans`, Buffer.from('nonsense'), { ttlSeconds: 100 })
    const ran = await runCli(['stats', '--memcached', own.address])
    expect(ran.exitCode).toBe(1)
    expect(ran.out).toMatch(/\nban list {2}the ban list cannot be read/)
  } finally {
    single.close()
    await own.stop()
  }
})
