// A response is stored only if every rule of RFC 9111 for a shared cache allows it and Nginx can replay it faithfully.
// What the response says is read in http/; here stands what follows from it, each rule under its reason.

import { trim } from '../njs/core/blank.js'
import { parseHttpDate } from '../njs/core/http_date.js'
import type { Mode } from '../njs/core/policy.js'
import { MAX_VARY_FIELDS } from '../njs/core/vary.js'
import type { ReceiptTimes } from './http/age.js'
import { type Directives, forbids, permits, secondsOf } from './http/cache_control.js'
import { type Fields, joinFields, type JoinedFields, type ResponseHead } from './http/fields.js'
import { type Freshness, freshness, HEURISTICALLY_CACHEABLE } from './http/freshness.js'
import { selectDirectives } from './http/targeted.js'
import { parseVary } from './http/vary.js'
import type { LoadedPolicy, Route } from './policy/types.js'
import { findRawLoss, type RawReason } from './raw_loss.js'

/** Why a response must not be stored. The detail names the field, directive or status. */
export type ResponseReason =
  | 'method' // the response to anything but GET is no page
  | 'status' // an answer to a part of a request, or nothing makes this status storable
  | 'authorization' // it was asked for with credentials, and does not say that others may have it
  | 'set-cookie' // it is somebody's own
  | 'no-store'
  | 'private'
  | 'no-cache' // it must never be used without asking the app, and has nothing to ask with
  | 'vary' // it depends on more than can be told apart
  | 'expired' // its freshness is over, and it has no validator
  | 'no-freshness' // neither the response nor the policy says how long
  | 'x-accel-redirect' // Nginx answers with another resource than this body
  | 'content-encoding' // it is said to be gzip and is not, or a raw entry could not name its coding
  | 'header-bytes' // a field that cannot be replayed byte for byte
  | 'header-too-large'
  | RawReason

export type Storability = { store: false; reason: ResponseReason; detail: string } | Storable

/** Seconds count from the receipt of the response, and are whole. */
export interface Storable {
  store: true
  route: Route
  /** Its age at receipt, RFC 9111 §4.2.3. */
  initialAgeSeconds: number
  /** Fresh for so long; 0 when it is stored only to be revalidated. */
  freshSeconds: number
  /** Usable while it is being revalidated; at least freshSeconds. */
  refreshSeconds: number
  /** Usable when the app fails; at least freshSeconds. */
  errorSeconds: number
  /** Of no use after this; at least 1. */
  itemTtlSeconds: number
  /** It may be used stale for refreshSeconds and errorSeconds, and then in no case (max-stale). */
  mustRevalidate: boolean
  /** Fields of the request on which it depends and that the key does not cover, sorted: at most MAX_VARY_FIELDS. */
  varyNames: string[]
  /** The header without the cookies that the policy drops. */
  fields: Fields
}

/** What is known of the exchange besides the response. */
export interface Exchange extends ReceiptTimes {
  /** Default GET. */
  method?: string
  /** Whether the request had an Authorization field. Default false. */
  authorized?: boolean
}

/** A head in an entry may have at most this many bytes (njs/core/entry.ts); some are left for its first line. */
const MAX_HEADER_BYTES = 65536 - 512

/** May the response be stored as the page of `target`, the canonical target, and for how long? */
export function isStorable(head: ResponseHead, target: string, policy: LoadedPolicy, exchange: Exchange): Storability {
  const kept: ResponseHead = { status: head.status, headers: head.headers.filter(([name, value]) => !isDroppedCookie(name, value, policy)) }
  const fields = joinFields(kept.headers)
  const chosen = selectDirectives(fields)
  const { directives } = chosen

  const refused = refusedByRfc(kept.status, fields, directives, exchange) ?? refusedByForm(kept, fields, policy.mode)
  if (refused !== undefined) return refused

  const vary = uncoveredVary(fields, policy)
  if (!Array.isArray(vary)) return vary

  const route = routeOf(target, policy)
  if (policy.mode === 'raw') {
    const loss = findRawLoss(kept, fields, route.contentType)
    if (loss !== undefined) return refuse(loss.reason, loss.detail)
  }

  const found = freshness(kept.status, fields, exchange, { ...policy.responses, ttlSeconds: route.ttlSeconds }, chosen)
  if (found.source === 'unknown' && !isHeuristicallyCacheable(kept.status, directives)) return refuse('status', String(kept.status))
  if (found.source === 'unknown' && found.noCache === '') return refuse('no-freshness')

  const times = keepTimes(found, hasValidator(fields), policy)
  if (times.itemTtlSeconds < 1 && found.noCache !== '') return refuse('no-cache', found.noCache === 'pragma' ? 'pragma' : '')
  if (times.itemTtlSeconds < 1) return refuse('expired', found.invalid ? found.source : '')
  return { store: true, route, ...times, mustRevalidate: found.mustRevalidate, varyNames: vary, fields: kept.headers }
}

