// What the writer promises of purges and of crowds, with two writers as in two processes, each with connections of its
// own, on real memcached: docs/invalidation.md. What Nginx makes of it: replay_bans.test.ts, writer_refresh.test.ts.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { keysOfUrl } from '../../node-writer/key.js'
import type { PolicyDocument } from '../../node-writer/policy/types.js'
import { Store } from '../../node-writer/store.js'
import { startMemcached } from '../support/memcached.js'
import { memcached, store } from '../support/memcached_of_file.js'
import { until } from '../support/until.js'
import { exchange, itemAt, sixtySeconds, startApp, type App } from './writer_app.js'

const HOST = 'pages.test'
const policyOf = (more: PolicyDocument = {}): PolicyDocument => ({ ...sixtySeconds, hosts: [HOST], ...more })

/** Renders that wait to be answered, of both writers, in the order in which they began. */
let renders: { req: IncomingMessage; res: ServerResponse }[] = []
const apps: App[] = []
let path = ''
let paths = 0
beforeEach(() => {
  renders = []
  path = `/page-${++paths}`
})
afterEach(async () => { await Promise.all(apps.splice(0).map((app) => app.stop())) })

async function start(document = policyOf(), servers = memcached.address): Promise<App> {
  const app = await startApp((req, res) => { renders.push({ req, res }) }, { policy: document, memcached: servers })
  apps.push(app)
  return app
}

/** A request as Nginx forwards it. */
function request(app: App, target: string, { forward = 'uri-miss', method = 'GET', fields = [] as string[] } = {}): string {
  return [`${method} ${target} HTTP/1.1`, `Host: ${HOST}`, 'Connection: close', `X-Samekey-Key: ${keyOf(app, target)}`, `X-Samekey-Forward: ${forward}`, ...fields, '', ''].join('\r\n')
}

const keyOf = (app: App, target: string): string => keysOfUrl(`http://${HOST}${target}`, app.cache.policy)[0] as string
const ask = (app: App, target = path, options: Parameters<typeof request>[2] = {}) => exchange(app.port, request(app, target, options))
const rendering = (count: number) => until(`${count} renders`, async () => (renders.length >= count ? true : undefined))
const answer = (index: number, body: string, fields: Record<string, string> = {}) => renders[index]?.res.writeHead(200, { 'Content-Length': body.length, ...fields }).end(body)
const statusOf = (response: string): string | undefined => /^Cache-Status: (.*)\r$/m.exec(response)?.[1]

