// The right to store what a render brings, taken before the render begins and lost with any purge of its page
// (docs/invalidation.md): the clock, a claim where the page lies, and in full mode one on the rule of its path, which
// says where that is.

import { applySearchRule, parseSearchRule, type SearchRule } from '../njs/core/no_vary_search.js'
import type { Version } from './invalidation/atomic.js'
import type { Claim } from './invalidation/claim.js'
import type { Invalidation } from './invalidation/invalidation.js'
import type { PageAddress } from './key.js'
import type { LoadedPolicy } from './policy/types.js'
import { keyByRule, ruleKeyOf } from './search_rules.js'

export type PageClaim = FullClaim | RawClaim

export interface RawClaim {
  mode: 'raw'
  key: string
  version: Version
}

export interface FullClaim {
  mode: 'full'
  /** Where the page lies by the rule that its path has now, and its address with the target of that. */
  key: string
  address: PageAddress
  /** What stood there, and the right to put something in its place. */
  page: Claim
  /** Of before the render; what the entry is to carry. */
  clock: string
  rule: RuleClaim
}

export interface RuleClaim {
  claim: Claim
  /** Null: the path has declared nothing. */
  rule: SearchRule | null
}

/** Null when nothing can be stored now. Rejects when memcached is in trouble. */
export async function claimPage(address: PageAddress, policy: LoadedPolicy, { lists, claims, rawClaims }: Invalidation): Promise<PageClaim | null> {
  const { key } = address
  if (policy.mode === 'raw') {
    const version = await rawClaims.begin(key)
    return version === null ? null : { mode: 'raw', key, version }
  }
  // A path without a query lies under its own key whatever the rule is.
  const early = address.target.includes('?') ? null : claims.begin(key)
  const [clock, ruleClaim, earlyPage] = await Promise.all([lists.clock(), claims.begin(ruleKeyOf(address, policy)), early])
  if (ruleClaim === null) return null
  const rule = ruleClaim.found === null ? null : parseSearchRule(ruleClaim.found.toString('latin1'))
  const target = rule === null ? address.target : applySearchRule(address.target, rule)
  const ownKey = rule === null ? key : keyByRule(address, rule, policy)
  const page = early === null ? await claims.begin(ownKey) : earlyPage
  return page === null ? null : { mode: 'full', key: ownKey, address: { ...address, target }, page, clock, rule: { claim: ruleClaim, rule } }
}
