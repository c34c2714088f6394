// The right to store what a render brings, taken before the render begins and lost with any purge of its page
// (docs/invalidation.md): the clock, a claim where the page lies, and in full mode one on the rule of its path, which
// says where that is. A site without rules is spared the last where the page has no query.

import { parseSearchRule } from '../njs/core/no_vary_search.js'
import type { Version } from './invalidation/atomic.js'
import type { Claim, Claims } from './invalidation/claim.js'
import type { Invalidation } from './invalidation/invalidation.js'
import type { PageAddress } from './key.js'
import type { LoadedPolicy } from './policy/types.js'
import { hasQuery, keyByRule, type RuleClaim, ruleKeyOf } from './search_rules.js'

export type PageClaim = FullClaim | RawClaim

export interface RawClaim {
  mode: 'raw'
  key: string
  version: Version
}

export interface FullClaim {
  mode: 'full'
  /** Where the page lies by the rule that its path has now. */
  key: string
  /** What stood there, and the right to put something in its place. */
  page: Claim
  /** Of before the render; what the entry is to carry. */
  clock: string
  /** Null: a page without a query, and no rule is to be learnt from it. */
  rule: RuleClaim | null
}

/** Null when nothing can be stored now. Rejects when memcached is in trouble. `withRules`: the site has rules, as far as is known. */
export async function claimPage(address: PageAddress, policy: LoadedPolicy, invalidation: Invalidation, withRules: boolean): Promise<PageClaim | null> {
  const { lists, claims, rawClaims } = invalidation
  const { key } = address
  if (policy.mode === 'raw') {
    const version = await rawClaims.begin(key)
    return version === null ? null : { mode: 'raw', key, version }
  }
  if (!hasQuery(address)) {
    // It lies under its own key whatever the rule is.
    const [clock, page, rule] = await Promise.all([lists.clock(), claims.begin(key), withRules ? claimRule(address, policy, claims) : null])
    return page === null ? null : { mode: 'full', key, page, clock, rule }
  }
  const [clock, ruleClaim] = await Promise.all([lists.clock(), claimRule(address, policy, claims)])
  if (ruleClaim === null) return null
  const { rule } = ruleClaim
  const ownKey = rule === null ? key : keyByRule(address, rule, policy)
  const page = await claims.begin(ownKey)
  return page === null ? null : { mode: 'full', key: ownKey, page, clock, rule: ruleClaim }
}

async function claimRule(address: PageAddress, policy: LoadedPolicy, claims: Claims): Promise<RuleClaim | null> {
  const claim = await claims.begin(ruleKeyOf(address, policy))
  return claim === null ? null : { claim, rule: claim.found === null ? null : parseSearchRule(claim.found.toString('latin1')) }
}
