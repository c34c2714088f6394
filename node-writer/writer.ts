// What happens to one request: it is judged, its response watched, and, once the client has it, stored.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { capture, type ResponseHead } from './capture.js'
import { judgeRequest } from './eligible.js'
import { encodeEntry, type EntryTimes } from './encode_entry.js'
import { Events, type Operation, type SkipReason } from './events.js'
import { fieldOf } from './node_request.js'
import type { LoadedPolicy } from './policy/types.js'
import { purge, PurgeError, type PurgeResult } from './purge.js'
import { Renders, type Render } from './renders.js'
import { replaceResponse } from './replace_response.js'
import { markSecondKey, secondKey } from './second_keys.js'
import { isGzip, isStorable, type Storable } from './storable.js'
import { Store, StoreError } from './store.js'
import { type FieldOf, readStoredPage } from './stored_page.js'
import { invalidatedUrls, isUnsafe } from './unsafe_methods.js'
import { ageOf, conditionsOf, freshenedFields, type Validators } from './validation.js'

export interface PageCacheOptions {
  /**
   * The memcached servers in Nginx's order: `'10.0.0.1:11211,10.0.0.2:11211=2'`, weights after '='.
   * Default: the environment variable SAMEKEY_MEMCACHED, else 127.0.0.1:11211.
   */
  memcached?: string
  /** Milliseconds after which memcached is given up on; no client ever waits for it. Default 500. */
  timeoutMs?: number
  /** memcached's item limit (-I) in bytes. Default 1 MiB, as memcached's. */
  maxItemBytes?: number
  /** Longer bodies, in bytes before compression, are not kept in memory for storing. Default 8 MiB. */
  maxBodyBytes?: number
  /** Store compressible bodies from 1 KiB gzipped. Default true. */
  compress?: boolean
  /** `https://example.org`: what the paths given to `purge` are relative to. Default: the first of the policy's hosts. */
  site?: string
  /** Gets a line for every drift and every error. Default: none; listen to the events. */
  logger?: { warn(message: string): void }
}

const MAX_BODY_BYTES = 8 * 1024 * 1024

/** What these say is true of one request, as errors from 500 are of one moment, and not of the page. */
const ABOUT_THE_REQUEST = new Set([206, 304, 408, 412, 413, 416, 417, 421, 425, 429, 431])

/** A refresh that has not come to an end by then is taken for dead, and another may begin. */
const REFRESH_LEASE_SECONDS = 30

/** A marker outlives the entries it leads to, since one of them may be stored again for longer. */
const MARKER_SECONDS = 24 * 60 * 60

/** Bodies that wait to be compressed or sent, of all pages together. */
const MAX_BYTES_WAITING = 64 * 1024 * 1024

export class Writer {
  readonly events = new Events()
  readonly #renders = new Renders()
  readonly #store: Store
  readonly #site: string | undefined
  /** What goes on after the responses have ended. */
  readonly #work = new Set<Promise<void>>()
  #bytesWaiting = 0

  constructor(readonly policy: LoadedPolicy, readonly options: PageCacheOptions) {
    this.#store = new Store({ ...options, memcached: options.memcached ?? (process.env['SAMEKEY_MEMCACHED'] || '127.0.0.1:11211') })
    const host = policy.document.hosts.find((name) => !name.includes('*'))
    this.#site = options.site ?? (host === undefined ? undefined : `https://${host}`)
    if (options.logger !== undefined) this.#log(options.logger)
  }

  /** Watches the response, and lets the app answer (`next`), unless the request needs no answer of the app's. */
  handle(req: IncomingMessage, res: ServerResponse, next?: () => void): void {
    try {
      const judged = judgeRequest(req, this.policy)
      const url = describe(req)
      if (judged.kind === 'eligible') return this.#lookedUp(req, res, { ...judged, url, field: (name) => fieldOf(req, name) }, next)
      if (judged.kind === 'drift') this.events.tell('drift', { url, nginxKey: judged.nginxKey, writerKey: judged.writerKey })
      else this.#skip(url, judged.reason, judged.detail)
      if (isUnsafe(req.method)) this.#watchUnsafe(req, res)
    } catch (error) {
      this.events.tell('error', { operation: 'watch', key: '', error: error as Error })
    }
    next?.()
  }

