// The page cache as an app uses it, with real memcached: what is stored, what is not and why, purges, and trouble.
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import type { ServerResponse } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { freePort } from '../support/free_port.js'
import { describe, expect, test } from 'vitest'
import { keysOfUrl } from '../../node-writer/key.js'
import { pageCache } from '../../node-writer/page_cache.js'
import type { PurgeRecord } from '../../node-writer/purge_record.js'
import type { PolicyDocument } from '../../node-writer/policy/types.js'
import { startMemcached } from '../support/memcached.js'
import { memcached, store } from '../support/memcached_of_file.js'
import { exchange, itemAt, plainRequest, readEntry, sixtySeconds, startApp } from './writer_app.js'

const hello = (_: unknown, res: ServerResponse) => { res.end('hello') }

/** HTML that gzip cannot shorten much: no two runs of it are alike. */
function noise(bytes: number): Buffer {
  let state = 1
  return Buffer.from(Array.from({ length: bytes }, () => (state = (state * 48271) % 2147483647) & 0xff))
}

describe('requests that are not looked up', () => {
  test.each([
    { id: 'no key from Nginx', lines: (_: string) => [], outcome: { kind: 'skipped', reason: 'not-looked-up' } },
    { id: 'another key', lines: (_: string) => ['X-Samekey-Key: samekey:other'], outcome: { kind: 'drift' } },
    { id: 'a session', lines: (key: string) => [`X-Samekey-Key: ${key}`, 'Cookie: PHPSESSID=1'], outcome: { kind: 'skipped', reason: 'bypass', detail: 'cookie' } },
    { id: 'authorization', lines: (key: string) => [`X-Samekey-Key: ${key}`, 'Authorization: Basic eDp5'], outcome: { kind: 'skipped', reason: 'bypass', detail: 'authorization' } },
    { id: 'a field that Nginx removes', lines: (key: string) => [`X-Samekey-Key: ${key}`, 'X-Forwarded-Host: evil.example'], outcome: { kind: 'skipped', reason: 'unkeyed-header', detail: 'x-forwarded-host' } },
    { id: 'a cookie that is no dimension', lines: (key: string) => [`X-Samekey-Key: ${key}`, 'Cookie: theme=dark'], outcome: { kind: 'skipped', reason: 'unkeyed-header', detail: 'cookie' } },
    { id: 'arguments that are not canonical', target: '/page?utm_source=x', lines: (key: string) => [`X-Samekey-Key: ${key}`], outcome: { kind: 'skipped', reason: 'not-canonical' } },
    { id: 'another scheme', lines: (key: string) => [`X-Samekey-Key: ${key}`, 'X-Forwarded-Proto: https'], outcome: { kind: 'drift' } },
  ])('$id', async ({ lines, outcome, target = '/page' }) => {
    const app = await startApp(hello, { memcached: memcached.address })
    try {
      const told = app.outcome()
      const response = await exchange(app.port, plainRequest(app.port, target, 'GET', lines(app.key('/page'))))
      expect(response).toContain('hello')
      expect(await told).toMatchObject(outcome)
      expect(await itemAt(store, app.key('/page'))).toBeNull()
    } finally {
      await app.stop()
    }
  })
})

