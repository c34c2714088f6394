// When a stored page may be served although it is stale, because the app cannot do better (RFC 9111 §4.2.4).

import type { ServerResponse } from 'node:http'
import type { EntryHead } from '../njs/core/entry.js'
import { joinFields } from './http/fields.js'
import { freshness } from './http/freshness.js'
import type { LoadedPolicy } from './policy/types.js'

const unreachable = new WeakSet<ServerResponse>()

/** Said by who forwards requests: what is answered now is not the app's, which did not answer at all. */
export function markUnreachable(res: ServerResponse): void {
  unreachable.add(res)
}

/** RFC 5861 §4: an error is a response with one of these statuses. */
const ERRORS = new Set([500, 502, 503, 504])

/** Why the stored page may stand in for an answer of this status; '' when it may not. `now` in seconds since 1970. */
export function staleReason(head: EntryHead, status: number, res: ServerResponse, policy: LoadedPolicy, now: number): 'stale-if-error' | 'disconnected' | '' {
  if (!ERRORS.has(status)) return ''
  if (now < head.errorUntil) return 'stale-if-error'
  // RFC 9111 §4.2.4: a cache that is disconnected may, for a page that was fresh once.
  const inTime = head.freshUntil > head.storedAt && now < head.freshUntil + unreachableSeconds(head, policy)
  return unreachable.has(res) && inTime ? 'disconnected' : ''
}

function unreachableSeconds(head: EntryHead, policy: LoadedPolicy): number {
  const received = { requestedAt: head.storedAt, receivedAt: head.storedAt }
  return freshness(head.status, joinFields(head.headers), received, { ...policy.responses, ttlSeconds: null }).unreachableSeconds
}
