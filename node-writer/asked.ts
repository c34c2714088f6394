// A request on the cacheable way as the parts of the writer hand it on, and what they share.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { parseRequestDirectives, type RequestDirectives } from '../njs/core/request_directives.js'
import type { Forward } from './cache_status.js'
import type { BodyMemory } from './body_memory.js'
import { type ClientConditions, UNCONDITIONAL } from './client_conditions.js'
import type { Events } from './events.js'
import type { Invalidation } from './invalidation/invalidation.js'
import type { PageAddress } from './key.js'
import { fieldOf } from './node_request.js'
import type { Pages } from './pages.js'
import type { LoadedPolicy } from './policy/types.js'
import type { SharedReads } from './shared_reads.js'
import type { Store } from './store.js'
import type { Wanted } from './stored_page.js'
import type { Uncacheable } from './uncacheable.js'

/** What the exchanges of a writer share. */
export interface Shared {
  policy: LoadedPolicy
  store: Store
  reads: SharedReads
  invalidation: Invalidation
  pages: Pages
  events: Events
  uncacheable: Uncacheable
  maxBodyBytes: number
  /** Of regions of `maxBodyBytes`. */
  memory: BodyMemory
}

export interface Asked {
  shared: Shared
  req: IncomingMessage
  res: ServerResponse
  address: PageAddress
  /** For people. */
  url: string
  /** Why Nginx sends it; 'refresh' when a stale page has been served already; '' when it does not say. */
  forward: Forward | 'refresh' | ''
  /** What Nginx adds to that. */
  detail: string
  /** The conditions that were taken from it. */
  client: ClientConditions
}

/** Set by Nginx with X-Samekey-Key: `fwd`, or `fwd; detail=reason`, or `refresh`. */
export const FORWARD_HEADER = 'x-samekey-forward'

const FORWARDS: ReadonlySet<string> = new Set(['uri-miss', 'vary-miss', 'stale', 'request', 'refresh'])

export function readAsked(shared: Shared, req: IncomingMessage, res: ServerResponse, address: PageAddress, url: string): Asked {
  const [forward = '', detail = ''] = String(req.headers[FORWARD_HEADER] ?? '').split('; detail=')
  const known = FORWARDS.has(forward) || forward === '' ? forward as Asked['forward'] : 'miss'
  return { shared, req, res, address, url, forward: known, detail, client: UNCONDITIONAL }
}

export function wantedBy({ shared, req, address }: Asked): Wanted {
  return { address, policy: shared.policy, lists: shared.invalidation.lists, field: (name) => fieldOf(req, name) }
}

export function directivesOf({ req }: Asked): RequestDirectives {
  return parseRequestDirectives(fieldOf(req, 'cache-control') ?? '', fieldOf(req, 'pragma') ?? '')
}

/** Since 1970. */
export function seconds(): number {
  return Math.floor(Date.now() / 1000)
}