describe('a purge while a page is being rendered', () => {
  test.each<{ id: string; document?: PolicyDocument; fields?: Record<string, string>; target?: string }>([
    { id: 'a page' },
    { id: 'a page that varies', fields: { Vary: 'X-Tint' } },
    { id: 'a page with a query', target: '?b=2' },
    { id: 'raw mode', document: { mode: 'raw' }, fields: { 'Content-Type': 'text/html; charset=utf-8' } }
  ])('$id: by another process; it is not stored, the next one is', async ({ document = {}, fields = {}, target = '' }) => {
    const [here, there] = [await start(policyOf(document)), await start(policyOf(document))]
    path += target
    const outcome = here.outcome()
    const response = ask(here)
    await rendering(1)
    await there.cache.purge(`http://${HOST}${path}`)
    answer(0, 'before', fields)
    expect(await response).toContain('before')
    expect(await outcome).toMatchObject({ kind: 'skipped', reason: 'purged' })
    expect(await itemAt(store, keyOf(here, path))).toBeNull()

    const stored = here.outcome()
    const next = ask(here)
    await rendering(2)
    answer(1, 'after', fields)
    await next
    expect(await stored).toMatchObject({ kind: 'stored' })
  })

  test('the next visitor has rendered and stored before the old render ends: the new page stays', async () => {
    const [here, there] = [await start(), await start()]
    const old = ask(here)
    await rendering(1)
    await there.cache.purge(`http://${HOST}${path}`)
    const next = ask(there)
    await rendering(2)
    const stored = there.outcome()
    answer(1, 'after')
    await next
    expect(await stored).toMatchObject({ kind: 'stored' })
    const outcome = here.outcome()
    answer(0, 'before')
    await old
    expect(await outcome).toMatchObject({ kind: 'skipped', reason: 'purged' })
    expect((await itemAt(store, keyOf(here, path)))?.toString()).toMatch(/after$/)
  })

  test('a tag: the page has the clock of before its render, and is answered to nobody', async () => {
    const [here, there] = [await start(), await start()]
    const response = ask(here)
    await rendering(1)
    await there.cache.purge({ tags: ['t'] })
    const outcome = here.outcome()
    answer(0, 'before', { 'Cache-Tag': 't' })
    await response
    expect(await outcome).toMatchObject({ kind: 'stored' })
    // The entry lies there, and no writer uses it.
    const next = ask(there)
    await rendering(2)
    answer(1, 'after', { 'Cache-Tag': 't' })
    expect(await next).toContain('after')
  })

  test.each([
    { id: 'stale-if-error', fields: { 'Cache-Control': 'max-age=0, stale-if-error=600' }, then: 500 },
    { id: 'a 304', fields: { 'Cache-Control': 'no-cache', ETag: '"v1"' }, then: 200 }
  ])('what is banned is not used for $id', async ({ fields, then }) => {
    const here = await start()
    const first = ask(here)
    await rendering(1)
    const stored = here.outcome()
    answer(0, 'before', { ...fields, 'Cache-Tag': 't' })
    await first
    expect(await stored).toMatchObject({ kind: 'stored' })
    await here.cache.purge({ tags: ['t'] })
    const next = ask(here, path, { forward: 'stale' })
    await rendering(2)
    expect(renders[1]?.req.headers['if-none-match']).toBeUndefined()
    renders[1]?.res.writeHead(then, { 'Content-Length': 3 }).end('now')
    expect(await next).toMatch(new RegExp(`^HTTP/1.1 ${then} [^]*now$`))
  })

  test.each([
    { id: 'the claim is evicted', lose: async (app: App) => { await store.delete(keyOf(app, path)) } },
    { id: 'the claim is another\'s', lose: async (app: App) => { await store.set(keyOf(app, path), Buffer.from('SKC1 AbCdEfGhI-_0'), { ttlSeconds: 60 }) } }
  ])('$id: a hit is lost, and nothing else', async ({ lose }) => {
    const here = await start()
    const outcome = here.outcome()
    const response = ask(here)
    await rendering(1)
    await lose(here)
    answer(0, 'page')
    expect(await response).toContain('page')
    expect(await outcome).toMatchObject({ kind: 'skipped', reason: 'purged' })
  })

  test('a memcached that starts anew meanwhile is not stored into', async () => {
    const first = await startMemcached()
    const here = await start(policyOf(), first.address)
    const response = ask(here)
    await rendering(1)
    await first.stop()
    const second = await startMemcached([], first.port)
    const other = new Store({ memcached: second.address })
    try {
      answer(0, 'page')
      expect(await response).toContain('page')
      await here.cache.close()
      expect(await itemAt(other, keyOf(here, path))).toBeNull()
    } finally {
      other.close()
      await second.stop()
    }
  })

  test('two forms of a page that are rendered at once are both stored', async () => {
    const [here, there] = [await start(), await start()]
    const uncached = { forward: 'request' }
    const responses = [ask(here, path, { ...uncached, fields: ['X-Tint: red'] }), ask(there, path, { ...uncached, fields: ['X-Tint: blue'] })]
    await rendering(2)
    const outcomes = [here.outcome(), there.outcome()]
    answer(0, 'one', { Vary: 'X-Tint' })
    expect(await outcomes[renders[0]?.req.headers['x-tint'] === 'red' ? 0 : 1]).toMatchObject({ kind: 'stored' })
    answer(1, 'two', { Vary: 'X-Tint' })
    expect((await Promise.all(outcomes)).map(({ kind }) => kind)).toEqual(['stored', 'stored'])
    await Promise.all(responses)
  })
})

