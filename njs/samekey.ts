// The njs module: what nginx.conf imports. njs 0.7.9 allows one default export and nothing else.

import crypto from 'crypto'
import policy from 'samekey_policy.js'
import type { Verdict } from './core/resolve.js'
import { resolve } from './core/resolve.js'
import { readRequest } from './nginx_request.js'
import { head, replay } from './replay.js'

function sha256Hex(text: string): string {
  return crypto.createHash('sha256').update(text).digest('hex')
}

/**
 * js_set $samekey_verdict: the one evaluation of resolve() in a request. samekey.http.conf takes it apart with maps,
 * because a second js_set that is first read after error_page would run in a fresh VM and resolve again.
 *
 * `!reason` or `!reason:detail` to leave the request alone; `key` when the app is to see the request as it came;
 * else `key forward host variants`. None of these contains a space.
 */
function verdict(r: NginxHTTPRequest): string {
  try {
    const request = readRequest(r)
    return encode(resolve(request, policy, sha256Hex), request.target, request.host)
  } catch (e) {
    // Whatever fails, fails towards the app.
    r.error('samekey: ' + e)
    return '!error'
  }
}

function encode(verdict: Verdict, target: string, host: string): string {
  if (verdict.bypass !== '') return '!' + verdict.bypass + (verdict.detail === '' ? '' : ':' + verdict.detail)
  if (verdict.forward === target && verdict.host === host && verdict.variants === '') return verdict.key
  return verdict.key + ' ' + verdict.forward + ' ' + verdict.host + ' ' + verdict.variants
}

/** js_header_filter of raw mode when the policy's routes have several types: memcached keeps none. */
function type(r: NginxHTTPRequest): void {
  r.headersOut['Content-Type'] = r.variables.samekey_type as string
}

export default { verdict, replay, head, type }
