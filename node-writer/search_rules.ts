// Where a page lies when its path has declared which differences of the query it does not read (No-Vary-Search,
// njs/core/no_vary_search.ts). Nginx looks under its own key first, and then there.
//
// A purge of one spelling must reach the page whatever spelling it was rendered for. So the rule is claimed like a page:
// what was rendered under another rule than the one that a purge saw is not stored.

import { pageKey, searchRuleKey } from '../njs/core/key.js'
import { applySearchRule, formatSearchRule, parseSearchRule, type SearchRule } from '../njs/core/no_vary_search.js'
import type { Policy } from '../njs/core/policy.js'
import type { Atomic, Version } from './invalidation/atomic.js'
import { isClaim } from './invalidation/claim.js'
import { type PageAddress, sha256Hex } from './key.js'
import type { RuleClaim } from './page_claim.js'
import type { Reader } from './stored_page.js'

/** The item that holds the rule of the page's path. */
export function ruleKeyOf({ scheme, host, target }: PageAddress, policy: Policy): string {
  return searchRuleKey(scheme, host, target, policy, sha256Hex)
}

/** The page's key by a rule of its path. */
export function keyByRule({ scheme, host, target, variants }: PageAddress, rule: SearchRule, policy: Policy): string {
  return pageKey(scheme, host, applySearchRule(target, rule), variants, policy, sha256Hex)
}

/** The rule that the path has declared; null when it has none, or the target no query. Rejects when memcached is in trouble. */
export async function readRule(reader: Reader, page: PageAddress, policy: Policy): Promise<SearchRule | null> {
  if (!page.target.includes('?')) return null
  const item = await reader.get(ruleKeyOf(page, policy))
  return item === null ? null : parseSearchRule(item.value.toString('latin1'))
}

/**
 * The same for a purge. Where there is no rule, no render that is under way can make one any more: it would be stored
 * where this purge does not look.
 */
export async function readRuleForPurge(items: Atomic, page: PageAddress, policy: Policy): Promise<SearchRule | null> {
  if (!page.target.includes('?')) return null
  for (;;) {
    const item = await items.get(ruleKeyOf(page, policy))
    if (item === null) return null
    if (!isClaim(item.value)) return parseSearchRule(item.value.toString('latin1'))
    if (await items.delete(item)) return null
  }
}

/**
 * What the newest page of the path says, in the place of what was found before its render; `declared` null: nothing. The
 * version that now holds, or null when a purge or another page was there first.
 */
export async function learnRule(items: Atomic, { claim, rule }: RuleClaim, declared: SearchRule | null, speaksForPath: boolean, ttlSeconds: number): Promise<Version | null> {
  const text = declared === null ? '' : formatSearchRule(declared)
  if (text === (rule === null ? '' : formatSearchRule(rule))) return claim.version
  if (text !== '') return items.replace(claim.version, Buffer.from(text), { ttlSeconds })
  // `speaksForPath` false: that this one has no rule means nothing for others.
  if (!speaksForPath) return claim.version
  return (await items.delete(claim.version)) ? claim.version : null
}