describe('entries', () => {
  test('a small page is one item, compressed once, with a weak ETag and Vary', async () => {
    const page = '<p>one of many</p>'.repeat(500)
    const app = await startApp((_, res) => { res.writeHead(200, { 'Content-Type': 'text/html', ETag: '"v1"', Vary: 'Cookie', Age: '7', Server: 'app' }); res.end(page) }, { memcached: memcached.address })
    try {
      const outcome = app.outcome()
      await exchange(app.port, app.request('/small'))
      expect(await outcome).toMatchObject({ kind: 'stored', key: app.key('/small') })
      const entry = await readEntry(store, app.key('/small'))
      expect(entry?.head.bodyKey).toBe('')
      expect(entry?.head.headers.filter(([name]) => name !== 'Date' && name !== 'Cache-Control')).toEqual([['Content-Type', 'text/html'], ['Content-Encoding', 'gzip'], ['ETag', 'W/"v1"'], ['Vary', 'Cookie, Accept-Encoding'], ['Server', 'app']])
      expect(gunzipSync(entry?.body as Buffer).toString()).toBe(page)
      // 7 s of the route's 60 were over when it came.
      expect([entry?.head.initialAge, (entry?.head.freshUntil as number) - (entry?.head.storedAt as number)]).toEqual([7, 53])
    } finally {
      await app.stop()
    }
  })

  test.each([
    { id: 'large', status: 200, body: noise(300_000) },
    { id: 'redirect', status: 308, body: Buffer.from('moved') },
  ])('$id: head and body are two items', async ({ id, status, body }) => {
    const app = await startApp((_, res) => { res.writeHead(status, { Location: '/x' }); res.end(body) }, { memcached: memcached.address })
    try {
      const outcome = app.outcome()
      await exchange(app.port, app.request(`/${id}`))
      expect(await outcome).toMatchObject({ kind: 'stored' })
      const entry = await readEntry(store, app.key(`/${id}`))
      expect(entry?.head.bodyKey).toMatch(/#b:[A-Za-z0-9_-]{43}$/)
      expect(entry?.body.equals(body)).toBe(true)
    } finally {
      await app.stop()
    }
  })

  test('an item over the limit is not stored, and the older page is gone', async () => {
    let body: Buffer = Buffer.from('short')
    const app = await startApp((_, res) => { res.end(body) }, { memcached: memcached.address })
    try {
      let outcome = app.outcome()
      await exchange(app.port, app.request('/grows'))
      expect(await outcome).toMatchObject({ kind: 'stored' })
      body = noise(1_100_000)
      outcome = app.outcome()
      await exchange(app.port, app.request('/grows'))
      expect(await outcome).toMatchObject({ kind: 'skipped', reason: 'item-too-large' })
      await app.cache.close()
      expect(await itemAt(store, app.key('/grows'))).toBeNull()
    } finally {
      await app.stop()
    }
  })

  describe('a page that was stored and is rendered again', () => {
    test.each([
      { id: 'private', answer: (res: ServerResponse) => { res.writeHead(200, { 'Cache-Control': 'private' }).end('mine') }, reason: 'private', kept: false },
      { id: 'for members only', answer: (res: ServerResponse) => { res.writeHead(403).end() }, reason: 'status', kept: false },
      { id: 'in part', answer: (res: ServerResponse) => { res.writeHead(206).end('p') }, reason: 'status', kept: true },
      { id: 'not modified for one client', answer: (res: ServerResponse) => { res.writeHead(304).end() }, reason: 'status', kept: true },
      { id: 'too often', answer: (res: ServerResponse) => { res.writeHead(429).end() }, reason: 'status', kept: true },
      { id: 'with an error', answer: (res: ServerResponse) => { res.writeHead(500).end('broken') }, reason: 'status', kept: true },
      { id: 'and breaks off', answer: (res: ServerResponse) => { res.write('half', () => res.destroy()) }, reason: 'incomplete', kept: true },
    ])('$id: kept $kept', async ({ answer, reason, kept }) => {
      let now = (res: ServerResponse) => { res.end('public') }
      const app = await startApp((_, res) => now(res), { memcached: memcached.address })
      const ask = async () => {
        const outcome = app.outcome()
        await exchange(app.port, app.request('/changes'))
        return outcome
      }
      try {
        expect(await ask()).toMatchObject({ kind: 'stored' })
        now = answer
        expect(await ask()).toMatchObject({ kind: 'skipped', reason })
        // Lets a delete under way end.
        await app.cache.close()
        expect((await itemAt(store, app.key('/changes'))) !== null).toBe(kept)
      } finally {
        await app.stop()
      }
    })
  })

  test('raw mode keeps the body alone, and Nginx is told by a flag that it is gzip', async () => {
    const page = '<p>raw</p>'.repeat(500)
    const app = await startApp((_, res) => { res.writeHead(200, { 'Content-Type': 'TEXT/HTML;charset="UTF-8"' }); res.end(page) }, { memcached: memcached.address, policy: { ...sixtySeconds, mode: 'raw' } })
    try {
      const outcome = app.outcome()
      await exchange(app.port, app.request('/raw'))
      expect(await outcome).toMatchObject({ kind: 'stored' })
      const item = await store.get(app.key('/raw'))
      expect(item?.gzip).toBe(true)
      expect(gunzipSync(item?.value as Buffer).toString()).toBe(page)
    } finally {
      await app.stop()
    }
  })
})

describe('purge', () => {
  const languages: PolicyDocument = { ...sixtySeconds, hosts: ['example.org'], variants: [{ name: 'language', cookie: 'lang', values: ['en', 'de'] }, { name: 'device', header: 'x-device', values: ['phone', 'desk', 'tv'] }] }

  test('every variant of every spelling, under both schemes for a path', async () => {
    const cache = pageCache(languages, { memcached: memcached.address })
    const keys = ['http', 'https'].flatMap((scheme) => keysOfUrl(`${scheme}://example.org/page?a=1&b=2`, cache.policy))
    expect(new Set(keys).size).toBe(12)
    await Promise.all(keys.map((key) => store.set(key, Buffer.from('x'), { ttlSeconds: 60 })))
    const told: PurgeRecord[] = []
    cache.on('purge', (record) => told.push(record))

    const result = await cache.purge('/page?utm_source=mail&b=2&a=1')
    expect(result.deleted).toBe(12)
    expect(told).toMatchObject([{ by: '', asked: { urls: '/page?utm_source=mail&b=2&a=1' }, outcome: 'done', ...result, error: '' }])
    expect(result.pages.flatMap((page) => page.keys).sort()).toEqual([...keys].sort())
    expect(await Promise.all(keys.map((key) => store.get(key)))).toEqual(keys.map(() => null))
    await cache.close()
  })

  test('an absolute URL means its own scheme and host', async () => {
    const cache = pageCache(sixtySeconds, { memcached: memcached.address })
    const [http, https] = ['http', 'https'].map((scheme) => keysOfUrl(`${scheme}://a.example/p`, cache.policy)[0] as string) as [string, string]
    await store.set(http, Buffer.from('x'), { ttlSeconds: 60 })
    await store.set(https, Buffer.from('x'), { ttlSeconds: 60 })
    expect(await cache.purge(['HTTPS://A.example:443/p#top'])).toEqual({ pages: [{ url: 'HTTPS://A.example:443/p#top', keys: [https] }], deleted: 1, bans: [], clock: '' })
    expect(await store.get(http)).not.toBeNull()
    await cache.close()
  })

  test.each([['a path without a site', '/p'], ['no URL', 'example.org/p'], ['another scheme', 'ftp://example.org/']])('%s is refused before anything is deleted', async (_, url) => {
    const cache = pageCache(sixtySeconds, { memcached: memcached.address })
    const key = keysOfUrl('http://b.example/p', cache.policy)[0] as string
    await store.set(key, Buffer.from('x'), { ttlSeconds: 60 })
    await expect(cache.purge(['http://b.example/p', url])).rejects.toThrow(TypeError)
    expect(await store.get(key)).not.toBeNull()
    await cache.close()
  })

  test('rejects when a server cannot be reached, and says which', async () => {
    const away = `127.0.0.1:${await freePort()}`
    const cache = pageCache(sixtySeconds, { memcached: `${memcached.address},${away}` })
    const urls = Array.from({ length: 20 }, (_, i) => `http://c.example/${i}`)
    const error = await cache.purge(urls).then(() => { throw new Error('it pretended') }, (reason: unknown) => reason)
    expect(error).toMatchObject({ name: 'PurgeError' })
    const { failures, result } = error as { failures: { server: string }[]; result: { pages: unknown[] } }
    expect(new Set(failures.map(({ server }) => server))).toEqual(new Set([away]))
    expect(result.pages.length + failures.length).toBe(20)
    await cache.close()
  })

  test('tries a server that did not answer a moment ago', async () => {
    const port = await freePort()
    const app = await startApp(hello, { memcached: `127.0.0.1:${port}` })
    const outcome = app.outcome()
    await exchange(app.port, app.request('/p'))
    expect(await outcome).toMatchObject({ kind: 'error', operation: 'claim' })
    const back = await startMemcached([], port)
    try {
      expect(await app.cache.purge(`http://127.0.0.1:${app.port}/p`)).toMatchObject({ deleted: 0 })
    } finally {
      await app.stop()
      await back.stop()
    }
  })

  test('a render that began before it is not stored, a later one is', async () => {
    const answers: ServerResponse[] = []
    let arrived = () => {}
    const app = await startApp((_, res) => { answers.push(res); arrived() }, { memcached: memcached.address })
    try {
      const first = new Promise<void>((resolve) => { arrived = resolve })
      const outcome = app.outcome()
      const response = exchange(app.port, app.request('/edited'))
      await first
      await app.cache.purge(`http://127.0.0.1:${app.port}/edited`)
      answers[0]?.end('before the edit')
      expect(await response).toContain('before the edit')
      expect(await outcome).toMatchObject({ kind: 'skipped', reason: 'purged' })
      expect(await itemAt(store, app.key('/edited'))).toBeNull()

      const second = new Promise<void>((resolve) => { arrived = resolve })
      const later = app.outcome()
      const next = exchange(app.port, app.request('/edited'))
      await second
      answers[1]?.end('after the edit')
      await next
      expect(await later).toMatchObject({ kind: 'stored' })
    } finally {
      await app.stop()
    }
  })
})

describe('memcached in trouble', () => {
  test('refused: responses are the same, errors are told once a while', async () => {
    const app = await startApp(hello, { memcached: `127.0.0.1:${await freePort()}` })
    try {
      const first = app.outcome()
      expect(await exchange(app.port, app.request('/p'))).toContain('hello')
      expect(await first).toMatchObject({ kind: 'error', operation: 'claim' })
      const second = app.outcome()
      expect(await exchange(app.port, app.request('/p'))).toContain('hello')
      expect(await second).toMatchObject({ kind: 'dropped', operation: 'claim' })
    } finally {
      await app.stop()
    }
  })

  test('silent: no response waits for longer than its timeout, and then none for a while', async () => {
    const server = createServer((socket) => socket.on('error', () => {}).resume())
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const app = await startApp(hello, { memcached: `127.0.0.1:${(server.address() as AddressInfo).port}`, timeoutMs: 300 })
    try {
      const told: string[] = []
      app.cache.on('error', () => told.push('error'))
      app.cache.on('dropped', () => told.push('dropped'))
      const ask = () => Promise.all(Array.from({ length: 50 }, (_, i) => exchange(app.port, app.request(`/p${i}`))))
      for (const response of await ask()) expect(response).toContain('hello')
      expect(told).toEqual(Array(50).fill('error'))
      for (const response of await ask()) expect(response).toContain('hello')
      expect(told.slice(50)).toEqual(Array(50).fill('dropped'))
      await app.stop()
    } finally {
      server.close()
    }
  })

  test('without listeners nothing is thrown, and a listener that throws harms nobody', async () => {
    const app = await startApp(hello, { memcached: `127.0.0.1:${await freePort()}` })
    const warnings: Error[] = []
    const onWarning = (warning: Error) => warnings.push(warning)
    process.on('warning', onWarning)
    try {
      expect(await exchange(app.port, app.request('/p'))).toContain('hello')
      app.cache.on('dropped', () => { throw new Error('a careless observer') })
      app.cache.on('error', () => { throw new Error('a careless observer') })
      expect(await exchange(app.port, app.request('/p'))).toContain('hello')
    } finally {
      await app.stop()
      process.off('warning', onWarning)
    }
    expect(warnings.map((warning) => warning.message)).toContain('a careless observer')
  })

  test('the logger has a line for a drift and for an error', async () => {
    const lines: string[] = []
    const app = await startApp(hello, { memcached: `127.0.0.1:${await freePort()}`, logger: { warn: (line) => lines.push(line) } })
    await exchange(app.port, plainRequest(app.port, '/p', 'GET', ['X-Samekey-Key: other']))
    await exchange(app.port, app.request('/p'))
    await app.stop()
    expect(lines).toEqual([expect.stringMatching(/^samekey: drift at .*: Nginx has the key other, the writer /), expect.stringMatching(/^samekey: claim .*ECONNREFUSED/)])
  })
})

test.each([
  ['timeoutMs', { timeoutMs: 0 }], ['maxBodyBytes', { maxBodyBytes: -1 }], ['maxItemBytes', { maxItemBytes: 1.5 }], ['memcached', { memcached: 'localhost' }], ['memcached', { memcached: '127.0.0.1:1,127.0.0.1:1' }],
])('a bad %s is refused by name', (name, options) => {
  expect(() => pageCache({}, options)).toThrow(new RegExp(`^${name}: `))
})
