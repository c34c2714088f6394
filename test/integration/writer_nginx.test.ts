// What the writer stored, real Nginx serves: the same status, header and body as the app's own response had.
import { gunzipSync } from 'node:zlib'
import type { ServerResponse } from 'node:http'
import { freePort } from '../support/free_port.js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { writeNginxFiles } from '../../nginx/generate.js'
import { loadPolicy } from '../../node-writer/policy/load.js'
import type { PolicyDocument } from '../../node-writer/policy/types.js'
import { sendRaw, type RawResponse } from '../support/raw_http.js'
import { startLocalStack, showLogsOnFailure, type Stack } from './stack.js'
import { startApp, type App } from './writer_app.js'

const page = '<p>Grüße</p>'.repeat(1000)
const random = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * i * 2654435761) >>> (i % 24)))

interface Answer { id: string; status: number; headers: Record<string, string | string[]>; body: string | Buffer }

const answers: Answer[] = [
  { id: 'no-type', status: 200, headers: {}, body: 'x' },
  { id: 'tiny', status: 200, headers: { 'Content-Type': 'text/html' }, body: 'hi' },
  { id: 'html', status: 200, headers: { 'Content-Type': 'text/html; charset=utf-8', ETag: 'W/"1"', 'Last-Modified': 'Mon, 01 Jan 2024 00:00:00 GMT', 'X-Custom': 'kept' }, body: page },
  { id: 'binary', status: 200, headers: { 'Content-Type': 'image/png' }, body: Buffer.from(Array.from({ length: 256 }, (_, i) => i)) },
  { id: 'large', status: 200, headers: { 'Content-Type': 'application/octet-stream', 'X-Custom': 'kept' }, body: random },
  { id: 'large-html', status: 200, headers: { 'Content-Type': 'text/html' }, body: random.toString('base64') },
  { id: 'several-fields', status: 200, headers: { 'Content-Type': 'text/css', Link: ['</a>; rel=preload', '</b>; rel=preload'] }, body: 'x' },
  { id: 'not-found', status: 404, headers: { 'Content-Type': 'text/plain' }, body: 'no such page' },
  { id: 'gone-empty', status: 410, headers: {}, body: '' },
  { id: 'not-found-empty', status: 404, headers: { 'X-Custom': 'kept' }, body: '' },
  { id: 'no-content', status: 204, headers: { 'X-Custom': 'kept' }, body: '' },
  { id: 'moved', status: 301, headers: { Location: '/html' }, body: 'Moved to /html' },
  { id: 'moved-empty', status: 308, headers: { Location: 'https://example.org/x?y=1' }, body: '' },
]

const types = 'text/html; charset=utf-8'
const rawAnswers: Answer[] = [
  { id: 'raw-tiny', status: 200, headers: { 'Content-Type': types }, body: 'hi' },
  { id: 'raw-html', status: 200, headers: { 'Content-Type': types, 'X-Powered-By': 'an app' }, body: page },
  { id: 'raw-large', status: 200, headers: { 'Content-Type': types }, body: random.toString('base64') },
]

interface Setup { stack: Stack; app: App }

async function start(mode: 'full' | 'raw', all: Answer[]): Promise<Setup> {
  const document: PolicyDocument = { mode, routes: [{ match: '/', ttl: 60 }] }
  const appPort = await freePort()
  const stack = await startLocalStack({
    configure: ({ folder, listen, memcached, module }) => void writeNginxFiles(folder, { policy: loadPolicy(document), directory: folder, app: `127.0.0.1:${appPort}`, memcached, listen, modulePath: module, workers: 1 }),
  })
  const answer = (target: string, res: ServerResponse) => {
    const found = all.find(({ id }) => target === `/${id}`)
    if (found === undefined) return res.writeHead(500).end()
    return res.writeHead(found.status, found.headers).end(found.body)
  }
  const app = await startApp((req, res) => { answer(req.url as string, res) }, { memcached: stack.memcached[0] as string, policy: document }, appPort)
  return { stack, app }
}

