// The sidecar by itself, with apps that misbehave. What it does behind Nginx is in test/integration/up.test.ts.

import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { type Sidecar, type SidecarOptions, startSidecar } from '../../node-writer/sidecar.js'
import { sendRaw } from '../support/raw_http.js'

const running: (() => Promise<void> | void)[] = []

afterEach(async () => {
  for (const stop of running.splice(0).reverse()) await stop()
})

interface App {
  port: number
  /** The requests so far, each as its bytes; the number of its connection before it. */
  requests: { connection: number; text: string }[]
}

/** An app of bare sockets: `answer` says what to write for a request, or null to hang up. */
async function startApp(answer: (text: string, connection: number, nth: number, reply: (bytes: string) => void) => string | null | undefined): Promise<App> {
  const requests: App['requests'] = []
  const sockets = new Set<Socket>()
  let connections = 0
  const server: Server = createServer((socket) => {
    const connection = ++connections
    let nth = 0
    let text = ''
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      if (!text.includes('\r\n\r\n')) return
      requests.push({ connection, text })
      const reply = answer(text, connection, ++nth, (bytes) => socket.write(bytes, 'latin1'))
      text = ''
      if (reply === null) socket.destroy()
      else if (reply !== undefined) socket.write(reply, 'latin1')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  running.push(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return { port: (server.address() as AddressInfo).port, requests }
}

async function start(app: App | number, options: Partial<SidecarOptions> = {}): Promise<Sidecar> {
  const port = typeof app === 'number' ? app : app.port
  // Nothing listens on port 1: the sidecar must do without memcached.
  const sidecar = await startSidecar({ origin: new URL(`http://127.0.0.1:${port}`), policy: {}, memcached: '127.0.0.1:1', ...options })
  running.push(() => sidecar.close())
  return sidecar
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const get = (path = '/'): string => `GET ${path} HTTP/1.1\r\nHost: site.test\r\nX-Samekey-Key: k\r\nConnection: close\r\n\r\n`
const post = 'POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx'

describe('connections to the app', () => {
  test('one is kept for page requests', async () => {
    const app = await startApp(() => OK)
    const { port } = await start(app)
    for (let i = 0; i < 3; i++) expect((await sendRaw(port, get())).status).toBe(200)
    expect(app.requests.map(({ connection }) => connection)).toEqual([1, 1, 1])
  })

  test('one that the app has closed meanwhile is replaced, unseen by the visitor', async () => {
    const app = await startApp((_text, connection, nth) => (connection === 1 && nth > 1 ? null : OK))
    const { port } = await start(app)
    expect((await sendRaw(port, get())).status).toBe(200)
    expect((await sendRaw(port, get())).status).toBe(200)
    expect(app.requests.map(({ connection }) => connection)).toEqual([1, 1, 2])
  })

  test('several that the app has closed are replaced at the first attempt', async () => {
    // The first two requests are answered only when both are there, so that two connections are kept.
    const waiting: (() => void)[] = []
    const app = await startApp((_text, connection, nth, reply) => {
      if (connection > 2) return OK
      if (nth > 1) return null
      waiting.push(() => reply(OK))
      if (waiting.length === 2) for (const answer of waiting) answer()
      return undefined
    })
    const { port } = await start(app)
    await Promise.all([sendRaw(port, get()), sendRaw(port, get())])
    expect((await sendRaw(port, get())).status).toBe(200)
    expect(app.requests.map(({ connection }) => connection).slice(2)).toEqual([expect.toSatisfy((connection) => connection < 3), 3])
  })

  test('what must not be sent twice never meets a kept one', async () => {
    const app = await startApp((_text, connection, nth) => (connection === 1 && nth > 1 ? null : OK))
    const { port } = await start(app)
    await sendRaw(port, get())
    expect((await sendRaw(port, post)).status).toBe(200)
    expect(app.requests.map(({ connection }) => connection)).toEqual([1, 2])
  })

  test('an app that hangs up on a new one is asked once', async () => {
    const app = await startApp(() => null)
    const { port } = await start(app)
    for (const request of [get(), post]) expect((await sendRaw(port, request)).status).toBe(502)
    expect(app.requests).toHaveLength(2)
  })
})

describe('an app in trouble', () => {
  test('none there: 502 in plain text, which nobody may store', async () => {
    const changes: (string | undefined)[] = []
    const { port } = await start(1, { onOriginChange: (error) => changes.push((error as NodeJS.ErrnoException | null)?.code) })
    for (let i = 0; i < 2; i++) {
      const response = await sendRaw(port, get())
      expect([response.status, response.header('content-type'), response.header('cache-control')]).toEqual([502, 'text/plain; charset=utf-8', 'no-store'])
    }
    expect(changes).toEqual(['ECONNREFUSED'])
  })

  test('no answer in time: 504', async () => {
    const app = await startApp(() => undefined)
    const { port } = await start(app, { originTimeoutMs: 50 })
    expect((await sendRaw(port, get())).status).toBe(504)
  })

  test('no answer to a WebSocket in time: the connection ends', async () => {
    const app = await startApp(() => undefined)
    const { port } = await start(app, { originTimeoutMs: 50 })
    await expect(sendRaw(port, 'GET / HTTP/1.1\r\nHost: site.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')).rejects.toThrow('closed before response')
  })

  test('a refusal of a WebSocket reaches the visitor', async () => {
    const app = await startApp(() => 'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno')
    const { port } = await start(app)
    expect((await sendRaw(port, 'GET / HTTP/1.1\r\nHost: site.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')).status).toBe(403)
  })

  test('no HTTP at all: 502', async () => {
    const app = await startApp(() => 'SSH-2.0-OpenSSH\r\n\r\n')
    const { port } = await start(app)
    expect((await sendRaw(port, get())).status).toBe(502)
  })
})

describe('fields', () => {
  test("Nginx's key does not reach the app, and hop-by-hop fields end here", async () => {
    const app = await startApp(() => OK)
    const { port } = await start(app)
    await sendRaw(port, 'GET / HTTP/1.1\r\nHost: site.test\r\nX-Samekey-Key: k\r\nConnection: close, x-hop\r\nX-Hop: 1\r\nTE: trailers\r\nX-End: 2\r\n\r\n')
    expect(app.requests[0]?.text).toBe('GET / HTTP/1.1\r\nHost: site.test\r\nX-End: 2\r\nConnection: keep-alive\r\n\r\n')
  })

  test('another Host for the app, if told so; the visitor’s is then forwarded', async () => {
    const app = await startApp(() => OK)
    const { port } = await start(app, { originHost: 'app.internal' })
    await sendRaw(port, get())
    expect(app.requests[0]?.text).toContain('Host: app.internal\r\n')
    expect(app.requests[0]?.text).toContain('X-Forwarded-Host: site.test\r\n')
  })

  test('a head of 40 KB, more than Node takes by itself', async () => {
    const app = await startApp(() => OK)
    const { port } = await start(app)
    const large = `X-Large: ${'x'.repeat(40_000)}\r\n`
    expect((await sendRaw(port, get().replace('Connection', large + 'Connection'))).status).toBe(200)
    expect(app.requests[0]?.text).toContain(large)
  })
})

test('the target that tells whether Nginx reaches it is answered here', async () => {
  const app = await startApp(() => OK)
  const { port } = await start(app, { readyTarget: '/ready-1' })
  expect((await sendRaw(port, get('/ready-1'))).status).toBe(204)
  expect(app.requests).toEqual([])
})
