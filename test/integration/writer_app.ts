// An app with the page cache in front of it, and requests as Nginx sends them on the cacheable way.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { FIXED_BYTES, headBytes, parseHead, type EntryHead } from '../../njs/core/entry.js'
import { isClaim } from '../../node-writer/invalidation/claim.js'
import { keysOfUrl } from '../../node-writer/key.js'
import { pageCache, type PageCache, type PageCacheOptions } from '../../node-writer/page_cache.js'
import type { SkipReason } from '../../node-writer/events.js'
import type { PolicyDocument } from '../../node-writer/policy/types.js'
import { Store } from '../../node-writer/store.js'

export type Handler = (req: IncomingMessage, res: ServerResponse) => void

export type Outcome =
  | { kind: 'stored'; key: string; bytes: number; ttlSeconds: number }
  | { kind: 'skipped'; reason: SkipReason; detail: string }
  | { kind: 'drift' | 'dropped' | 'error' }

export interface App {
  port: number
  cache: PageCache
  /** The bytes of a request that Nginx has looked up. */
  request(target: string, options?: { method?: string; fields?: string[] }): string
  key(target: string): string
  /** The next thing that the cache tells. */
  outcome(): Promise<Outcome>
  stop(): Promise<void>
}

export const sixtySeconds: PolicyDocument = { routes: [{ match: '/', ttl: 60 }] }

export async function startApp(handler: Handler, options: PageCacheOptions & { policy?: PolicyDocument } = {}, listenPort = 0): Promise<App> {
  const { policy = sixtySeconds, ...rest } = options
  const cache = pageCache(policy, rest)
  const server = await listening(createServer((req, res) => cache(req, res, () => handler(req, res))), listenPort)
  const port = portOf(server)
  const key = (target: string) => keysOfUrl(`http://127.0.0.1:${port}${target}`, cache.policy)[0] as string
  return {
    port, cache, key,
    request(target, { method = 'GET', fields = [] } = {}) {
      return plainRequest(port, target, method, [`X-Samekey-Key: ${key(target)}`, ...fields])
    },
    outcome: () => new Promise((resolve) => {
      const names = ['stored', 'skipped', 'drift', 'dropped', 'error'] as const
      const listeners = names.map((kind) => {
        const listener = (event: object) => {
          for (const [name, other] of listeners) cache.off(name, other)
          resolve({ ...event, kind } as Outcome)
        }
        cache.on(kind, listener)
        return [kind, listener] as const
      })
    }),
    async stop() {
      await stopServer(server)
      await cache.close()
    },
  }
}

export async function startPlain(handler: Handler): Promise<{ port: number; stop(): Promise<void> }> {
  const server = await listening(createServer(handler))
  return { port: portOf(server), stop: () => stopServer(server) }
}

export function plainRequest(port: number, target: string, method = 'GET', fields: string[] = []): string {
  return [`${method} ${target} HTTP/1.1`, `Host: 127.0.0.1:${port}`, 'Connection: close', ...fields, '', ''].join('\r\n')
}

/** Everything that a server sends until it closes, without the one field that is different each second. */
export async function exchange(port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1', () => socket.write(request, 'latin1'))
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  socket.on('error', () => {})
  await once(socket, 'close')
  return Buffer.concat(chunks).toString('latin1').replace(/\r\nDate: [^\r]+/, '')
}

export interface Entry { head: EntryHead; body: Buffer }

/** What Nginx would find under a key; undefined for a miss. */
export async function readEntry(store: Store, key: string): Promise<Entry | undefined> {
  const item = (await store.get(key))?.value
  if (item === undefined) return undefined
  const bytes = headBytes(item.toString('latin1', 0, FIXED_BYTES))
  const head = parseHead(item.toString('latin1', 0, bytes), item.length)
  if (head === null) throw new Error(`not an entry: ${item.toString('latin1', 0, 200)}`)
  const body = head.bodyKey === '' ? item.subarray(bytes) : (await store.get(head.bodyKey))?.value
  if (body === undefined) throw new Error(`no body under ${head.bodyKey}`)
  if (body.length !== head.bodyBytes) throw new Error(`${body.length} bytes, but the head says ${head.bodyBytes}`)
  return { head, body }
}

async function listening(server: Server, port = 0): Promise<Server> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

async function stopServer(server: Server): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await closed
}

/** The item under a page's key, if it is more than the claim of a render. */
export async function itemAt(store: Store, key: string): Promise<Buffer | null> {
  const item = await store.get(key)
  return item === null || isClaim(item.value) ? null : item.value
}
