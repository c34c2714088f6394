// However an app answers, the client gets the same bytes as without the page cache, and what is stored is what it got.
import { createReadStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { gunzipSync } from 'node:zlib'
import express from 'express'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Store } from '../../node-writer/store.js'
import type { SkipReason } from '../../node-writer/events.js'
import { startMemcached, type Memcached } from '../support/memcached.js'
import { keysOfUrl } from '../../node-writer/key.js'
import { pageCache } from '../../node-writer/page_cache.js'
import { exchange, itemAt, plainRequest, readEntry, sixtySeconds, startApp, startPlain, type Handler } from './writer_app.js'

let memcached: Memcached
let store: Store
let folder: string

beforeAll(async () => {
  memcached = await startMemcached()
  store = new Store({ memcached: memcached.address })
  folder = await mkdtemp(join(tmpdir(), 'samekey-capture-'))
  await writeFile(join(folder, 'page.html'), '<p>'.repeat(50_000))
})
afterAll(async () => {
  store?.close()
  await memcached?.stop()
  await rm(folder, { recursive: true, force: true })
})

interface Case {
  id: string
  answer: Handler
  method?: string
  /** Request fields. */
  fields?: string[]
  /** Its fields must be those that the client got. */
  stored?: { body: string | Buffer; status?: number }
  skipped?: SkipReason
}

const html = { 'Content-Type': 'text/html' }
const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
const long = 'The quick brown fox. '.repeat(20_000)

