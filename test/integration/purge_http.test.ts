// Purges over HTTP, asked of the app itself: who may, how it is refused, and what is answered. Behind Nginx:
// purge_nginx.test.ts.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { pageCache } from '../../node-writer/page_cache.js'
import type { PurgeHttpOptions } from '../../node-writer/purge_http.js'
import type { PurgeRecord } from '../../node-writer/purge_record.js'
import { freePort } from '../support/free_port.js'
import { memcached, store } from '../support/memcached_of_file.js'
import { type App, exchange, sixtySeconds, startApp } from './writer_app.js'

const TOKEN = 'a-token-of-many-characters'

let app: App
let told: PurgeRecord[]

async function start(purge: Partial<PurgeHttpOptions> | undefined, servers = memcached.address): Promise<void> {
  app = await startApp((req, res) => void res.writeHead(404).end(`the app's own ${req.method}`), { policy: sixtySeconds, memcached: servers, ...(purge && { purge: { token: TOKEN, ...purge } }) })
  told = []
  app.cache.on('purge', (record) => told.push(record)).on('error', () => {})
}

interface Asked { target?: string; method?: string; token?: string | null; forwarded?: string; body?: string }

async function ask({ target = '/.samekey/purge', method = 'POST', token = TOKEN, forwarded, body = '' }: Asked): Promise<{ status: number; head: string; body: unknown }> {
  const fields = [`Host: 127.0.0.1:${app.port}`, 'Connection: close', `Content-Length: ${Buffer.byteLength(body)}`]
  if (token !== null) fields.push(`Authorization: Bearer ${token}`)
  if (forwarded !== undefined) fields.push(`X-Forwarded-For: ${forwarded}`)
  const answer = await exchange(app.port, `${method} ${target} HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n${body}`)
  const [head = '', ...rest] = answer.split('\r\n\r\n')
  const text = rest.join('\r\n\r\n').replace(/^[0-9a-f]+\r\n([^]*)\r\n0\r\n\r\n$/, '$1')
  return { status: Number(head.slice(9, 12)), head, body: text.startsWith('{') ? JSON.parse(text) : text }
}

