// `samekey up` in front of an app: visitors get what the app says, once from the app and then from memcached, and
// everything that is no page look-up reaches the app as it was sent.

import { createHash, randomBytes } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, createServer } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startGuarded } from '../support/guarded.js'
import { type RawResponse, sendRaw } from '../support/raw_http.js'
import { until } from '../support/until.js'
import { converse, type Origin, startOrigin } from './up_origin.js'
import { startUp, type Up } from './up_process.js'

let origin: Origin
let up: Up
let port: number

beforeAll(async () => {
  origin = await startOrigin()
  up = startUp([`127.0.0.1:${origin.port}`, '--listen', '127.0.0.1:0'])
  port = await up.ready()
})

afterAll(async () => {
  await up?.stop()
  await origin?.close()
})

function get(target: string, headers = '', on = port): Promise<RawResponse> {
  return sendRaw(on, `GET ${target} HTTP/1.1\r\nHost: site.test\r\n${headers}Connection: close\r\n\r\n`)
}

function lastSeen(): Origin['seen'][number] {
  return origin.seen[origin.seen.length - 1] as Origin['seen'][number]
}

function valuesOf(rawHeaders: string[], name: string): string[] {
  return rawHeaders.filter((_, i) => i % 2 === 1 && (rawHeaders[i - 1] as string).toLowerCase() === name)
}

/** The writer stores after it has answered. */
function untilHit(target: string, on = port): Promise<RawResponse> {
  return until(`a hit for ${target}`, async () => {
    const response = await get(target, '', on)
    return response.header('cache-status')?.startsWith('samekey; hit') ? response : undefined
  })
}

describe('pages', () => {
  test('a page is rendered once, and tracking arguments and order do not matter', async () => {
    const miss = await get('/star?b=2&a=1&utm_source=mail')
    expect(miss.header('cache-status')).toBe('samekey; fwd=uri-miss; stored; ttl=60')
    expect(lastSeen().target).toBe('/star?a=1&b=2')
    const stored = await untilHit('/star?a=1&b=2')
    const hit = await get('/star?fbclid=x&b=2&utm_medium=y&a=1')
    expect(hit.header('cache-status')).toMatch(/^samekey; hit; ttl=/)
    expect(hit.body).toEqual(stored.body)
    expect(hit.header('content-type')).toBe('text/html')
  })

  test('each request is told in one line, with its reason', async () => {
    await get('/told')
    await untilHit('/told')
    await get('/told', 'Cookie: PHPSESSID=secret\r\n')
    await until('the lines', async () => up.out().some((line) => line.startsWith('BYPASS cookie GET /told')) || undefined)
    const lines = up.out().filter((line) => line.includes('/told')).map((line) => line.replace(/\d+ ms$/, 'N ms'))
    expect(lines).toContain('MISS   GET /told 200 N ms')
    expect(lines).toContain('HIT    GET /told 200 N ms')
    expect(lines).toContain('BYPASS cookie GET /told 200 N ms')
    expect(up.out()[0]).toBe(`ready http://127.0.0.1:${port}`)
    expect(up.out().join('\n') + up.err()).not.toContain('secret')
    expect(up.out().join('\n')).not.toContain('samekey-ready')
  })

  test('a response that breaks off is passed on broken off, and never stored', async () => {
    for (let i = 0; i < 2; i++) {
      const response = await get('/half')
      expect(response.complete).toBe(false)
      expect(response.header('cache-status')).toMatch(/^samekey; fwd=uri-miss/)
    }
  })

  test('of more than the announced length the rest is discarded, RFC 9112 §6.3', async () => {
    const response = await get('/more-than-announced')
    expect([response.status, response.complete, response.body.toString()]).toEqual([200, true, 'one'])
  })
})