const cases: Case[] = [
  { id: 'end-string', answer: (_, res) => { res.end('hello') }, stored: { body: 'hello' } },
  { id: 'end-buffer', answer: (_, res) => { res.end(bytes) }, stored: { body: bytes } },
  { id: 'end-uint8array', answer: (_, res) => { res.end(new Uint8Array([104, 105])) }, stored: { body: 'hi' } },
  { id: 'end-nothing', answer: (_, res) => { res.end() }, stored: { body: '' } },
  { id: 'end-callback-only', answer: (_, res) => { res.end(() => {}) }, stored: { body: '' } },
  { id: 'end-utf8', answer: (_, res) => { res.end('Grüße 🔑') }, stored: { body: Buffer.from('Grüße 🔑') } },
  { id: 'end-latin1', answer: (_, res) => { res.end('Grüße', 'latin1') }, stored: { body: Buffer.from('Grüße', 'latin1') } },
  { id: 'end-hex', answer: (_, res) => { res.end('68656c6c6f', 'hex') }, stored: { body: 'hello' } },
  { id: 'end-base64', answer: (_, res) => { res.end('aGVsbG8=', 'base64') }, stored: { body: 'hello' } },
  { id: 'end-utf16', answer: (_, res) => { res.end('hé', 'utf16le') }, stored: { body: Buffer.from('hé', 'utf16le') } },
  { id: 'write-write-end', answer: (_, res) => { res.write('a'); res.write(Buffer.from('b')); res.end('c') }, stored: { body: 'abc' } },
  { id: 'write-encodings', answer: (_, res) => { res.write('é', 'latin1'); res.write('c3a9', 'hex'); res.end() }, stored: { body: Buffer.from([0xe9, 0xc3, 0xa9]) } },
  { id: 'write-empty', answer: (_, res) => { res.write(''); res.end('x') }, stored: { body: 'x' } },
  { id: 'write-callbacks', answer: (_, res) => { res.write('a', () => { res.write('b', 'utf8', () => { res.end('c', () => {}) }) }) }, stored: { body: 'abc' } },
  { id: 'write-head-object', answer: (_, res) => { res.writeHead(200, { 'X-Case': 'kept' }); res.end('x') }, stored: { body: 'x' } },
  { id: 'write-head-message', answer: (_, res) => { res.writeHead(404, 'Gone fishing', html); res.end('x') }, stored: { body: 'x', status: 404 } },
  { id: 'write-head-raw', answer: (_, res) => { res.writeHead(200, ['X-B', '2', 'x-A', '1', 'X-B', '3']); res.end('x') }, stored: { body: 'x' } },
  { id: 'write-head-array-value', answer: (_, res) => { res.writeHead(200, { Link: ['</a>', '</b>'] }); res.end('x') }, stored: { body: 'x' } },
  { id: 'set-header-then-write-head', answer: (_, res) => { res.setHeader('x-one', '1'); res.setHeader('X-Two', ['2', '3']); res.writeHead(200, { 'X-ONE': 'over' }); res.end('x') }, stored: { body: 'x' } },
  { id: 'append-header', answer: (_, res) => { res.setHeader('Link', '</a>'); res.appendHeader('Link', '</b>'); res.end('x') }, stored: { body: 'x' } },
  { id: 'status-code', answer: (_, res) => { res.statusCode = 410; res.end('gone') }, stored: { body: 'gone', status: 410 } },
  { id: 'flush-headers', answer: (_, res) => { res.setHeader('X-Early', 'yes'); res.flushHeaders(); setImmediate(() => res.end('late')) }, stored: { body: 'late' } },
  { id: 'content-length', answer: (_, res) => { res.setHeader('Content-Length', 5); res.write('he'); res.end('llo') }, stored: { body: 'hello' } },
  { id: 'cork', answer: (_, res) => { res.cork(); res.write('a'); res.write('b'); res.uncork(); res.end() }, stored: { body: 'ab' } },
  { id: 'continue-and-hints', answer: (_, res) => { res.writeContinue(); res.writeProcessing(); res.writeEarlyHints({ link: '</a.css>; rel=preload' }); res.end('x') }, stored: { body: 'x', status: 200 } },
  { id: 'trailers', answer: (_, res) => { res.writeHead(200, { Trailer: 'X-Sum' }); res.write('body'); res.addTrailers({ 'X-Sum': '1' }); res.end() }, stored: { body: 'body' } },
  { id: 'no-content', answer: (_, res) => { res.writeHead(204, { 'X-Is': 'empty' }); res.end('ignored') }, stored: { body: '', status: 204 } },
  { id: 'redirect', answer: (_, res) => { res.writeHead(301, { Location: '/there' }); res.end('moved') }, stored: { body: 'moved', status: 301 } },
  { id: 'pipe', answer: (_, res) => { Readable.from([long, 'end']).pipe(res) }, stored: { body: `${long}end` } },
  { id: 'pipe-file', answer: (_, res) => { createReadStream(join(folder, 'page.html')).pipe(res) }, stored: { body: '<p>'.repeat(50_000) } },
  { id: 'pipeline', answer: (_, res) => { void pipeline(Readable.from([Buffer.from(long)]), res) }, stored: { body: long } },
  { id: 'back-pressure', answer: (_, res) => { void writeAll(res) }, stored: { body: long.repeat(2) } },
  { id: 'reused-buffer', answer: (_, res) => { const buffer = Buffer.from('first'); res.write(buffer, () => { buffer.write('again'); res.end(buffer) }) }, stored: { body: 'firstagain' } },
  { id: 'end-twice', answer: (_, res) => { res.end('once'); res.end() }, stored: { body: 'once' } },
  { id: 'write-after-end', answer: (_, res) => { res.on('error', () => {}); res.end('once'); res.write('twice') }, stored: { body: 'once' } },
  { id: 'refused-chunk', answer: (_, res) => { try { res.write(7 as never) } catch { res.write('caught') } res.end() }, stored: { body: 'caught' } },
  { id: 'gzip-of-the-app', answer: (_, res) => { res.writeHead(200, { 'Content-Encoding': 'gzip' }); res.end(Buffer.from('H4sIAAAAAAAAA8tIzcnJBwCGphA2BQAAAA==', 'base64')) }, stored: { body: Buffer.from('H4sIAAAAAAAAA8tIzcnJBwCGphA2BQAAAA==', 'base64') } },
  { id: 'close-delimited', answer: (_, res) => { res.useChunkedEncodingByDefault = false; res.write('until close'); res.end() }, stored: { body: 'until close' } },

  { id: 'gzip-that-is-none', answer: (_, res) => { res.writeHead(200, { 'Content-Encoding': 'gzip' }); res.end('plain text, not gzip') }, skipped: 'content-encoding' },
  { id: 'head', method: 'HEAD', answer: (_, res) => { res.setHeader('Content-Length', 5); res.end('hello') }, skipped: 'head' },
  { id: 'not-modified', fields: ['If-None-Match: "1"'], answer: (_, res) => { res.writeHead(304, { ETag: '"1"' }); res.end() }, skipped: 'status' },
  { id: 'length-too-long', answer: (_, res) => { res.writeHead(200, { 'Content-Length': '3' }); res.end('hello') }, skipped: 'content-length' },
  { id: 'length-too-short', answer: (_, res) => { res.writeHead(200, { 'Content-Length': '10' }); res.end() }, skipped: 'content-length' },
  { id: 'destroyed-mid-stream', answer: (_, res) => { res.write('half', () => res.destroy()) }, skipped: 'incomplete' },
  { id: 'destroyed-before', answer: (_, res) => { res.destroy() }, skipped: 'incomplete' },
  { id: 'error-mid-stream', answer: (_, res) => { pipeline(Readable.from(failing()), res).catch(() => {}) }, skipped: 'incomplete' },
  { id: 'set-cookie', answer: (_, res) => { res.setHeader('Set-Cookie', ['a=1', 'b=2']); res.end('x') }, skipped: 'set-cookie' },
]

