// What every request meets first: it is judged, and either followed by an Exchange or left alone; an unsafe one that
// succeeds makes what is stored of its target go.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { readAsked, type Shared } from './asked.js'
import { BodyMemory } from './body_memory.js'
import { judgeRequest } from './eligible.js'
import { Events } from './events.js'
import { Exchange } from './exchange.js'
import { createInvalidation } from './invalidation/invalidation.js'
import { Pages } from './pages.js'
import type { LoadedPolicy } from './policy/types.js'
import { PurgeError, type PurgeResult } from './purge_result.js'
import { PurgeHttp, type PurgeHttpOptions } from './purge_http.js'
import { notCarriedOut, purge, type PurgeRecord } from './purge_record.js'
import { PurgeRepeats } from './purge_repeats.js'
import { type PurgeRequest, siteOf } from './purge_request.js'
import { holdResponse } from './hold_response.js'
import { replaceResponse } from './replace_response.js'
import { SharedReads } from './shared_reads.js'
import { Store } from './store.js'
import { offerTags } from './tags.js'
import { Uncacheable } from './uncacheable.js'
import { invalidatedBy, isUnsafe } from './unsafe_methods.js'

export interface PageCacheOptions {
  /**
   * The memcached servers in Nginx's order: `'10.0.0.1:11211,10.0.0.2:11211=2'`, weights after '='.
   * Default: the environment variable SAMEKEY_MEMCACHED, else 127.0.0.1:11211.
   */
  memcached?: string
  /** Milliseconds after which an answer of memcached is given up on, and the server left alone for a second. Default 500. */
  timeoutMs?: number
  /** memcached's item limit (-I) in bytes. Default 1 MiB, as memcached's. */
  maxItemBytes?: number
  /** Longer bodies, in bytes before compression, are not kept in memory for storing. Default 8 MiB. */
  maxBodyBytes?: number
  /** Store compressible bodies from 1 KiB gzipped. Default true. */
  compress?: boolean
  /** `https://example.org`: what the paths given to `purge` are relative to. Default: the first of the policy's hosts. */
  site?: string
  /** Purges over HTTP; off by default. They are answered only where the middleware is given `next`. */
  purge?: PurgeHttpOptions
  /** Gets a line for every drift and every error. Default: none; listen to the events. */
  logger?: { warn(message: string): void }
}

const MAX_BODY_BYTES = 8 * 1024 * 1024

export class Writer {
  readonly events = new Events()
  readonly #shared: Shared
  readonly #site: string | undefined
  readonly #purgeHttp: PurgeHttp | undefined
  readonly #repeats: PurgeRepeats

  constructor(readonly policy: LoadedPolicy, readonly options: PageCacheOptions) {
    const { events } = this
    const store = new Store({ ...options, memcached: options.memcached ?? (process.env['SAMEKEY_MEMCACHED'] || '127.0.0.1:11211') })
    const invalidation = createInvalidation(policy, store)
    const maxBodyBytes = options.maxBodyBytes ?? MAX_BODY_BYTES
    const memory = new BodyMemory(maxBodyBytes)
    this.#shared = {
      policy, store, events, invalidation,
      reads: new SharedReads(store),
      pages: new Pages({ policy, store, events, invalidation, memory, compress: options.compress !== false }),
      uncacheable: new Uncacheable(),
      maxBodyBytes, memory
    }
    this.#site = options.site ?? siteOf(policy)
    this.#purgeHttp = options.purge && new PurgeHttp(options.purge, {
      purge: (request) => this.purge(request),
      onRefused: (by, error) => events.tell('purge', notCarriedOut('refused', { by }, error))
    })
    this.#repeats = new PurgeRepeats((request, onRecord) => this.#carryOut(request, onRecord), events)
    if (options.logger !== undefined) this.#log(options.logger)
  }

  /** Watches the response, and lets the app answer (`next`), unless the request needs no answer of the app's. */
  handle(req: IncomingMessage, res: ServerResponse, next?: () => void): void {
    if (next !== undefined && this.#purgeHttp?.takes(req, res)) return
    offerTags(res)
    const exchange = this.#judge(req, res)
    if (exchange === null) next?.()
    else exchange.begin(next)
  }

  #judge(req: IncomingMessage, res: ServerResponse): Exchange | null {
    try {
      const judged = judgeRequest(req, this.policy)
      const url = describe(req)
      if (judged.kind === 'eligible') return new Exchange(readAsked(this.#shared, req, res, judged.address, url))
      if (judged.kind === 'drift') this.events.tell('drift', { url, nginxKey: judged.nginxKey, writerKey: judged.writerKey })
      else this.events.skip(url, judged.reason, judged.detail)
      if (isUnsafe(req.method)) this.#watchUnsafe(req, res)
    } catch (error) {
      this.events.fail('watch', '', error as Error)
    }
    return null
  }

  /** RFC 9111 §4.4, when the app has said that it succeeded and before the client can know: what it asks for next is new. */
  #watchUnsafe(req: IncomingMessage, res: ServerResponse): void {
    let purged: Promise<void> | undefined
    replaceResponse(res, { mayReplace: false, maxBodyBytes: 0 }, (head) => {
      const invalidated = invalidatedBy(req, head, this.policy.mode)
      if (invalidated === null) return { add: null }
      purged = this.#repeats.purge(invalidated, `${req.method} ${describe(req)}`)
      this.#shared.pages.after(purged)
      return { add: null }
    })
    holdResponse(res, () => purged)
  }

  async purge(request: PurgeRequest): Promise<PurgeResult> {
    try {
      return await this.#carryOut(request, (record) => this.events.tell('purge', record))
    } catch (error) {
      if (error instanceof PurgeError) this.events.unacknowledged(error)
      throw error
    }
  }

  #carryOut(request: PurgeRequest, onRecord: (record: PurgeRecord) => void): Promise<PurgeResult> {
    const { store, invalidation } = this.#shared
    return purge(request, this.#site, { policy: this.policy, store, lists: invalidation.lists, items: invalidation.items }, onRecord)
  }

  async close(): Promise<void> {
    await this.#shared.pages.settled()
    await this.#repeats.close()
    this.#shared.store.close()
  }

  #log(logger: { warn(message: string): void }): void {
    this.events.on('drift', ({ url, nginxKey, writerKey }) => logger.warn(`samekey: drift at ${url}: Nginx has the key ${nginxKey}, the writer ${writerKey}`))
    this.events.on('error', ({ operation, key, error }) => logger.warn(`samekey: ${operation} ${key}: ${error.message}`))
  }
}

/** For people; nothing is looked up by it. */
function describe(req: IncomingMessage & { originalUrl?: string }): string {
  return `${req.headers['x-forwarded-proto'] ?? 'http'}://${req.headers.host ?? ''}${req.originalUrl ?? req.url ?? ''}`
}
