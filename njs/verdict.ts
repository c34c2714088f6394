// js_set: the key function as Nginx calls it.

import crypto from 'crypto'
import policy from 'samekey_policy.js'
import type { Verdict } from './core/resolve.js'
import { resolve } from './core/resolve.js'
import { readRequest } from './nginx_request.js'

function sha256Hex(text: string): string {
  return crypto.createHash('sha256').update(text).digest('hex')
}

/**
 * js_set $samekey_resolved: the one evaluation of resolve() in a request. samekey.http.conf takes it apart with maps,
 * because a second js_set that is first read after error_page would run in a fresh VM and resolve again.
 *
 * `!reason` or `!reason:detail` to leave the request alone; `key` when the app is to see the request as it came;
 * else `key forward host variants`. None of these contains a space.
 */
export default function resolveRequest(r: NginxHTTPRequest): string {
  try {
    const request = readRequest(r)
    return encode(resolve(request, policy(), sha256Hex), request.target, request.host)
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