/** The fields of a response as they came over the wire, without those of the connection and its framing. */
function receivedFields(response: string): [string, string][] {
  const final = response.replace(/^(?:HTTP\/1\.1 1\d\d [^]*?\r\n\r\n)*/, '')
  const lines = final.slice(0, final.indexOf('\r\n\r\n')).split('\r\n').slice(1)
  return lines.map((line) => line.split(': ') as [string, string]).filter(([name]) => !/^(?:connection|keep-alive|transfer-encoding|content-length|trailer)$/i.test(name))
}

function byName(fields: [string, string][]): [string, string][] {
  return [...fields].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
}

async function writeAll(res: ServerResponse): Promise<void> {
  for (let i = 0; i < 2; i++) {
    // The return value is the app's signal to wait.
    if (!res.write(long)) await new Promise((resolve) => res.once('drain', resolve))
  }
  res.end()
}

async function* failing(): AsyncGenerator<string> {
  yield 'half'
  throw new Error('the database went away')
}

describe('a plain handler', () => {
  test.each(cases)('$id', async ({ answer, method, fields, stored, skipped }) => {
    const app = await startApp(answer, { memcached: memcached.address, compress: false })
    const bare = await startPlain(answer)
    try {
      const outcome = app.outcome()
      const got = await exchange(app.port, app.request('/page', { ...(method && { method }), fields: fields ?? [] }))
      const expected = await exchange(bare.port, plainRequest(bare.port, '/page', method, fields))
      expect(got).toBe(expected)

      if (skipped !== undefined) {
        expect(await outcome).toMatchObject({ kind: 'skipped', reason: skipped })
        expect(await itemAt(store, app.key('/page'))).toBeNull()
        return
      }
      expect(await outcome).toMatchObject({ kind: 'stored' })
      const entry = await readEntry(store, app.key('/page'))
      // Not from the event, which counts from now: a second may have passed.
      expect((entry?.head.freshUntil as number) - (entry?.head.storedAt as number)).toBe(60)
      expect(entry?.head.status).toBe(stored?.status ?? 200)
      expect(entry?.body.toString('latin1')).toBe(Buffer.from(stored?.body ?? '').toString('latin1'))
      // An entry brings repeated fields together; what was compressible gains a Vary field.
      expect(byName(entry?.head.headers ?? []).filter(([name]) => name !== 'Vary' && name !== 'Date')).toEqual(byName(receivedFields(got)))
    } finally {
      await app.stop()
      await bare.stop()
    }
  })

  test('a client that goes away before the end leaves nothing behind', async () => {
    const app = await startApp((_, res) => { res.write('half'); res.once('close', () => res.end('other half')) }, { memcached: memcached.address })
    try {
      const outcome = app.outcome()
      const socket = connect(app.port, '127.0.0.1', () => socket.write(app.request('/gone')))
      socket.once('data', () => socket.destroy())
      expect(await outcome).toMatchObject({ kind: 'skipped', reason: 'incomplete' })
      expect(await itemAt(store, app.key('/gone'))).toBeNull()
    } finally {
      await app.stop()
    }
  })

  test('a body over maxBodyBytes reaches the client and is let go of', async () => {
    const app = await startApp((_, res) => { res.write(long); res.end(long) }, { memcached: memcached.address, maxBodyBytes: long.length })
    try {
      const outcome = app.outcome()
      expect(await exchange(app.port, app.request('/long'))).toContain(long)
      expect(await outcome).toMatchObject({ kind: 'skipped', reason: 'body-too-large' })
    } finally {
      await app.stop()
    }
  })
})

