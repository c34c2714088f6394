// The whole decision, in the order in which it is made. Nginx asks it before memcached, the writer before storing.

import type { BypassReason } from './decide.js'
import { requestBypass } from './decide.js'
import type { Sha256Hex } from './key.js'
import { pageKey } from './key.js'
import { normaliseHost, normaliseTarget } from './normalise.js'
import { PLAIN_TARGET } from './plain.js'
import type { PathAmbiguity, Policy } from './policy.js'
import type { CacheRequest } from './request.js'
import { selectVariants } from './variant.js'

/** Either a reason to leave the request alone, or the key of its page and what the app is to be shown. */
export interface Verdict {
  /** '' when the page is to be looked up. */
  bypass: BypassReason | ''
  /** Which ambiguity, for 'ambiguous-path'; else ''. */
  detail: PathAmbiguity | ''
  /** The memcached key; '' on a bypass. */
  key: string
  /** The canonical scheme, host and target that the app is shown; '' on a bypass. */
  scheme: string
  host: string
  forward: string
  /** The selected variant values joined by ','; '' when the policy declares none. */
  variants: string
}

export function resolve(request: CacheRequest, policy: Policy, sha256Hex: Sha256Hex): Verdict {
  const reason = requestBypass(request, policy)
  if (reason !== '') return bypass(reason, '')

  const target = request.target
  const plain = PLAIN_TARGET.test(target)
  // Before its length: the engines count the same bytes beyond ASCII differently.
  if (!plain && /[^!-~]/.test(target)) return bypass('not-ascii', '')
  if (target.length > policy.maxTargetBytes) return bypass('too-long', '')

  let forward = target
  if (!plain) {
    const normal = normaliseTarget(target, policy)
    if (normal.ambiguity !== '') return bypass('ambiguous-path', normal.ambiguity)
    forward = normal.text
  }

  const scheme = policy.scheme === '' ? request.scheme : policy.scheme
  const host = normaliseHost(request.host, scheme)
  if (host === '' || (policy.hosts !== null && !policy.hosts.test(host))) return bypass('host', '')

  for (let i = 0; i < policy.ignore.length; i++) {
    if ((policy.ignore[i] as RegExp).test(forward)) return bypass('ignored', '')
  }

  const variants = policy.variants.length === 0 ? '' : selectVariants(request, policy)
  const key = pageKey(scheme, host, forward, variants, policy, sha256Hex)
  return { bypass: '', detail: '', key: key, scheme: scheme, host: host, forward: forward, variants: variants }
}

function bypass(reason: BypassReason, detail: PathAmbiguity | ''): Verdict {
  return { bypass: reason, detail: detail, key: '', scheme: '', host: '', forward: '', variants: '' }
}