  /** A request on the cacheable way: Nginx found nothing, or what it found is stale and the app is to be asked about it. */
  #lookedUp(req: IncomingMessage, res: ServerResponse, page: Request, next?: () => void): void {
    const why = forwardReason(req)
    // Without `next` the app answers before memcached could.
    if (this.policy.mode === 'raw' || next === undefined || why === 'miss') {
      this.#follow(res, page)
      return next?.()
    }
    void this.#revalidate(req, res, page, why === 'refresh').then((goOn) => goOn && next(), next)
  }

  /** False when the request has been answered. */
  async #revalidate(req: IncomingMessage, res: ServerResponse, page: Request, isRefresh: boolean): Promise<boolean> {
    if (isRefresh && !(await this.#claimRefresh(page.key))) {
      res.writeHead(204, { 'Cache-Control': 'no-store' }).end()
      return false
    }
    const stored = await readStoredPage(this.#store, page.key, page.field)
    const follow: Follow = { servedStale: false }
    this.#follow(res, page, follow)
    if (stored === null) return true
    const conditions = conditionsOf(stored.head)
    setConditions(req, conditions)
    replaceResponse(res, req.method === 'HEAD', (status, fields) => {
      const now = Math.floor(Date.now() / 1000)
      if (status === 304 && Object.keys(conditions).length > 0) {
        return { status: stored.head.status, body: stored.body, headers: [...freshenedFields(stored.head.headers, fields), ['Cache-Status', 'samekey; fwd=stale; fwd-status=304; stored']] }
      }
      // RFC 5861 §4: an error is a response with one of these statuses.
      if (![500, 502, 503, 504].includes(status) || now >= stored.head.errorUntil) return null
      follow.servedStale = true
      const said: [string, string] = ['Cache-Status', `samekey; fwd=stale; fwd-status=${status}; ttl=${stored.head.freshUntil - now}; detail=stale-if-error`]
      return { status: stored.head.status, body: stored.body, headers: [...stored.head.headers, ['Age', String(ageOf(stored.head, now))], said] }
    })
    return true
  }

  /** Of all that see a stale page at once, one refreshes it. */
  #claimRefresh(key: string): Promise<boolean> {
    return this.#store.add(`${key}#r`, Buffer.from('1'), { ttlSeconds: REFRESH_LEASE_SECONDS }).catch(() => false)
  }

  #follow(res: ServerResponse, page: Request, follow: Follow = { servedStale: false }): void {
    const { key, target, url } = page
    const render = this.#renders.begin(key)
    let head: ResponseHead
    let receivedAt: number
    let storable: Storable
    const leave = (reason: SkipReason, detail = '') => {
      this.#renders.end(render)
      this.#skip(url, reason, detail)
    }
    capture(res, this.options.maxBodyBytes ?? MAX_BODY_BYTES, {
      onHead: (sent) => {
        head = sent
        // Counted from the head: a long answer must not be fresh for longer.
        receivedAt = Math.floor(Date.now() / 1000)
        const verdict = isStorable(head, target, this.policy, { requestedAt: receivedAt, receivedAt })
        const loss = follow.servedStale ? { reason: 'served-stale' as const, detail: '' } : verdict.store ? this.#rawLoss(verdict) : verdict
        if (verdict.store && loss === undefined) {
          head = { status: head.status, headers: verdict.fields }
          storable = verdict
          return true
        }
        leave(loss?.reason ?? 'capture', loss?.detail)
        // The page is no longer what memcached may still have.
        if (!follow.servedStale && head.status < 500 && !ABOUT_THE_REQUEST.has(head.status)) this.#forget(key)
        return false
      },
      onBody: (body) => {
        if (!isGzip(head, body)) leave('content-encoding', 'not gzip')
        else if (this.#bytesWaiting + body.length > MAX_BYTES_WAITING) {
          this.#renders.end(render)
          this.events.tell('dropped', { operation: 'encode', key, error: new Error(`more than ${MAX_BYTES_WAITING} bytes are waiting to be stored`) })
        } else this.#after(this.#save({ head, body, receivedAt, storable, render, page }))
      },
      onGiveUp: (reason) => {
        leave(reason)
        if (reason === 'body-too-large') this.#forget(key)
      }
    })
  }

  /** A raw entry can say neither for whom it is nor that it is only to be revalidated. */
  #rawLoss(verdict: Storable): { reason: SkipReason; detail: string } | undefined {
    if (this.policy.mode !== 'raw') return undefined
    if (verdict.varyNames.length > 0) return { reason: 'vary', detail: verdict.varyNames.join(', ') }
    return verdict.freshSeconds > 0 ? undefined : { reason: 'expired', detail: '' }
  }

  async #save({ head, body, receivedAt, storable, render, page }: Page): Promise<void> {
    const { url, field } = page
    const { varyNames } = storable
    const key = varyNames.length === 0 ? render.key : secondKey(render.key, varyNames, field)
    this.#bytesWaiting += body.length
    try {
      if (key === '') return this.#skip(url, 'vary', varyNames.join(', '))
      const items = await encodeEntry(head, body, this.policy, {
        key, times: timesOf(storable, receivedAt), compress: this.options.compress !== false, maxItemBytes: this.#store.maxItemBytes
      })
      if (items === null) return this.#refuseTooLarge(url, render.key)
      const elapsed = Math.floor(Date.now() / 1000) - receivedAt
      const ttlSeconds = (this.policy.mode === 'raw' ? storable.freshSeconds : storable.itemTtlSeconds) - elapsed
      if (ttlSeconds < 1) return this.#skip(url, 'expired', '')
      // Asked before every item: a purge may have come meanwhile, and its delete has then been sent already.
      if (!render.purged && key !== render.key) await markSecondKey(this.#store, render.key, varyNames, key, Math.max(ttlSeconds + 60, MARKER_SECONDS))
      for (const item of items) {
        if (render.purged) return this.#skip(url, 'purged', '')
        // A body outlives its head by a minute, so that it is never the first to go.
        await this.#store.set(item.key, item.value, { ttlSeconds: item.key === key ? ttlSeconds : ttlSeconds + 60, gzip: item.gzip })
      }
      this.events.tell('stored', { key, url, bytes: items.reduce((bytes, item) => bytes + item.value.length, 0), ttlSeconds: Math.max(storable.freshSeconds - elapsed, 0) })
    } catch (error) {
      if (error instanceof StoreError && error.code === 'too-large') this.#refuseTooLarge(url, render.key)
      else this.#fail(error instanceof StoreError ? 'set' : 'encode', key, error as Error)
    } finally {
      this.#bytesWaiting -= body.length
      this.#renders.end(render)
    }
  }

  /** RFC 9111 §4.4, as soon as the app has said that it succeeded. */
  #watchUnsafe(req: IncomingMessage, res: ServerResponse): void {
    capture(res, 0, {
      onHead: () => {
        const urls = invalidatedUrls(req, res)
        if (urls.length > 0) this.#after(this.purge(urls).then(() => undefined, () => undefined))
        return false
      },
      onBody: () => {},
      onGiveUp: () => {}
    })
  }

  #refuseTooLarge(url: string, key: string): void {
    this.#skip(url, 'item-too-large', '')
    this.#forget(key)
  }

  purge(urls: readonly string[]): Promise<PurgeResult> {
    const tell = (result: PurgeResult) => {
      for (const page of result.pages) this.events.tell('purged', page)
      return result
    }
    return purge(urls, { policy: this.policy, site: this.#site, store: this.#store, renders: this.#renders }).then(tell, (error: unknown) => {
      if (error instanceof PurgeError) {
        tell(error.result)
        for (const { key, error: cause } of error.failures) this.events.tell('error', { operation: 'delete', key, error: cause })
      }
      throw error
    })
  }

  async close(): Promise<void> {
    while (this.#work.size > 0) await Promise.all(this.#work)
    this.#store.close()
  }

  #forget(key: string): void {
    this.#after(this.#store.delete(key).then(() => undefined, (error: Error) => this.#fail('delete', key, error)))
  }

  #after(work: Promise<void>): void {
    this.#work.add(work)
    void work.finally(() => this.#work.delete(work))
  }

  #skip(url: string, reason: SkipReason, detail: string): void {
    this.events.tell('skipped', { url, reason, detail })
  }

  #fail(operation: Operation, key: string, error: Error): void {
    const notAsked = error instanceof StoreError && (error.code === 'down' || error.code === 'busy')
    this.events.tell(notAsked ? 'dropped' : 'error', { operation, key, error })
  }

  #log(logger: { warn(message: string): void }): void {
    this.events.on('drift', ({ url, nginxKey, writerKey }) => logger.warn(`samekey: drift at ${url}: Nginx has the key ${nginxKey}, the writer ${writerKey}`))
    this.events.on('error', ({ operation, key, error }) => logger.warn(`samekey: ${operation} ${key}: ${error.message}`))
  }
}