describe('other middleware that wraps the response', () => {
  test('mounted after: what it sends is stored', async () => {
    const answer: Handler = (_, res) => {
      const end = res.end.bind(res)
      res.end = ((chunk: string) => end(chunk.toUpperCase())) as typeof res.end
      res.end('shout')
    }
    const app = await startApp(answer, { memcached: memcached.address })
    try {
      const outcome = app.outcome()
      expect(await exchange(app.port, app.request('/page'))).toContain('SHOUT')
      expect(await outcome).toMatchObject({ kind: 'stored' })
      expect((await readEntry(store, app.key('/page')))?.body.toString()).toBe('SHOUT')
    } finally {
      await app.stop()
    }
  })

  // As compression, express-session and others do it: what they are given is not what they send.
  test('mounted before: nothing is stored', async () => {
    const cache = pageCache(sixtySeconds, { memcached: memcached.address })
    const server = await startPlain((req, res) => {
      const end = res.end.bind(res)
      res.end = ((chunk: string) => { setImmediate(() => { res.write(chunk); end('!') }); return res }) as typeof res.end
      cache(req, res, () => res.end('deferred'))
    })
    try {
      const key = keysOfUrl(`http://127.0.0.1:${server.port}/page`, cache.policy)[0] as string
      const skipped = new Promise((resolve) => cache.once('skipped', resolve))
      expect(await exchange(server.port, plainRequest(server.port, '/page', 'GET', [`X-Samekey-Key: ${key}`]))).toContain('deferred')
      expect(await skipped).toMatchObject({ reason: 'not-first' })
      expect(await itemAt(store, key)).toBeNull()
    } finally {
      await server.stop()
      await cache.close()
    }
  })
})

test('a runtime that was patched before, with an end that is made of a write: every byte once', async () => {
  const { end } = ServerResponse.prototype
  ServerResponse.prototype.end = function (this: ServerResponse, chunk: unknown) {
    this.write(chunk)
    return (end as (this: ServerResponse) => ServerResponse).call(this)
  } as typeof end
  const app = await startApp((_, res) => { res.end('traced') }, { memcached: memcached.address })
  try {
    const outcome = app.outcome()
    await exchange(app.port, app.request('/page'))
    expect(await outcome).toMatchObject({ kind: 'stored' })
    expect((await readEntry(store, app.key('/page')))?.body.toString()).toBe('traced')
  } finally {
    ServerResponse.prototype.end = end
    await app.stop()
  }
})

describe('Express', () => {
  const app = express()
  app.get('/send', (_, res) => { res.send('<h1>Grüße</h1>') })
  app.get('/json', (_, res) => { res.json({ a: 1 }) })
  app.get('/file', (_, res) => { res.sendFile('page.html', { root: folder }) })
  app.get('/kept-file', (_, res) => { res.sendFile('page.html', { root: folder, maxAge: '1h' }) })
  app.get('/redirect', (_, res) => { res.redirect(301, '/send') })
  app.get('/mounted', (_, res) => { res.status(404).type('txt').send('not here') })

  test.each([
    { id: 'send', status: 200, body: '<h1>Grüße</h1>' },
    { id: 'json', status: 200, body: '{"a":1}' },
    { id: 'kept-file', status: 200, body: '<p>'.repeat(50_000) },
    { id: 'mounted', status: 404, body: 'not here' },
  ])('$id', async ({ id, status, body }) => {
    const target = `/${id}?b=2`
    const cached = await startApp(app as unknown as Handler, { memcached: memcached.address })
    const bare = await startPlain(app as unknown as Handler)
    try {
      const outcome = cached.outcome()
      const got = await exchange(cached.port, cached.request(target))
      expect(got).toBe(await exchange(bare.port, plainRequest(bare.port, target)))
      expect(await outcome).toMatchObject({ kind: 'stored' })
      const entry = await readEntry(store, cached.key(target))
      expect(entry?.head.status).toBe(status)
      const isGzip = entry?.head.headers.some(([name]) => name === 'Content-Encoding')
      expect((isGzip ? gunzipSync(entry?.body as Buffer) : entry?.body)?.toString()).toBe(body)
    } finally {
      await cached.stop()
      await bare.stop()
    }
  })
})
