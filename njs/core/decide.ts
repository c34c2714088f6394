// A page may come from the cache only if nothing in the request could make it another page than the key says.
// These are the rules that need no look at the target; resolve.ts applies those that do.

import type { Policy } from './policy.js'
import type { CacheRequest } from './request.js'

/** Why a request goes to the app without a look-up. Part of the interface: logged, in Cache-Status, in tests. */
export type BypassReason =
  | 'method'
  | 'upgrade'
  | 'body'
  | 'authorization'
  | 'cookie'
  | 'request-no-cache'
  | 'not-ascii'
  | 'too-long'
  | 'host'
  | 'ambiguous-path'
  | 'ignored'
  | 'error'

/** The rule that sends a request past the cache whatever its target, or ''. */
export function requestBypass(request: CacheRequest, policy: Policy): BypassReason | '' {
  // RFC 9110 §9.2.3: of the methods, only GET and HEAD are cacheable without more.
  if (request.method !== 'GET' && request.method !== 'HEAD') return 'method'

  if (request.guarded !== '') {
    const reason = guardedBypass(request)
    if (reason !== '') return reason
  }

  // RFC 6265 §5.4 gives a request one Cookie field; a session in it makes the page somebody's own.
  if (request.cookie !== '' && policy.sessionCookie !== null && policy.sessionCookie.test(printable(request.cookie))) return 'cookie'

  if (policy.requestNoCache && asksForFresh(request)) return 'request-no-cache'
  return ''
}

// The engines read other bytes as different characters, and for PCRE some of those are letters (U+017F is an s).
function printable(cookie: string): string {
  if (!/[^\t -~]/.test(cookie)) return cookie
  // Not by replace(): at the end of such a text njs 0.7.9 throws (pcre2_match() failed: bad offset value).
  const characters: string[] = []
  for (let i = 0; i < cookie.length; i++) {
    const code = cookie.charCodeAt(i)
    characters.push((code >= 0x20 && code <= 0x7e) || code === 0x09 ? cookie.charAt(i) : '?')
  }
  return characters.join('')
}

function guardedBypass(request: CacheRequest): BypassReason | '' {
  // RFC 9110 §7.8: the connection is about to become something else than HTTP.
  if (request.header('upgrade') !== '') return 'upgrade'

  // RFC 9110 §9.3.1: content in a GET has no defined meaning; memcached_pass would throw it away before the app sees it.
  const length = request.header('content-length')
  if ((length !== '' && length !== '0') || request.header('transfer-encoding') !== '') return 'body'

  // RFC 9111 §3.5: a shared cache must not use a response to a request with Authorization, unless the response allows it.
  if (request.header('authorization') !== '') return 'authorization'
  return ''
}

// RFC 9111 §5.2.1.4 no-cache, §5.2.1.5 no-store, §5.4 Pragma.
const NO_CACHE = /(?:^|[,\t ])no-(?:cache|store)(?:[,\t =]|$)/

function asksForFresh(request: CacheRequest): boolean {
  // Not by the flag i: for PCRE U+017F is an s.
  return NO_CACHE.test(request.header('cache-control').toLowerCase()) || NO_CACHE.test(request.header('pragma').toLowerCase())
}
