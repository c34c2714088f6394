// What the page cache tells observers. Nothing that an observer does can harm a response: what it throws becomes a
// process warning.

import { EventEmitter } from 'node:events'
import type { CaptureReason } from './capture.js'
import type { RequestReason } from './eligible.js'
import type { PurgeError } from './purge_result.js'
import type { PurgeRecord } from './purge_record.js'
import type { ResponseReason } from './storable.js'
import { StoreError } from './store.js'

/** Why a response was not stored. Stable strings, each explained where its type is declared. */
export type SkipReason =
  | RequestReason
  | CaptureReason
  | ResponseReason
  | 'item-too-large' // memcached cannot keep an item of this size
  | 'request-no-store' // the policy lets requests say so (RFC 9111 §5.2.1.5)
  | 'other-validator' // the app's 304 names another page than the one that it was asked about
  | 'served-stale' // the app failed, and the stored page was served in its place
  | 'purged' // the page was purged while it was being rendered, or another render of it was stored first
  | 'new-rule' // its path has just said which arguments it does not read; its next page is stored where that says
  | 'was-uncacheable' // a moment ago this page could not be stored, so nothing was prepared; its next answer is stored
  | 'no-next' // the middleware was given no `next`, so the app did not wait until the page was claimed
  | 'tags' // its tags cannot all be kept, so that a purge of one would not find it

export interface PageCacheEvents {
  /** `bytes` as stored, of all items of the entry; fresh for `ttlSeconds` from now, 0 when it must be revalidated each time. */
  stored: [{ key: string; url: string; bytes: number; ttlSeconds: number }]
  /** `detail` names the field, directive, status or rule; '' when there is nothing to add. */
  skipped: [{ url: string; reason: SkipReason; detail: string }]
  /** A purge has come to its end, or waits for a server: who asked for what, and what came of it. Also those that an unsafe request causes. */
  purge: [PurgeRecord]
  /** Nginx and the app disagree about a key: they have different policies or versions. Nothing was stored. */
  drift: [{ url: string; nginxKey: string; writerKey: string }]
  /** memcached was not even asked: it did not answer a moment ago, or too much is under way to it. */
  dropped: [{ operation: Operation; key: string; error: Error }]
  /** Something failed; the response did not. */
  error: [{ operation: Operation; key: string; error: Error }]
}

export type Operation = 'claim' | 'set' | 'delete' | 'purge' | 'encode' | 'watch'

export class Events extends EventEmitter<PageCacheEvents> {
  tell<Name extends keyof PageCacheEvents>(name: Name, event: PageCacheEvents[Name][0]): void {
    // An 'error' that nobody listens to would be thrown.
    if (this.listenerCount(name) === 0) return
    try {
      ;(this as EventEmitter).emit(name, event)
    } catch (error) {
      process.emitWarning(error instanceof Error ? error : String(error))
    }
  }

  skip(url: string, reason: SkipReason, detail = ''): void {
    this.tell('skipped', { url, reason, detail })
  }

  fail(operation: Operation, key: string, error: Error): void {
    const notAsked = error instanceof StoreError && (error.code === 'down' || error.code === 'busy')
    this.tell(notAsked ? 'dropped' : 'error', { operation, key, error })
  }

  unacknowledged({ failures }: PurgeError): void {
    for (const { key, error } of failures) this.tell('error', { operation: 'purge', key, error })
  }
}
