// For how long a shared cache may use a response without asking: while it is fresh, and after that when it is told that
// it may. RFC 9111 §4.2, RFC 5861. Seconds count from the age 0; `immutable` (RFC 8246) is for reloading clients only.

import { parseHttpDate } from '../../njs/core/http_date.js'
import { dateOf, initialAge, type ReceiptTimes } from './age.js'
import { forbids, permits, secondsOf } from './cache_control.js'
import { MAX_DELTA_SECONDS } from './delta_seconds.js'
import type { JoinedFields } from './fields.js'
import { type CacheDirectives, selectDirectives } from './targeted.js'

/** What decides how long it is fresh. 'default' is the policy's own; 'unknown' is nothing at all: lifetimeSeconds is 0. */
export type FreshnessSource = 's-maxage' | 'max-age' | 'expires' | 'default' | 'heuristic' | 'unknown'

export interface Freshness {
  source: FreshnessSource
  /** What decides contradicts itself or cannot be read, so that the lifetime is 0. */
  invalid: boolean
  /** RFC 9111 §5.2.2.4: the field that forbids any use without validation, so that the lifetime is 0; '' if none does. */
  noCache: '' | 'cache-control' | 'pragma'
  /** RFC 9111 §4.2.1, freshness_lifetime: the age from which it is stale. 0 to 2^31. */
  lifetimeSeconds: number
  /** RFC 9111 §4.2.3: its age when it was received. */
  initialAgeSeconds: number
  /** RFC 5861 §3: how long it may be used after lifetimeSeconds while it is being revalidated. */
  refreshSeconds: number
  /** RFC 5861 §4: how long it may be used after lifetimeSeconds when the origin fails. */
  errorSeconds: number
  /** RFC 9111 §4.2.4: how long it may be used after lifetimeSeconds when the origin cannot be reached at all ("disconnected"). */
  unreachableSeconds: number
  /** RFC 9111 §4.2.4: stale, it must not be used without validation, beyond these three. */
  mustRevalidate: boolean
}

/** What a site has agreed on with its own cache, RFC 9111 §4.2.4 ("out-of-band contract"). */
export interface FreshnessDefaults {
  /** The lifetime of a response that does not say it; null: unknown. */
  ttlSeconds: number | null
  /** RFC 9111 §4.2.2: a fraction of the time since the last modification, and at most so many seconds; null: no guess. */
  heuristic: { fraction: number; maxSeconds: number } | null
  /** The stale-while-revalidate and stale-if-error of responses that have none. */
  whileRevalidateSeconds: number
  ifErrorSeconds: number
  /** No response is used longer than this after it became stale, whatever it says. */
  staleMaxSeconds: number
}

/** RFC 9110 §15.1. Without 206, 405, 414 and 501: no page that was looked up is one of those for longer than a moment. */
export const HEURISTICALLY_CACHEABLE: ReadonlySet<number> = new Set([200, 203, 204, 300, 301, 308, 404, 410])

export function freshness(status: number, fields: JoinedFields, times: ReceiptTimes, defaults: FreshnessDefaults, chosen = selectDirectives(fields)): Freshness {
  const { directives } = chosen
  const { source, seconds } = lifetime(status, fields, chosen, times.receivedAt, defaults)
  const noCache = noCacheField(chosen, fields)

  // RFC 5861 §3, §4: each permits stale use for a time. What is no number permits nothing.
  const whileRevalidate = secondsOf(directives, 'stale-while-revalidate')
  const ifError = secondsOf(directives, 'stale-if-error')
  // RFC 9111 §5.2.2.2, §5.2.2.8: neither may be used stale before it has been validated, whatever else is permitted.
  const never = noCache !== '' || forbids(directives, 'must-revalidate') || forbids(directives, 'proxy-revalidate')
  // RFC 9111 §5.2.2.10: s-maxage forbids stale use as proxy-revalidate does. Next to a stale-* directive it forbids
  // what that directive does not permit: an app that writes both means a shared cache by both.
  const mustRevalidate = never || forbids(directives, 's-maxage')
  const stale = (written: number | 'invalid' | null, agreed: number): number => {
    if (never || written === 'invalid') return 0
    return Math.min(written ?? (mustRevalidate ? 0 : agreed), defaults.staleMaxSeconds)
  }
  return {
    source,
    invalid: seconds === null,
    noCache,
    lifetimeSeconds: noCache !== '' ? 0 : seconds ?? 0,
    initialAgeSeconds: initialAge(fields, times),
    refreshSeconds: stale(whileRevalidate, defaults.whileRevalidateSeconds),
    errorSeconds: stale(ifError, defaults.ifErrorSeconds),
    // To RFC 5861 §4 this is an error, too: what the response says of errors counts.
    unreachableSeconds: stale(ifError, defaults.staleMaxSeconds),
    mustRevalidate
  }
}

/** RFC 9111 §5.2.2.4; its qualified form, no-cache="name", may be handled as if it were unqualified. */
function noCacheField(chosen: CacheDirectives, fields: JoinedFields): Freshness['noCache'] {
  if (forbids(chosen.directives, 'no-cache')) return 'cache-control'
  // RFC 9111 §5.4: Pragma means nothing in a response. Those who send it instead of Cache-Control mean no-cache.
  return !chosen.given && /(?:^|[,\t ])no-cache(?:[,\t ]|$)/i.test(fields['pragma'] ?? '') ? 'pragma' : ''
}

/** RFC 9111 §4.2.1: the first that is there decides. Seconds are null when it cannot be read: it is stale then. */
function lifetime(status: number, fields: JoinedFields, { field, directives }: CacheDirectives, receivedAt: number, defaults: FreshnessDefaults): { source: FreshnessSource; seconds: number | null } {
  for (const source of ['s-maxage', 'max-age'] as const) {
    const seconds = secondsOf(directives, source)
    if (seconds !== null) return { source, seconds: seconds === 'invalid' ? null : seconds }
  }
  // RFC 9213 §2.2: next to a targeted field Cache-Control and Expires are ignored.
  if (field === 'cache-control' && fields['expires'] !== undefined) {
    // RFC 9111 §5.3: an invalid date, especially the value "0", is a time in the past.
    const expires = parseHttpDate(fields['expires'], receivedAt)
    const seconds = expires < 0 ? null : Math.min(Math.max(0, expires - dateOf(fields, receivedAt)), MAX_DELTA_SECONDS)
    return { source: 'expires', seconds }
  }
  // RFC 9111 §4.2.2: no heuristics where the status does not allow it, unless the response is marked as public.
  if (HEURISTICALLY_CACHEABLE.has(status) || permits(directives, 'public')) {
    if (defaults.ttlSeconds !== null) return { source: 'default', seconds: defaults.ttlSeconds }
    const guess = guessLifetime(fields, receivedAt, defaults.heuristic)
    if (guess !== null) return { source: 'heuristic', seconds: guess }
  }
  return { source: 'unknown', seconds: 0 }
}

/** RFC 9111 §4.2.2: no more than some fraction of the interval since Last-Modified; a typical one is 10%. */
function guessLifetime(fields: JoinedFields, receivedAt: number, heuristic: FreshnessDefaults['heuristic']): number | null {
  const lastModified = parseHttpDate(fields['last-modified'] ?? '', receivedAt)
  if (heuristic === null || lastModified < 0) return null
  const interval = Math.max(0, dateOf(fields, receivedAt) - lastModified)
  return Math.min(Math.floor(interval * heuristic.fraction), heuristic.maxSeconds)
}
