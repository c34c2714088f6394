// What happens to one request: it is judged, its response watched, and, once the client has it, stored.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { capture, type ResponseHead } from './capture.js'
import { judgeRequest } from './eligible.js'
import { encodeEntry, type EntryTimes } from './encode_entry.js'
import { Events, type Operation, type SkipReason } from './events.js'
import type { LoadedPolicy } from './policy/types.js'
import { purge, PurgeError, type PurgeResult } from './purge.js'
import { Renders, type Render } from './renders.js'
import { isGzip, isStorable } from './storable.js'
import { Store, StoreError } from './store.js'

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

  watch(req: IncomingMessage, res: ServerResponse): void {
    const url = describe(req)
    try {
      const judged = judgeRequest(req, this.policy)
      if (judged.kind === 'drift') this.events.tell('drift', { url, nginxKey: judged.nginxKey, writerKey: judged.writerKey })
      else if (judged.kind === 'skipped') this.#skip(url, judged.reason, judged.detail)
      else this.#follow(res, judged.key, judged.target, url)
    } catch (error) {
      this.events.tell('error', { operation: 'watch', key: '', error: error as Error })
    }
  }

  #follow(res: ServerResponse, key: string, target: string, url: string): void {
    const render = this.#renders.begin(key)
    let head: ResponseHead
    let times: EntryTimes
    const leave = (reason: SkipReason, detail = '') => {
      this.#renders.end(render)
      this.#skip(url, reason, detail)
    }
    capture(res, this.options.maxBodyBytes ?? MAX_BODY_BYTES, {
      onHead: (sent) => {
        head = sent
        // Counted from the head: a long answer must not be fresh for longer.
        const now = Math.floor(Date.now() / 1000)
        const verdict = isStorable(head, target, this.policy, { requestedAt: now, receivedAt: now })
        if (verdict.store && verdict.freshSeconds > 0 && verdict.varyNames.length === 0) {
          head = { status: head.status, headers: verdict.fields }
          times = { receivedAt: now, initialAge: verdict.initialAgeSeconds, freshUntil: now + verdict.freshSeconds }
          return true
        }
        if (!verdict.store) leave(verdict.reason, verdict.detail)
        else if (verdict.varyNames.length > 0) leave('vary', verdict.varyNames.join(', '))
        else leave('expired')
        // The page is no longer what memcached may still have.
        if (head.status < 500 && !ABOUT_THE_REQUEST.has(head.status)) this.#forget(key)
        return false
      },
      onBody: (body) => {
        if (!isGzip(head, body)) leave('content-encoding', 'not gzip')
        else if (this.#bytesWaiting + body.length > MAX_BYTES_WAITING) {
          this.#renders.end(render)
          this.events.tell('dropped', { operation: 'encode', key, error: new Error(`more than ${MAX_BYTES_WAITING} bytes are waiting to be stored`) })
        } else this.#after(this.#save({ head, body, times, render, url }))
      },
      onGiveUp: (reason) => {
        leave(reason)
        if (reason === 'body-too-large') this.#forget(key)
      }
    })
  }

  async #save({ head, body, times, render, url }: Page): Promise<void> {
    const { key } = render
    this.#bytesWaiting += body.length
    try {
      const items = await encodeEntry(head, body, this.policy, {
        key, times, compress: this.options.compress !== false, maxItemBytes: this.#store.maxItemBytes
      })
      if (items === null) return this.#refuseTooLarge(url, key)
      const ttlSeconds = times.freshUntil - Math.floor(Date.now() / 1000)
      if (ttlSeconds < 1) return this.#skip(url, 'expired', '')
      for (const item of items) {
        // Asked before every item: a purge may have come meanwhile, and its delete has then been sent already.
        if (render.purged) return this.#skip(url, 'purged', '')
        // A body outlives its head by a minute, so that it is never the first to go.
        await this.#store.set(item.key, item.value, { ttlSeconds: item.key === key ? ttlSeconds : ttlSeconds + 60, gzip: item.gzip })
      }
      this.events.tell('stored', { key, url, bytes: items.reduce((bytes, item) => bytes + item.value.length, 0), ttlSeconds })
    } catch (error) {
      if (error instanceof StoreError && error.code === 'too-large') this.#refuseTooLarge(url, key)
      else this.#fail(error instanceof StoreError ? 'set' : 'encode', key, error as Error)
    } finally {
      this.#bytesWaiting -= body.length
      this.#renders.end(render)
    }
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

interface Page {
  head: ResponseHead
  body: Buffer
  times: EntryTimes
  render: Render
  url: string
}

/** For people; nothing is looked up by it. */
function describe(req: IncomingMessage & { originalUrl?: string }): string {
  return `${req.headers['x-forwarded-proto'] ?? 'http'}://${req.headers.host ?? ''}${req.originalUrl ?? req.url ?? ''}`
}
