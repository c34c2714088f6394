// The writer for apps that are not Node: a reverse proxy between Nginx and any HTTP app, with the page cache in front
// of it. The app gets every request, and the client every response, as it would without this process.

import http, { type ClientRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import https from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { once } from 'node:events'
import { createProxyServer } from 'httpxy'
import { pageCache, type PageCache } from './page_cache.js'
import type { PurgeHttpOptions } from './purge_http.js'
import { markUnreachable } from './stale.js'
import { endToEndFields, fieldsByName, withoutUpgrade } from './sidecar_fields.js'
import type { LoadedPolicy, PolicyDocument } from './policy/types.js'

export interface SidecarOptions {
  /** The app: `http://host:port` or `https://host:port`, without a path. */
  origin: URL
  policy: LoadedPolicy | PolicyDocument | string
  /** `host:port[=weight]`, several separated by ','. */
  memcached: string
  /** Where Nginx finds the sidecar. Default: a free port on 127.0.0.1. */
  listen?: { host: string; port: number }
  /** The Host that the app is shown; the client's is then in X-Forwarded-Host. Default: the client's own. */
  originHost?: string
  /** Milliseconds without a byte from the app after which a request ends in 504. Default 55000. */
  originTimeoutMs?: number
  /** Purges over HTTP, and the site that their paths belong to (PageCacheOptions). */
  purge?: PurgeHttpOptions
  site?: string
  /** A target that the sidecar answers itself with 204, to learn that Nginx reaches it. */
  readyTarget?: string
  /** Told when the app stops answering (with the error) and when it answers again. */
  onOriginChange?: (error: Error | null) => void
}

export interface Sidecar {
  url: string
  port: number
  cache: PageCache
  /** Ends every connection. */
  close(): Promise<void>
}

// Nginx keeps idle connections for 60 s; a server that closes them first loses requests that are on their way.
const KEEP_ALIVE_MS = 75_000

// Just below Nginx's proxy_read_timeout of 60 s, so that the visitor learns which part did not answer.
const ORIGIN_TIMEOUT_MS = 55_000

// Nginx takes 32 KB of header by default, Node 16 KB.
const MAX_HEADER_BYTES = 64 * 1024

export async function startSidecar(options: SidecarOptions): Promise<Sidecar> {
  const { purge, site } = options
  const cache = pageCache(options.policy, { memcached: options.memcached, ...(purge && { purge }), ...(site === undefined ? {} : { site }) })
  const app = connectOrigin(options)
  const server = http.createServer({ keepAliveTimeout: KEEP_ALIVE_MS, maxHeaderSize: MAX_HEADER_BYTES }, (req, res) => {
    if (options.readyTarget !== undefined && req.url === options.readyTarget) {
      res.writeHead(204, { 'Cache-Control': 'no-store' }).end()
      return
    }
    cache(req, res, () => app.forward(req, res))
  })
  server.on('upgrade', (req: IncomingMessage, socket: Socket, head: Buffer) => {
    if (req.method === 'GET' && req.headers.upgrade?.toLowerCase() === 'websocket') app.upgrade(req, socket, head)
    else serveWithoutUpgrade(server, req, socket, head)
  })

  server.listen(options.listen ?? { host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  const { address, port } = server.address() as AddressInfo

  return {
    url: `http://${address.includes(':') ? `[${address}]` : address}:${port}`,
    port,
    cache,
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      app.close()
      await Promise.all([closed, cache.close()])
    }
  }
}

/** RFC 9110 §7.8: a server may ignore Upgrade. What came so far is read again as the request that it is without it. */
function serveWithoutUpgrade(server: http.Server, req: IncomingMessage, socket: Duplex, head: Buffer): void {
  socket.unshift(Buffer.concat([withoutUpgrade(req), head]))
  server.emit('connection', socket)
}

// ---------------------------------------------------------------------------------------------------------- origin

interface Origin {
  forward(req: IncomingMessage, res: ServerResponse): void
  upgrade(req: IncomingMessage, socket: Socket, head: Buffer): void
  close(): void
}

function connectOrigin(options: SidecarOptions): Origin {
  const { protocol } = options.origin
  // An IPv6 address has brackets in a URL and none in a socket.
  const hostname = options.origin.hostname.replace(/^\[(.*)\]$/, '$1')
  const target = { protocol, hostname, port: options.origin.port || (protocol === 'https:' ? 443 : 80) }
  const agent = new (protocol === 'https:' ? https : http).Agent({ keepAlive: true, maxFreeSockets: 64 })
  const outgoing = new WeakMap<IncomingMessage, ClientRequest>()
  const answers = new WeakMap<IncomingMessage, IncomingMessage>()
  const timedOut = new WeakSet<IncomingMessage>()
  let down = false

  const proxy = createProxyServer({
    target,
    proxyTimeout: options.originTimeoutMs ?? ORIGIN_TIMEOUT_MS,
    upgradeTimeout: options.originTimeoutMs ?? ORIGIN_TIMEOUT_MS,
    // The certificate is the origin's, whatever Host the client named; an address needs no server name.
    ssl: { maxHeaderSize: MAX_HEADER_BYTES, servername: /[a-z]/i.test(hostname) && !hostname.includes(':') ? hostname : '' }
  })

  // httpxy merges repeated fields and completes targets; the app is to see the request as it came.
  function asItCame(request: ClientRequest, req: IncomingMessage, isUpgrade: boolean): void {
    // X-Samekey-Key and X-Samekey-Forward are between Nginx and the writer only.
    const fields = fieldsByName(endToEndFields(req.rawHeaders, isUpgrade).filter(([name]) => !/^x-samekey-(?:key|forward)$/i.test(name)))
    const names = new Set([...fields.keys()].map((name) => name.toLowerCase()))
    for (const name of request.getHeaderNames()) if (!names.has(name)) request.removeHeader(name)
    for (const [name, values] of fields) request.setHeader(name, values.length === 1 ? (values[0] as string) : values)
    if (!isUpgrade) request.setHeader('Connection', request.shouldKeepAlive ? 'keep-alive' : 'close')
    if (options.originHost !== undefined) {
      request.setHeader('X-Forwarded-Host', req.headers.host ?? '')
      request.setHeader('Host', options.originHost)
    }
    request.path = req.url as string
  }

  proxy.on('proxyReq', (request, req) => {
    outgoing.set(req, request)
    request.once('timeout', () => timedOut.add(req))
    asItCame(request, req, false)
  })
  proxy.on('proxyReqWs', (request, req) => {
    asItCame(request, req, true)
    request.prependOnceListener('upgrade', (response) => (response.headers = fieldsByName(endToEndFields(response.rawHeaders, true)).object))
  })
  proxy.on('proxyRes', (response, req, res) => {
    answers.set(req, response)
    if (down) options.onOriginChange?.(null)
    down = false
    // Nginx takes this field for itself. It would keep events until they fill a buffer.
    const isEvents = response.headers['content-type']?.startsWith('text/event-stream') === true
    if (isEvents && response.headers['x-accel-buffering'] === undefined) res.setHeader('X-Accel-Buffering', 'no')
    response.headers = fieldsByName(endToEndFields(response.rawHeaders, false)).object
    // Nor may their head wait for the first event; httpxy sets the fields after this.
    if (isEvents) queueMicrotask(() => res.headersSent || res.flushHeaders())
  })
  proxy.on('error', (error: NodeJS.ErrnoException, req, to) => {
    if (to === undefined || req === undefined) return
    if (!('setHeader' in to)) return void to.end()
    // RFC 9112 §6.3: what the app sends after a whole response is discarded, and the connection with it.
    if (error.code?.startsWith('HPE_') && answers.get(req)?.complete) return
    if (mayRetry(error, req, to)) return send(req, to, false)
    if (to.destroyed) return
    if (!down) options.onOriginChange?.(error)
    down = true
    refuse(to, timedOut.has(req) || error.code === 'ETIMEDOUT')
  })

  /** RFC 9112 §9.3.1: the app closed a kept connection while the request was on its way; asking again is safe. */
  function mayRetry(error: NodeJS.ErrnoException, req: IncomingMessage, res: ServerResponse): boolean {
    const isStale = error.code === 'ECONNRESET' && outgoing.get(req)?.reusedSocket === true && !timedOut.has(req)
    return isStale && isRepeatable(req) && !res.headersSent && !res.destroyed
  }

  /** Without the agent a request gets a connection of its own, which cannot have been closed meanwhile. */
  function send(req: IncomingMessage, res: ServerResponse, keptConnection: boolean): void {
    void proxy.web(req, res, { agent: keptConnection ? agent : false }).catch(() => res.destroy())
  }

  function forward(req: IncomingMessage, res: ServerResponse): void {
    // The server has already answered 100 Continue (RFC 9110 §10.1.1).
    delete req.headers.expect
    send(req, res, isRepeatable(req))
  }

  return {
    forward,
    upgrade: (req, socket, head) => void proxy.ws(req, socket, {}, head).catch(() => socket.destroy()),
    close: () => agent.destroy()
  }
}

function isRepeatable(req: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': encoding } = req.headers
  return (req.method === 'GET' || req.method === 'HEAD') && (length ?? '0') === '0' && encoding === undefined
}

/** RFC 9110 §15.6.3, §15.6.5. A response that has begun can only be cut off; where the app is, is no visitor's business. */
function refuse(res: ServerResponse, isTimeout: boolean): void {
  if (res.headersSent) return void res.destroy()
  markUnreachable(res)
  for (const name of res.getHeaderNames()) res.removeHeader(name)
  const [status, text] = isTimeout ? [504, 'The app did not answer in time.'] : [502, 'The app does not answer.']
  res.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' })
  res.end(`${text}\n`)
}
