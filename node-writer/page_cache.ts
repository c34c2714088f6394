// The middleware: Nginx reads the cache, this writes it.

import type { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { PageCacheEvents } from './events.js'
import { loadPolicy } from './policy/load.js'
import type { LoadedPolicy, PolicyDocument } from './policy/types.js'
import type { PurgeResult } from './purge_result.js'
import type { PurgeRequest } from './purge_request.js'
import { Writer, type PageCacheOptions } from './writer.js'

export type { PageCacheOptions } from './writer.js'

declare module 'http' {
  interface ServerResponse<Request extends IncomingMessage = IncomingMessage> {
    /**
     * Tags the page, so that `purge({ tags })` finds it: up to 50, each of 1 to 128 characters from ! to ~ without a comma.
     * Until the response ends; on a response that is not to be stored nothing comes of it. Never throws: a page with a tag
     * that cannot be kept is not stored (`skipped`, reason 'tags').
     */
    samekeyTags(...tags: (string | readonly string[])[]): this
  }
}

/**
 * Connect and Express middleware, and a plain function for http.createServer: `cache(req, res, answer)`. It calls `next`
 * when the page is claimed, so that no purge meanwhile is lost, and not at all when it has answered itself; without
 * `next` nothing is stored. Mount it first, before anything that changes bodies. (Fastify: in an onRequest hook,
 * `cache(request.raw, reply.raw, done)`.)
 */
export interface PageCache {
  (req: IncomingMessage, res: ServerResponse, next?: (error?: unknown) => void): void
  readonly policy: LoadedPolicy
  on<Name extends keyof PageCacheEvents>(name: Name, listener: (event: PageCacheEvents[Name][0]) => void): PageCache
  once<Name extends keyof PageCacheEvents>(name: Name, listener: (event: PageCacheEvents[Name][0]) => void): PageCache
  off<Name extends keyof PageCacheEvents>(name: Name, listener: (event: PageCacheEvents[Name][0]) => void): PageCache
  /**
   * Purges all that is named: pages (absolute URLs, or paths of `site`), tags, prefixes, patterns, groups, everything; a
   * text or a list is of URLs. When it resolves, these pages are gone at once, and what the rest covers is not served any
   * more a second later; that includes what is being rendered. Rejects with a PurgeRequestError (a TypeError) when it cannot be
   * understood, and with a PurgeError when a server did not acknowledge: ask again then.
   */
  purge(what: string | readonly string[] | PurgeRequest): Promise<PurgeResult>
  /**
   * Lets what is being stored end, asks a last time for the purges of unsafe requests that memcached has not acknowledged
   * yet, all within a few times `timeoutMs`, and closes the connections.
   */
  close(): Promise<void>
}

/** Throws a PolicyError or a TypeError that says what is wrong with the policy or an option. */
export function pageCache(policy: LoadedPolicy | PolicyDocument | string, options: PageCacheOptions = {}): PageCache {
  checkOptions(options)
  const writer = new Writer(isLoaded(policy) ? policy : loadPolicy(policy), options)
  const events: EventEmitter = writer.events
  const listening = (method: 'on' | 'once' | 'off') => (name: string, listener: (event: unknown) => void) => {
    events[method](name, listener)
    return cache
  }
  const middleware = (req: IncomingMessage, res: ServerResponse, next?: () => void) => {
    writer.handle(req, res, next)
  }
  const cache = Object.assign(middleware, {
    policy: writer.policy,
    on: listening('on'),
    once: listening('once'),
    off: listening('off'),
    purge: (what: string | readonly string[] | PurgeRequest) => writer.purge(isUrls(what) ? { urls: what } : what),
    close: () => writer.close()
  }) as unknown as PageCache
  return cache
}

function isUrls(what: string | readonly string[] | PurgeRequest): what is string | readonly string[] {
  return typeof what === 'string' || Array.isArray(what)
}

function isLoaded(policy: LoadedPolicy | PolicyDocument | string): policy is LoadedPolicy {
  return typeof policy === 'object' && 'keyHead' in policy
}

function checkOptions(options: PageCacheOptions): void {
  for (const name of ['timeoutMs', 'maxItemBytes', 'maxBodyBytes'] as const) {
    const value = options[name]
    if (value !== undefined && !(Number.isInteger(value) && value > 0)) throw new TypeError(`${name}: expected a whole number above 0, got ${String(value)}`)
  }
}
