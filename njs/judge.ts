// Whether an entry may be used that is not simply fresh, or for a request that asks for something of its own.

import policy from 'samekey_policy.js'
import type { EntryHead } from './core/entry.js'
import { parseRequestDirectives, satisfies } from './core/request_directives.js'

/** '' when the entry may be used; else why the request goes forward (RFC 9211 §2.2). Starts the refresh of a stale one. */
export default function judge(r: NginxHTTPRequest, head: EntryHead, now: number, appAway: boolean): string {
  const fields = r.headersIn
  // RFC 9111 §4.3.2: these two are for the origin; Nginx would compare them with an entity tag that it does not know.
  if (fields['If-Match'] || fields['If-Unmodified-Since']) return 'request; detail=precondition'

  const ttl = head.freshUntil - now
  const asked = policy().requestDirectives ? parseRequestDirectives(fields['Cache-Control'] || '', fields['Pragma'] || '') : null
  if (asked !== null) {
    const age = head.initialAge + Math.max(now - head.storedAt, 0)
    if (satisfies(asked, age, ttl, mayBeStale(head))) return ''
    if (ttl > 0) return 'request'
    // Nor may it be used as RFC 5861 would allow.
    if (asked.noCache || age > asked.maxAge || asked.minFresh > 0) return 'stale'
  }
  if (ttl > 0) return ''
  if (appAway) return now < head.errorUntil ? '' : 'stale'
  if (now >= head.refreshUntil) return 'stale'
  // RFC 5861 §3. Detached: the client does not wait for it. The writer sees to it that there is one at a time.
  r.subrequest('/.samekey/refresh', { detached: true })
  return ''
}

/** RFC 9111 §4.2.4: what the response says about being served stale. */
function mayBeStale(head: EntryHead): boolean {
  for (let i = 0; i < head.headers.length; i++) {
    const field = head.headers[i] as [string, string]
    if (/cache-control$/i.test(field[0]) && /must-revalidate|proxy-revalidate|s-maxage|no-cache/i.test(field[1])) return false
  }
  return true
}
