// A response is stored only if every rule of RFC 9111 for a shared cache allows it and Nginx can replay it faithfully.
// Each rule of our own stands under its reason; http-cache-semantics knows the rest.

import CachePolicy from 'http-cache-semantics'
import type { ResponseHead } from './capture.js'
import type { LoadedPolicy, Route } from './policy/types.js'
import { findRawLoss, type RawReason } from './raw_loss.js'

/** Why a response must not be stored. The detail names the field, directive or status. */
export type ResponseReason =
  | 'status' // 206, 304, an error, or a redirect without explicit freshness
  | 'set-cookie' // it is somebody's own
  | 'no-store'
  | 'private'
  | 'no-cache' // it may be stored, but never used without asking the app
  | 'vary' // it depends on a field that the key does not cover
  | 'not-storable' // http-cache-semantics refuses it
  | 'expired' // its freshness is over
  | 'no-freshness' // neither the response nor the policy's route says how long
  | 'x-accel-redirect' // Nginx answers with another resource than this body
  | 'content-encoding' // Nginx can only inflate gzip for clients that cannot take it
  | 'header-bytes' // a field that cannot be replayed byte for byte
  | 'header-too-large'
  | RawReason

export type Storability =
  | { store: false; reason: ResponseReason; detail: string }
  | { store: true; route: Route; /** Whole seconds, at least 1. */ ttlSeconds: number; /** Seconds, RFC 9111 §5.1. */ ageSeconds: number }

/** A head in an entry may have at most this many bytes (njs/core/entry.ts); some are left for its first line. */
const MAX_HEADER_BYTES = 65536 - 512

/** May the response be stored as the page of `target`, the canonical target, and for how long? */
export function isStorable(head: ResponseHead, target: string, policy: LoadedPolicy): Storability {
  const headers = joinByName(head.headers)
  // Directives have no case (RFC 9111 §5.2), but http-cache-semantics knows them in lower case only.
  const cacheControl = (headers['cache-control'] ?? '').toLowerCase()

  // RFC 9110 §15.3.7 and §15.4.5: a part, and a reply to a condition, are not the page.
  if (head.status === 206 || head.status === 304) return refuse('status', String(head.status))

  // RFC 9111 §7.3 leaves it to the cache; a page that sets a cookie is meant for one client.
  if (headers['set-cookie'] !== undefined) return refuse('set-cookie')

  // RFC 9111 §5.2.2.5, §5.2.2.7, §5.2.2.4. With field names (private="x-user") they count as if they had none.
  if (hasDirective(cacheControl, 'no-store')) return refuse('no-store')
  if (hasDirective(cacheControl, 'private')) return refuse('private')
  if (hasDirective(cacheControl, 'no-cache')) return refuse('no-cache')
  // RFC 9111 §5.4: obsolete in responses, but meant.
  if (cacheControl === '' && hasDirective((headers['pragma'] ?? '').toLowerCase(), 'no-cache')) return refuse('no-cache', 'pragma')

  const uncovered = findUncoveredVary(headers['vary'] ?? '', policy)
  if (uncovered !== undefined) return refuse('vary', uncovered)

  if (headers['x-accel-redirect'] !== undefined) return refuse('x-accel-redirect')

  const coding = headers['content-encoding']
  if (coding !== undefined && coding.toLowerCase() !== 'gzip') return refuse('content-encoding', coding)

  // Node sends a character beyond ASCII as one byte or as two, depending on the first chunk of the body, and the njs
  // engines read such bytes differently.
  const odd = head.headers.find(([, value]) => /[^\t -~]/.test(value))
  if (odd !== undefined) return refuse('header-bytes', odd[0])
  if (head.headers.reduce((bytes, [name, value]) => bytes + name.length + value.length + 3, 0) > MAX_HEADER_BYTES) return refuse('header-too-large')

  const route = policy.routes.find(({ match }) => match === null || match.test(target)) as Route
  if (policy.mode === 'raw') {
    const loss = findRawLoss(head, headers, route.contentType)
    if (loss !== undefined) return refuse(loss.reason, loss.detail)
  }
  return judgeFreshness(head.status, { ...headers, 'cache-control': cacheControl }, route)
}