const get = (stack: Stack, target: string, fields: string[] = []): Promise<RawResponse> =>
  sendRaw(stack.port, [`GET ${target} HTTP/1.1`, 'Host: example.org', 'Connection: close', ...fields, '', ''].join('\r\n'))

/** What a hit must have kept; the rest Nginx writes for itself. */
const fieldsOf = (response: RawResponse) => response.headers
  .filter(([name]) => !/^(?:date|server|connection|transfer-encoding|content-length|content-encoding|cache-status|age|accept-ranges|vary|etag|keep-alive)$/i.test(name))
  .map(([name, value]) => `${name}: ${value}`).sort()

describe.each([{ mode: 'full' as const, all: answers }, { mode: 'raw' as const, all: rawAnswers }])('$mode mode', ({ mode, all }) => {
  let setup: Setup
  beforeAll(async () => { setup = await start(mode, all) })
  afterAll(async () => {
    await setup?.app.stop()
    await setup?.stack.stop()
  })
  showLogsOnFailure(() => setup?.stack)

  test.each(all)('$id', async ({ id, status, headers, body }) => {
    const { app, stack } = setup
    const expected = Buffer.from(body)
    const outcome = app.outcome()
    const miss = await get(stack, `/${id}`, ['Accept-Encoding: gzip'])
    expect(miss.header('cache-status')).toBe('samekey; fwd=uri-miss; stored; ttl=60')
    expect(await outcome).toMatchObject({ kind: 'stored' })

    const plain = await get(stack, `/${id}?utm_source=test`)
    expect(plain.header('cache-status')).toMatch(/^samekey; hit/)
    expect(plain.status).toBe(status)
    expect(plain.body.equals(expected)).toBe(true)
    expect(plain.header('content-encoding')).toBeUndefined()

    const zipped = await get(stack, `/${id}`, ['Accept-Encoding: gzip'])
    expect(zipped.header('cache-status')).toMatch(/^samekey; hit/)
    const isGzip = zipped.header('content-encoding') === 'gzip'
    expect((isGzip ? gunzipSync(zipped.body) : zipped.body).equals(expected)).toBe(true)
    // Nginx itself compresses from 20 bytes; the writer from 1 KiB.
    if (expected.length >= 1024 && `${headers['Content-Type']}`.startsWith('text/')) expect(isGzip).toBe(true)

    for (const hit of [plain, zipped]) {
      if (mode === 'full') expect(fieldsOf(hit)).toEqual(fieldsOf(miss))
      expect(hit.headers.filter(([name, value]) => /^vary$/i.test(name) && /accept-encoding/i.test(value)).length).toBeLessThanOrEqual(1)
      expect(hit.headers.filter(([name]) => /^(?:date|server|content-type|content-length)$/i.test(name)).map(([name]) => name.toLowerCase()).sort()).toEqual([...new Set(hit.headers.map(([name]) => name.toLowerCase()).filter((name) => /^(?:date|server|content-type|content-length)$/.test(name)))].sort())
    }
    if (isGzip) {
      expect(zipped.header('vary')).toMatch(/accept-encoding/i)
      expect(plain.header('vary')).toMatch(/accept-encoding/i)
    }

    const head = await sendRaw(stack.port, `HEAD /${id} HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n`)
    expect([head.status, head.body.length, head.header('cache-status')]).toEqual([status, 0, expect.stringMatching(/^samekey; hit/)])
  })

  test('purged, the next one is rendered again', async () => {
    const { app, stack } = setup
    const { id } = all[0] as Answer
    expect((await get(stack, `/${id}`)).header('cache-status')).toMatch(/^samekey; hit/)
    expect(await app.cache.purge(`http://example.org/${id}`)).toMatchObject({ deleted: 1 })
    expect((await get(stack, `/${id}`)).header('cache-status')).toMatch(/^samekey; fwd=uri-miss/)
  })
})