/** Its last route has no match. */
export function routeOf(target: string, policy: LoadedPolicy): Route {
  return policy.routes.find(({ match }) => match === null || match.test(target)) as Route
}

function refuse(reason: ResponseReason, detail = ''): { store: false; reason: ResponseReason; detail: string } {
  return { store: false, reason, detail }
}

// ------------------------------------------------------------------------------------------------------ RFC 9111 §3

/** They answer a range or a condition of one request (RFC 9110 §15.3.7, §15.4.5, §15.5.13, §15.5.17), and are no page. */
const ABOUT_PART_OF_A_REQUEST = new Set([206, 304, 412, 416])

/** RFC 6585 §3 to §6: they must not be stored by a cache. */
const NEVER_STORED = new Set([428, 429, 431, 511])

/** RFC 9110 §15: the statuses without a requirement on caches beyond RFC 9111, and those that are met by never storing. */
const UNDERSTOOD = new Set([200, 203, 204, 300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 406, 410, 414, 500, 501, 502, 503, 504])

function refusedByRfc(status: number, fields: JoinedFields, directives: Directives, exchange: Exchange): Storability | undefined {
  // RFC 9111 §3: the method is understood. A response to HEAD has no content, and the others are not looked up.
  if ((exchange.method ?? 'GET') !== 'GET') return refuse('method', exchange.method)

  // RFC 9111 §3: the status is final. Above 599 it is none (RFC 9110 §15), and no entry can carry it.
  if (status < 200 || status > 599 || ABOUT_PART_OF_A_REQUEST.has(status) || NEVER_STORED.has(status)) return refuse('status', String(status))

  // RFC 9111 §7.3 leaves it to the cache: a page that sets a cookie is meant for one client.
  if (fields['set-cookie'] !== undefined) return refuse('set-cookie')

  // RFC 9111 §5.2.2.3: with must-understand the status must be understood, and no-store is then ignored. §5.2.2.5
  const mustUnderstand = permits(directives, 'must-understand')
  if (mustUnderstand && !UNDERSTOOD.has(status)) return refuse('status', String(status))
  if (forbids(directives, 'no-store') && !mustUnderstand) return refuse('no-store')

  // RFC 9111 §5.2.2.7: its qualified form, private="name", may be handled as if it were unqualified.
  if (forbids(directives, 'private')) return refuse('private')

  // RFC 9111 §3.5: only must-revalidate, public and s-maxage let others have what was asked for with credentials.
  if (exchange.authorized === true && !allowsAuthorized(directives)) return refuse('authorization')
  return undefined
}

function allowsAuthorized(directives: Directives): boolean {
  return permits(directives, 'must-revalidate') || permits(directives, 'public') || typeof secondsOf(directives, 's-maxage') === 'number'
}

/** RFC 9111 §3: "a public response directive", or "a status code that is defined as heuristically cacheable". */
function isHeuristicallyCacheable(status: number, directives: Directives): boolean {
  return HEURISTICALLY_CACHEABLE.has(status) || permits(directives, 'public')
}

/** RFC 9110 §8.8: something by which the app can be asked whether the page has changed. */
function hasValidator(fields: JoinedFields): boolean {
  return /^(?:W\/)?"[\x21\x23-\x7e]*"$/.test(fields['etag'] ?? '') || parseHttpDate(fields['last-modified'] ?? '', 0) >= 0
}