describe('with a token', () => {
  beforeEach(() => start({}))
  afterEach(() => app.stop())

  test('PURGE deletes the page under every scheme, and says who asked', async () => {
    await store.set(app.key('/p?a=1'), Buffer.from('x'), { ttlSeconds: 60 })
    const { status, head, body } = await ask({ method: 'PURGE', target: '/p?utm_source=x&a=1' })
    expect({ status, body }).toMatchObject({ status: 200, body: { deleted: 1, pages: [{ url: `http://127.0.0.1:${app.port}/p?utm_source=x&a=1` }, { url: `https://127.0.0.1:${app.port}/p?utm_source=x&a=1` }] } })
    expect(head).toMatch(/Content-Type: application\/json\r\nCache-Control: no-store/)
    expect(await store.get(app.key('/p?a=1'))).toBeNull()
    expect(told).toMatchObject([{ by: '127.0.0.1', outcome: 'done', deleted: 1 }])
  })

  test('the endpoint takes a purge request as JSON', async () => {
    await store.set(app.key('/p'), Buffer.from('x'), { ttlSeconds: 60 })
    const { status, body } = await ask({ body: JSON.stringify({ urls: [`http://127.0.0.1:${app.port}/p`], tags: ['a'], by: 'deploy' }) })
    expect({ status, body }).toMatchObject({ status: 200, body: { deleted: 1, bans: [{ kind: 'tag', value: 'a' }], clock: expect.stringContaining('.') } })
    expect(told).toMatchObject([{ by: 'deploy from 127.0.0.1', asked: { tags: ['a'] } }])
  })

  test.each<{ id: string; asked: Asked; status: number; body: object | RegExp; isTold: boolean }>([
    { id: 'no token', asked: { token: null, body: '{"all":true}' }, status: 401, body: { error: expect.any(String) }, isTold: true },
    { id: 'a wrong token', asked: { token: TOKEN + 'x', body: '{"all":true}' }, status: 401, body: { error: expect.any(String) }, isTold: true },
    { id: 'the beginning of the token', asked: { token: TOKEN.slice(0, -1), method: 'PURGE', target: '/p' }, status: 401, body: {}, isTold: true },
    { id: 'GET of the endpoint', asked: { method: 'GET' }, status: 405, body: { error: expect.stringContaining('POST') }, isTold: false },
    { id: 'no JSON', asked: { body: '{"all":' }, status: 400, body: { path: '$', error: expect.stringContaining('no JSON') }, isTold: true },
    { id: 'a list', asked: { body: '["/p"]' }, status: 400, body: { path: '$', error: expect.stringContaining('expected an object') }, isTold: true },
    { id: 'a bad tag', asked: { body: '{"tags":["a","b c"]}' }, status: 400, body: { path: '$.tags[1]', error: expect.stringContaining('"b c"') }, isTold: true },
    { id: 'a body without end', asked: { body: `{"tags":["${'x'.repeat(70_000)}"]}` }, status: 413, body: { error: expect.stringContaining('65536') }, isTold: true },
    { id: 'another path', asked: { target: '/.samekey/purge/x' }, status: 404, body: /the app's own POST/, isTold: false }
  ])('$id: $status, and nothing is purged', async ({ asked, status, body, isTold }) => {
    await store.set(app.key('/p'), Buffer.from('x'), { ttlSeconds: 60 })
    const answer = await ask(asked)
    expect(answer.status).toBe(status)
    if (body instanceof RegExp) expect(answer.body).toMatch(body)
    else expect(answer.body).toMatchObject(body)
    if (status === 401) expect(answer.head).toContain('WWW-Authenticate: Bearer')
    expect(await store.get(app.key('/p'))).not.toBeNull()
    expect(told.map(({ outcome }) => outcome)).toEqual(isTold ? ['refused'] : [])
    expect(JSON.stringify(told)).not.toContain(TOKEN.slice(0, 16))
  })

  // The test's own address is 127.0.0.1.
  test.each<{ id: string; forwarded: string; isAllowed: boolean }>([
    { id: 'a proxy says that it is this machine', forwarded: '127.0.0.1', isAllowed: true },
    { id: 'IPv6', forwarded: '::1', isAllowed: true },
    { id: 'IPv4 in IPv6', forwarded: '::ffff:127.0.0.1', isAllowed: true },
    { id: 'a proxy says that it is somebody else', forwarded: '203.0.113.9', isAllowed: false },
    { id: 'somebody else claims to be this machine', forwarded: '127.0.0.1, 203.0.113.9', isAllowed: false },
    { id: 'somebody else behind this machine', forwarded: '203.0.113.9, 127.0.0.1', isAllowed: false },
    { id: 'no address', forwarded: 'unknown', isAllowed: false }
  ])('$id: $isAllowed', async ({ forwarded, isAllowed }) => {
    const answers = await Promise.all([ask({ forwarded, body: '{"tags":[]}' }), ask({ forwarded, method: 'PURGE', target: '/p' })])
    // As if there were no such thing.
    expect(answers.map(({ status }) => status)).toEqual(isAllowed ? [200, 200] : [404, 404])
    if (!isAllowed) expect(answers.map(({ body }) => body)).toEqual(["the app's own POST", "the app's own PURGE"].map((text) => expect.stringContaining(text)))
  })
})

test('without a token both are the app\'s own', async () => {
  await start(undefined)
  try {
    expect([await ask({ body: '{"all":true}' }), await ask({ method: 'PURGE', target: '/p' })].map(({ status }) => status)).toEqual([404, 404])
    expect(told).toEqual([])
  } finally {
    await app.stop()
  }
})

test('another path and other networks', async () => {
  await start({ path: '/purge-me', allow: ['127.0.0.0/30', '10.0.0.0/8', 'fd00::/8'] })
  try {
    const asked = [{}, { target: '/purge-me' }, { target: '/purge-me', forwarded: '10.9.8.7' }, { target: '/purge-me', forwarded: 'fd00::1' }, { target: '/purge-me', forwarded: '127.0.0.9' }]
    expect((await Promise.all(asked.map((each) => ask({ body: '{"tags":[]}', ...each })))).map(({ status }) => status)).toEqual([404, 200, 200, 200, 404])
  } finally {
    await app.stop()
  }
})

test('memcached is away: 503, which server, and ask again', async () => {
  const away = `127.0.0.1:${await freePort()}`
  await start({}, away)
  try {
    expect(await ask({ body: '{"tags":["a"]}' })).toMatchObject({ status: 503, body: { failures: [{ server: away, error: expect.any(String) }], bans: [] } })
    expect(told).toMatchObject([{ outcome: 'failed' }])
  } finally {
    await app.stop()
  }
})

test.each<{ id: string; purge: Record<string, unknown>; problem: RegExp }>([
  { id: 'a short token', purge: { token: 'secret' }, problem: /^purge\.token: expected at least 16/ },
  { id: 'no token', purge: {}, problem: /^purge\.token/ },
  { id: 'a token with a space', purge: { token: 'secret secret secret' }, problem: /^purge\.token/ },
  { id: 'a network that is none', purge: { token: TOKEN, allow: ['10.0.0.0/33'] }, problem: /^purge\.allow: .*"10\.0\.0\.0\/33"/ },
  { id: 'a name', purge: { token: TOKEN, allow: ['localhost'] }, problem: /^purge\.allow: .*"localhost"/ },
  { id: 'no path', purge: { token: TOKEN, path: 'purge' }, problem: /^purge\.path/ }
])('$id is refused at the start', ({ purge, problem }) => {
  expect(() => pageCache({}, { purge: purge as never })).toThrow(problem)
  try { pageCache({}, { purge: purge as never }) } catch (error) { expect((error as Error).message).not.toContain('secret') }
})
