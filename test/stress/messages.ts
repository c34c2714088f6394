// What a stress run and its app processes tell each other.

import type { PolicyDocument } from '../../node-writer/policy/types.js'
import type { PurgeRequest } from '../../node-writer/purge_request.js'
import type { PageSetName } from './page_sets.js'

export interface AppStart {
  /** Of loopback. */
  port: number
  memcached: string
  policy: PolicyDocument
  site: string
  timeoutMs: number
  /** How long each render takes, and how it ends. */
  behaviour: Behaviour
  seed: number
}

/** 'oracle': the pages of page_sets.ts. 'crowd': one page that takes `renderMs`; `ending` is how its first render ends. */
export type Behaviour =
  | { kind: 'oracle'; pages: PageSetName }
  | { kind: 'crowd'; renderMs: number; ending: 'stored' | 'error' | 'uncacheable' | 'hangs' }

export type ToApp =
  | { type: 'start'; start: AppStart }
  | { type: 'purge'; id: number; purge: PurgeRequest }
  /** The database has answered. */
  | { type: 'version'; id: number; version: number }

export type FromApp =
  | { type: 'ready' }
  /** A render has begun, and asks the database for the page's version now. */
  | { type: 'read'; id: number; page: number }
  /** A change of a page's data, by an unsafe request. */
  | { type: 'write'; id: number; page: number }
  /** The purge that such a change sets off has been acknowledged, at once or when it was repeated. */
  | { type: 'posted'; page: number; version: number; at: number }
  /** `at`: milliseconds of the machine's monotonic clock. */
  | { type: 'purged'; id: number; at: number; error: string }
  | { type: 'event'; name: string }

/** Milliseconds of a clock that all processes of this machine share and nobody sets. */
export function monotonic(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1e3 + nanoseconds / 1e6
}
