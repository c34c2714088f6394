// The ways out of a replay that cannot be.

import policy from 'samekey_policy.js'

/** To the app, with the fwd of RFC 9211 §2.2; or, when it is the app that is away, back to the error. */
export default function leave(r: NginxHTTPRequest, why: string, appAway: boolean): void {
  // The last of several: `404 : 502, 502`.
  if (appAway) return r.return(r.variables.upstream_status?.slice(-3) === '504' ? 504 : 502)
  // RFC 9111 §5.2.1.7. With a text, or error_page would take it for memcached's.
  if (policy().requestDirectives && /(?:^|[, \t])only-if-cached(?:[, \t]|$)/i.test(r.headersIn['Cache-Control'] || '')) {
    r.variables.samekey_said = 'samekey; detail=only-if-cached'
    return r.return(504, 'not cached\n')
  }
  if (why !== 'uri-miss') r.variables.samekey_why = why
  r.internalRedirect('@samekey_miss')
}