describe('a crowd', () => {
  const crowd = (apps: App[], visitors: number, options: Parameters<typeof request>[2] = {}) => Array.from({ length: visitors }, (_, i) => ask(apps[i % apps.length] as App, path, options))

  test.each<{ id: string; document?: PolicyDocument; fields: Record<string, string> }>([
    { id: 'full mode', fields: {} },
    { id: 'raw mode', document: { mode: 'raw' }, fields: { 'Content-Type': 'text/html; charset=utf-8' } }
  ])('of two processes costs one render, and the others are answered with what it stored: $id', async ({ document = {}, fields }) => {
    const both = [await start(policyOf(document)), await start(policyOf(document))]
    const responses = crowd(both, 100)
    await rendering(1)
    answer(0, 'page', fields)
    const statuses = (await Promise.all(responses)).map((response) => { expect(response).toMatch(/page$/); return statusOf(response) })
    expect(renders.length).toBe(1)
    expect(statuses.filter((status) => status?.includes('collapsed')).length).toBe(99)
  })

  test.each<{ id: string; end: (res: ServerResponse) => void }>([
    { id: 'fails', end: (res) => { res.writeHead(500).end('broken') } },
    { id: 'breaks off', end: (res) => { res.destroy() } }
  ])('whose leader $id goes on with another', async ({ end }) => {
    const app = await start()
    const responses = crowd([app], 10)
    await rendering(1)
    end((renders[0] as { res: ServerResponse }).res)
    await rendering(2)
    answer(1, 'page')
    const bodies = await Promise.all(responses)
    expect(bodies.filter((body) => body.endsWith('page')).length).toBe(9)
    expect(renders.length).toBe(2)
  })

  test('of an uncacheable page waits for one answer, and then for nobody', async () => {
    const app = await start()
    const responses = crowd([app], 10)
    await rendering(1)
    answer(0, 'mine', { 'Cache-Control': 'private' })
    await rendering(10)
    renders.slice(1).forEach((_, i) => answer(i + 1, 'mine', { 'Cache-Control': 'private' }))
    await Promise.all(responses)
    const more = crowd([app], 5)
    await rendering(15)
    renders.slice(10).forEach((_, i) => answer(i + 10, 'mine', { 'Cache-Control': 'private' }))
    await Promise.all(more)
  })

  test('each follower gets what it asked for: a 304, a part', async () => {
    const app = await start()
    const leader = ask(app)
    await rendering(1)
    const followers = [ask(app, path, { fields: ['If-None-Match: "v1"'] }), ask(app, path, { fields: ['Range: bytes=0-3'] })]
    answer(0, '0123456789', { ETag: '"v1"', 'Content-Type': 'application/octet-stream' })
    expect(await leader).toMatch(/^HTTP\/1.1 200 /)
    const [unchanged, part] = await Promise.all(followers)
    expect(unchanged).toMatch(/^HTTP\/1.1 304 /)
    expect(part).toMatch(/^HTTP\/1.1 206 [^]*\r\n\r\n0123$/)
    expect(renders.length).toBe(1)
  })

  test('a follower that goes away while it waits costs no render', async () => {
    const app = await start()
    const leader = ask(app)
    await rendering(1)
    const socket = connect(app.port, '127.0.0.1', () => socket.write(request(app, path)))
    socket.on('error', () => {})
    const other = ask(app)
    socket.destroy()
    renders[0]?.res.writeHead(500).end('broken')
    await leader
    await rendering(2)
    answer(1, 'page')
    expect(await other).toContain('page')
    expect(renders.length).toBe(2)
  })
})

test('without memcached every visitor is rendered for at once', async () => {
  const gone = await startMemcached()
  await gone.stop()
  const app = await start(policyOf(), gone.address)
  const responses = Array.from({ length: 20 }, () => ask(app))
  await rendering(20)
  renders.forEach((_, i) => answer(i, 'page'))
  for (const response of await Promise.all(responses)) expect(response).toMatch(/page$/)
})