function keepTimes(found: Freshness, validator: boolean, policy: LoadedPolicy): Pick<Storable, 'initialAgeSeconds' | 'freshSeconds' | 'refreshSeconds' | 'errorSeconds' | 'itemTtlSeconds'> {
  // A raw entry has neither times nor a validator: memcached itself ends its freshness.
  const raw = policy.mode === 'raw'
  const after = (seconds: number): number => Math.max(0, found.lifetimeSeconds + (raw ? 0 : seconds) - found.initialAgeSeconds)
  const times = { freshSeconds: after(0), refreshSeconds: after(found.refreshSeconds), errorSeconds: after(found.errorSeconds) }
  // A page that was never fresh is not kept for the day on which the app cannot be reached.
  const unreachableSeconds = times.freshSeconds > 0 ? after(found.unreachableSeconds) : 0
  const usable = Math.max(times.refreshSeconds, times.errorSeconds, unreachableSeconds)
  const itemTtlSeconds = Math.min(usable + (validator && !raw ? policy.responses.revalidateForSeconds : 0), policy.responses.maxTtlSeconds)
  return { initialAgeSeconds: found.initialAgeSeconds, ...times, itemTtlSeconds }
}

// ---------------------------------------------------------------------------------------------------- cookies, Vary

/** RFC 6265 §5.2: the name is what stands before the first '=' of what stands before the first ';'. */
function isDroppedCookie(name: string, value: string, policy: LoadedPolicy): boolean {
  if (policy.responses.dropCookies === null || name.toLowerCase() !== 'set-cookie') return false
  const pair = value.split(';', 1)[0] as string
  const end = pair.indexOf('=')
  return end > 0 && policy.responses.dropCookies.test(trim(pair.slice(0, end)))
}

const COVERED = ['accept-encoding', 'authorization', 'cookie', 'host', 'x-forwarded-proto', 'x-samekey-variant']

/**
 * Fields that Nginx removes, or sets from what the key covers, on the way to the app: it cannot have seen two values
 * under one key.
 */
export function coveredFields(policy: LoadedPolicy): string[] {
  return [...COVERED, ...policy.unkeyedHeaders, ...policy.variants.filter(({ source }) => source === 'header').map(({ field }) => field)]
}

/** RFC 9111 §4.1: the fields that must match besides those that the key covers. */
function uncoveredVary(fields: JoinedFields, policy: LoadedPolicy): string[] | Storability {
  if (fields['vary'] === undefined) return []
  const vary = parseVary(fields['vary'])
  if (vary.kind === 'star') return refuse('vary', '*')
  if (vary.kind === 'invalid') return refuse('vary', vary.member)
  const covered = coveredFields(policy)
  const names = vary.names.filter((name) => !covered.includes(name))
  return names.length > MAX_VARY_FIELDS ? refuse('vary', names.join(', ')) : names
}

// -------------------------------------------------------------------------------------------------------------- form

/** What would be another response when Nginx answers it. */
function refusedByForm(head: ResponseHead, fields: JoinedFields, mode: Mode): Storability | undefined {
  if (fields['x-accel-redirect'] !== undefined) return refuse('x-accel-redirect')

  // RFC 9110 §12.5.3: the app was asked without Accept-Encoding, so a coding that it uses nevertheless is for everybody.
  // Only a raw entry has no way to name one other than gzip.
  const coding = fields['content-encoding']
  if (mode === 'raw' && coding !== undefined && coding.toLowerCase() !== 'gzip') return refuse('content-encoding', coding)

  // Node sends a character beyond ASCII as one byte or as two, depending on the first chunk of the body, and the njs
  // engines read such bytes differently.
  const odd = head.headers.find(([, value]) => /[^\t -~]/.test(value))
  if (odd !== undefined) return refuse('header-bytes', odd[0])
  const bytes = head.headers.reduce((sum, [name, value]) => sum + name.length + value.length + 3, 0)
  return bytes > MAX_HEADER_BYTES ? refuse('header-too-large') : undefined
}

/** Whether a body that is said to be gzip is: what inflates to nothing must not be stored. True for every other body. */
export function isGzip(head: ResponseHead, body: Buffer): boolean {
  if (!head.headers.some(([name, value]) => name.toLowerCase() === 'content-encoding' && value.toLowerCase() === 'gzip')) return true
  // RFC 1952 §2.3.1: magic and the one compression method.
  return body.length >= 18 && body[0] === 0x1f && body[1] === 0x8b && body[2] === 0x08
}