describe('what is no look-up reaches the app as it was sent', () => {
  const large = randomBytes(3_000_000)
  const small = Buffer.from('a=1&b=two')
  const cases: { id: string; method: string; headers: string; body: Buffer; chunked?: true; target?: string }[] = [
    { id: 'POST', method: 'POST', headers: '', body: small },
    { id: 'PUT of 3 MB', method: 'PUT', headers: '', body: large },
    { id: 'POST of 3 MB in chunks', method: 'POST', headers: '', body: large, chunked: true },
    { id: 'POST that expects 100', method: 'POST', headers: 'Expect: 100-continue\r\n', body: large },
    { id: 'PATCH in chunks', method: 'PATCH', headers: '', body: small, chunked: true },
    { id: 'DELETE without a body', method: 'DELETE', headers: '', body: Buffer.alloc(0) },
    { id: 'DELETE with a body', method: 'DELETE', headers: '', body: small },
    { id: 'OPTIONS', method: 'OPTIONS', headers: '', body: Buffer.alloc(0) },
    { id: 'GET with a body', method: 'GET', headers: '', body: small },
    { id: 'GET with a body of 3 MB', method: 'GET', headers: '', body: large },
    { id: 'POST that offers h2c', method: 'POST', headers: 'Connection: Upgrade\r\nUpgrade: h2c\r\n', body: small },
    { id: 'GET that offers h2c', method: 'GET', headers: 'Connection: Upgrade\r\nUpgrade: h2c\r\n', body: Buffer.alloc(0) },
    { id: 'odd target', method: 'POST', headers: '', body: small, target: '/a//b/../c%2f?x=%zz&&y=%7e' }
  ]
  test.each(cases)('$id', async ({ method, headers, body, chunked, target = '/echo' }) => {
    const framing = chunked ? 'Transfer-Encoding: chunked\r\n' : body.length > 0 ? `Content-Length: ${body.length}\r\n` : ''
    const sent = chunked ? Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')]) : body
    const fields = `X-Samekey-Key: forged\r\nX-Repeated: one\r\nX-Repeated: two\r\nX-CaSe: kept\r\n`
    const response = await sendRaw(port, Buffer.concat([Buffer.from(`${method} ${target} HTTP/1.1\r\nHost: Site.test\r\n${fields}${headers}${framing}\r\n`), sent]))
    expect(response.status).toBe(200)
    const seen = lastSeen()
    expect(seen).toMatchObject({ method, target, bytes: body.length, sha256: createHash('sha256').update(body).digest('hex') })
    expect(valuesOf(seen.rawHeaders, 'host')).toEqual(['Site.test'])
    expect(valuesOf(seen.rawHeaders, 'x-repeated')).toEqual(['one', 'two'])
    expect(seen.rawHeaders).toContain('X-CaSe')
    expect(valuesOf(seen.rawHeaders, 'x-forwarded-for')).toEqual(['127.0.0.1'])
    expect(valuesOf(seen.rawHeaders, 'x-forwarded-proto')).toEqual(['http'])
    expect(valuesOf(seen.rawHeaders, 'x-samekey-key')).toEqual([])
    if (body.length === 0) expect(valuesOf(seen.rawHeaders, 'content-length')).toEqual([])
  })

  test('HEAD has the fields and no body', async () => {
    const response = await sendRaw(port, 'HEAD /repeated HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n')
    expect(lastSeen().method).toBe('HEAD')
    expect([response.status, response.body.length]).toEqual([200, 0])
  })

  test('a WebSocket is connected both ways', async () => {
    const peer = converse(port, 'GET /chat HTTP/1.1\r\nHost: site.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nX-Samekey-Key: forged\r\n\r\n')
    const head = await peer.read('\r\n\r\n')
    expect(head).toMatch(/^HTTP\/1.1 101 /)
    expect(head.match(/X-Repeated: (?:one|two)/g)).toEqual(['X-Repeated: one', 'X-Repeated: two'])
    peer.write('\x81\x05hello')
    await peer.read('\x81\x05hello')
    peer.end()
    expect(valuesOf(lastSeen().rawHeaders, 'x-samekey-key')).toEqual([])
  })
})

