// What Nginx may call wherever it wants the key. Nearly every request has its key from maps (nginx/plain_map.ts), so the
// key function is loaded when it is called.

import resolveRequest from './verdict.js'

/** js_set $samekey_resolved. */
function verdict(r: NginxHTTPRequest): string {
  return resolveRequest(r)
}

/** js_header_filter of raw mode when the policy's routes have several types: memcached keeps none. */
function type(r: NginxHTTPRequest): void {
  r.headersOut['Content-Type'] = r.variables.samekey_type as string
}

export default { verdict, type }