function judgeFreshness(status: number, headers: Record<string, string>, route: Route): Storability {
  // No request fields: whatever a client could say there, the policy has already decided, and no client may keep
  // others from a cached page by saying no-store.
  const rules = new CachePolicy({ method: 'GET', headers: {} }, { status, headers }, { shared: true, cacheHeuristic: 0, immutableMinTimeToLive: 0 })
  if (!rules.storable()) return refuse(STORABLE_BY_DEFAULT.has(status) ? 'not-storable' : 'status', String(status))

  const ageSeconds = Math.max(0, Math.round(rules.age()))
  // RFC 9111 §4.2.1: s-maxage, then max-age, then Expires. (timeToLive() would add the time for which it may be stale.)
  if (/(?:^|[\s,])(?:s-maxage|max-age)\s*=/.test(headers['cache-control'] ?? '') || headers['expires'] !== undefined) {
    const ttlSeconds = Math.floor(rules.maxAge() - ageSeconds)
    return ttlSeconds >= 1 ? { store: true, route, ttlSeconds, ageSeconds } : refuse('expired')
  }
  // RFC 9111 §4.2.2 allows a guess for some statuses only, and ours is the site's own.
  if (!STORABLE_BY_DEFAULT.has(status)) return refuse('status', String(status))
  if (route.ttlSeconds === null) return refuse('no-freshness')
  return route.ttlSeconds >= 1 ? { store: true, route, ttlSeconds: Math.floor(route.ttlSeconds), ageSeconds } : refuse('expired', 'route')
}

function refuse(reason: ResponseReason, detail = ''): Storability {
  return { store: false, reason, detail }
}

/** RFC 9110 §15.1: heuristically cacheable. Without 405, 414 and 501, which no looked-up request should bring about. */
const STORABLE_BY_DEFAULT = new Set([200, 203, 204, 300, 301, 308, 404, 410])

/** Several fields of one name mean one, joined by ', ' (RFC 9110 §5.3). */
function joinByName(fields: ResponseHead['headers']): Record<string, string> {
  const joined = Object.create(null) as Record<string, string>
  for (const [name, value] of fields) {
    const lower = name.toLowerCase()
    joined[lower] = joined[lower] === undefined ? value : `${joined[lower]}, ${value}`
  }
  return joined
}

function hasDirective(cacheControl: string, name: string): boolean {
  return new RegExp(`(?:^|[\\s,])${name}(?:[\\s,=]|$)`).test(cacheControl)
}

/**
 * Fields that Nginx removes, or sets from what the key covers, on the way to the app: it cannot have seen two values
 * under one key.
 */
const COVERED = ['accept-encoding', 'authorization', 'cookie', 'host', 'x-forwarded-proto', 'x-samekey-variant']

/** RFC 9111 §4.1. '*' means that it depends on more than the request. */
function findUncoveredVary(vary: string, policy: LoadedPolicy): string | undefined {
  const covered = [...COVERED, ...policy.unkeyedHeaders, ...policy.variants.filter(({ source }) => source === 'header').map(({ field }) => field)]
  return vary.split(',').map((name) => name.trim().toLowerCase()).find((name) => name !== '' && !covered.includes(name))
}

/** Whether a body that is said to be gzip is: what inflates to nothing must not be stored. True for every other body. */
export function isGzip(head: ResponseHead, body: Buffer): boolean {
  if (!head.headers.some(([name]) => name.toLowerCase() === 'content-encoding')) return true
  // RFC 1952 §2.3.1: magic and the one compression method.
  return body.length >= 18 && body[0] === 0x1f && body[1] === 0x8b && body[2] === 0x08
}