describe('what the app says reaches the visitor as it was said', () => {
  test('repeated fields stay apart', async () => {
    const response = await get('/repeated')
    const values = (name: string): string[] => response.headers.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value)
    expect(values('x-repeated')).toEqual(['one', 'two'])
    expect(values('set-cookie')).toEqual(['a=1', 'b=2'])
  })

  test('no field is added but those of Nginx, and the spelling is kept', async () => {
    const names = (await get('/plain')).headers.map(([name]) => name)
    expect(names.sort()).toEqual(['Cache-Status', 'Connection', 'Content-Length', 'Date', 'x-lower-CASE'])
  })

  test('the head of an event stream comes before the first event', async () => {
    const peer = converse(port, 'GET /events HTTP/1.1\r\nHost: site.test\r\nAccept: text/event-stream\r\n\r\n')
    expect(await peer.read('\r\n\r\n')).toMatch(/^HTTP\/1.1 200 /)
    origin.release()
    await peer.read('data: 1\n\n')
    peer.end()
  })

  test('the app learns that the visitor of a bypassed request has gone', async () => {
    const peer = converse(port, 'GET /slow HTTP/1.1\r\nHost: site.test\r\nCookie: PHPSESSID=1\r\n\r\n')
    await until('the app has it', async () => origin.seen.some((seen) => seen.target === '/slow') || undefined)
    peer.end()
    await origin.aborted
  })
})

describe('other apps', () => {
  const policy = JSON.stringify({ routes: [{ match: '/', ttl: 60 }] })
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'samekey-up-test-'))
    // The policy of the current folder is the default one.
    writeFileSync(join(folder, 'samekey.json'), policy)
    writeFileSync(join(folder, 'page.html'), '<p>a file')
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test('HTTP/1.0 without a length', async () => {
    const server = createServer((socket) => {
      socket.once('data', () => socket.end('HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<p>old'))
      socket.on('error', () => {})
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const other = startUp([`http://127.0.0.1:${(server.address() as AddressInfo).port}`, '--listen', '127.0.0.1:0'], { cwd: folder })
    try {
      const otherPort = await other.ready()
      expect((await get('/', '', otherPort)).body.toString()).toBe('<p>old')
      expect((await untilHit('/', otherPort)).body.toString()).toBe('<p>old')
    } finally {
      await other.stop()
      server.close()
    }
  })

  test.skipIf(!has('openssl', 'version'))('HTTPS, its certificate checked', async () => {
    const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')]
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', certificate], { stdio: 'ignore' })
    const server = createTlsServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (_req, res) => res.end('over TLS'))
    server.listen(0, 'localhost')
    await once(server, 'listening')
    const url = `https://localhost:${(server.address() as AddressInfo).port}`
    const trusting = startUp([url, '--listen', '127.0.0.1:0'], { env: { NODE_EXTRA_CA_CERTS: certificate } })
    const other = startUp([url, '--listen', '127.0.0.1:0'])
    try {
      expect((await get('/', '', await trusting.ready())).body.toString()).toBe('over TLS')
      expect((await get('/', '', await other.ready())).status).toBe(502)
      expect(other.err()).toContain('self-signed')
    } finally {
      await trusting.stop()
      await other.stop()
      server.closeAllConnections()
      server.close()
    }
  })

  test.skipIf(!has('python3', '--version'))("Python's http.server", async () => {
    const log = join(folder, 'python.log')
    const python = startGuarded(['python3', '-u', '-m', 'http.server', '0', '--bind', '127.0.0.1', '--directory', folder], { log })
    const pythonPort = await until('Python', async () => /port (\d+)/.exec(readFileSync(log, 'utf8'))?.[1], { unless: python.exited })
    const other = startUp([`127.0.0.1:${pythonPort}`, '--listen', '127.0.0.1:0'], { cwd: folder })
    try {
      const otherPort = await other.ready()
      expect((await get('/page.html', '', otherPort)).header('cache-status')).toMatch(/^samekey; fwd=uri-miss/)
      expect((await untilHit('/page.html', otherPort)).body.toString()).toBe('<p>a file')
      expect((await get('/none', '', otherPort)).status).toBe(404)
      const post = await sendRaw(otherPort, 'POST /page.html HTTP/1.1\r\nHost: site.test\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx')
      expect(post.status).toBe(501)
    } finally {
      await other.stop()
      await python.stop()
    }
  })
})

function has(program: string, argument: string): boolean {
  try {
    execFileSync(program, [argument], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
