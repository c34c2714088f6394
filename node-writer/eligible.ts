// A response may be stored only if Nginx looked its page up under the very key that the writer computes, and the app
// was shown nothing that this key does not cover. What follows from the request alone is decided here.

import type { IncomingMessage } from 'node:http'
import type { BypassReason } from '../njs/core/decide.js'
import { type PageAddress, resolveRequest } from './key.js'
import { readRequest } from './node_request.js'
import type { LoadedPolicy } from './policy/types.js'

/** Why the response to a request is not stored, whatever it is. */
export type RequestReason =
  | 'not-looked-up' // no X-Samekey-Key: Nginx did not ask memcached, or the request did not come through Nginx
  | 'bypass' // the request must not be answered from a cache; the detail is the BypassReason
  | 'not-canonical' // the app was shown another spelling of the target or the host than the key stands for
  | 'unkeyed-header' // the app was shown a field that the key does not cover; the detail is its name
  | 'head' // a response to HEAD has no body to store, and nothing is stored that it could be about

export type Eligibility =
  | { kind: 'eligible'; address: PageAddress }
  | { kind: 'skipped'; reason: RequestReason; detail: BypassReason | string }
  | { kind: 'drift'; nginxKey: string; writerKey: string }

/** Set by Nginx on the cacheable way and nowhere else; it removes what a client sends under this name. */
export const KEY_HEADER = 'x-samekey-key'

export function judgeRequest(req: IncomingMessage, policy: LoadedPolicy): Eligibility {
  const nginxKey = req.headers[KEY_HEADER]
  if (typeof nginxKey !== 'string') return skipped('not-looked-up')

  const request = readRequest(req)
  const verdict = resolveRequest(request, policy)
  if (verdict.bypass !== '') return skipped('bypass', verdict.bypass)
  if (verdict.key !== nginxKey) return { kind: 'drift', nginxKey, writerKey: verdict.key }

  // From here on Nginx and the writer agree. The rest holds off requests that only claim to come from Nginx.
  if (verdict.forward !== request.target || verdict.host !== request.host) return skipped('not-canonical')
  const unkeyed = policy.unkeyedHeaders.find((name) => name in req.headers)
  if (unkeyed !== undefined) return skipped('unkeyed-header', unkeyed)
  if (!isCanonicalCookie(request.cookie, policy)) return skipped('unkeyed-header', 'cookie')

  return { kind: 'eligible', address: { key: verdict.key, scheme: verdict.scheme, host: verdict.host, target: verdict.forward, variants: verdict.variants } }
}

function skipped(reason: RequestReason, detail = ''): Eligibility {
  return { kind: 'skipped', reason, detail }
}

/** Nginx sends no Cookie field but the declared dimensions, each in the form that stands for its value. */
function isCanonicalCookie(cookie: string, policy: LoadedPolicy): boolean {
  if (cookie === '') return true
  return cookie.split('; ').every((pair) =>
    policy.variants.some((variant) => variant.source === 'cookie' && variant.values.some((value) => pair === `${variant.field}=${value.forward}`))
  )
}