/** A request that Nginx has looked up. */
interface Request {
  key: string
  target: string
  url: string
  field: FieldOf
}

interface Follow {
  /** The client got the stored page because the app failed. */
  servedStale: boolean
}

interface Page {
  head: ResponseHead
  body: Buffer
  /** Seconds since 1970, when the head was sent. */
  receivedAt: number
  storable: Storable
  render: Render
  page: Request
}

/** Nginx says why it sends a request to the app; a miss has nothing to revalidate. */
function forwardReason(req: IncomingMessage): 'miss' | 'stale' | 'refresh' {
  const said = String(req.headers['x-samekey-forward'] ?? '')
  if (said.startsWith('refresh')) return 'refresh'
  return said.startsWith('stale') || said.startsWith('request') ? 'stale' : 'miss'
}

/** What the app is to see: Express reads `headers`, a proxy `rawHeaders`. The client's own conditions went no further than Nginx. */
function setConditions(req: IncomingMessage, conditions: Validators): void {
  for (const [name, value] of Object.entries(conditions) as [string, string][]) {
    req.headers[name] = value
    req.rawHeaders.push(name, value)
  }
}

function timesOf(storable: Storable, receivedAt: number): EntryTimes {
  return {
    receivedAt,
    initialAge: storable.initialAgeSeconds,
    freshUntil: receivedAt + storable.freshSeconds,
    refreshUntil: receivedAt + storable.refreshSeconds,
    errorUntil: receivedAt + storable.errorSeconds
  }
}

/** For people; nothing is looked up by it. */
function describe(req: IncomingMessage & { originalUrl?: string }): string {
  return `${req.headers['x-forwarded-proto'] ?? 'http'}://${req.headers.host ?? ''}${req.originalUrl ?? req.url ?? ''}`
}
