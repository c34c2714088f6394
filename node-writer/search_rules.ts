// Where a page lies when its path has declared which differences of the query it does not read (No-Vary-Search,
// njs/core/no_vary_search.ts). Nginx looks under its own key first, and then there.
//
// A purge of one spelling must reach the page whatever spelling it was rendered for. So the rule is claimed like a page:
// what was rendered under another rule than the one that a purge saw is not stored. And memcached can lose a rule: then
// a purge does not know where else to look. So each rule has a token, and an entry is good only with the one that it was
// stored by; what is learnt again has another.

import { pageKey, searchRuleKey } from '../njs/core/key.js'
import { applySearchRule, formatSearchRule, type LearntRule, parseSearchRule, type SearchRule } from '../njs/core/no_vary_search.js'
import type { Policy } from '../njs/core/policy.js'
import type { Atomic } from './invalidation/atomic.js'
import { type Claim, isClaim, newToken } from './invalidation/claim.js'
import { type PageAddress, sha256Hex } from './key.js'
import type { Reader } from './store.js'

/** The item that holds the rule of the page's path. */
export function ruleKeyOf({ scheme, host, target }: PageAddress, policy: Policy): string {
  return searchRuleKey(scheme, host, target, policy, sha256Hex)
}

/** The page's key by a rule of its path. */
export function keyByRule({ scheme, host, target, variants }: PageAddress, rule: SearchRule, policy: Policy): string {
  return pageKey(scheme, host, applySearchRule(target, rule), variants, policy, sha256Hex)
}

/** Whether a rule can join the page's target with others. */
export function hasQuery({ target }: PageAddress): boolean {
  return target.includes('?')
}

/** The rule that the page's path has declared; null when it has none. Rejects when memcached is in trouble. */
export async function readRule(reader: Reader, page: PageAddress, policy: Policy): Promise<LearntRule | null> {
  const item = await reader.get(ruleKeyOf(page, policy))
  return item === null ? null : parseSearchRule(item.value.toString('latin1'))
}

/**
 * The same for a purge. Where there is no rule, no render that is under way can make one any more: it would be stored
 * where this purge does not look.
 */
export async function readRuleForPurge(items: Atomic, page: PageAddress, policy: Policy): Promise<SearchRule | null> {
  if (!hasQuery(page)) return null
  for (;;) {
    const item = await items.get(ruleKeyOf(page, policy))
    if (item === null) return null
    if (!isClaim(item.value)) return parseSearchRule(item.value.toString('latin1'))
    if (await items.delete(item)) return null
  }
}

/** What stood where the rule of a path lies, before a render began. */
export interface RuleClaim {
  claim: Claim
  /** Null: the path has declared nothing. */
  rule: LearntRule | null
}

/**
 * What the newest page of the path says, in the place of what was found before its render; `declared` null: nothing, and
 * that is for the path if it `speaksForPath`. The token for its entry, '' without a rule; null when a purge or another
 * page was there first.
 */
export async function learnRule(items: Atomic, { claim, rule }: RuleClaim, declared: SearchRule | null, speaksForPath: boolean, ttlSeconds: number): Promise<string | null> {
  const learnt = declared === null ? null : { ...declared, token: newToken() }
  const text = learnt === null ? '' : formatSearchRule(learnt)
  if (learnt === null || text === '') {
    if (rule === null || !speaksForPath) return ''
    return (await items.delete(claim.version)) ? '' : null
  }
  if (rule !== null && formatSearchRule({ ...learnt, token: rule.token }) === formatSearchRule(rule)) return rule.token
  return (await items.replace(claim.version, Buffer.from(text), { ttlSeconds })) === null ? null : learnt.token
}
