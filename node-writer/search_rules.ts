// Where a page lies when its path has declared which differences of the query it
// does not read (No-Vary-Search, njs/core/no_vary_search.ts). Nginx looks under its own key first, and then there.

import { pageKey, searchRuleKey } from '../njs/core/key.js'
import { applySearchRule, parseSearchRule, type SearchRule } from '../njs/core/no_vary_search.js'
import type { Policy } from '../njs/core/policy.js'
import { type PageAddress, sha256Hex } from './key.js'
import type { Store } from './store.js'

/** The item that holds the rule of the page's path. */
export function ruleKeyOf({ scheme, host, target }: PageAddress, policy: Policy): string {
  return searchRuleKey(scheme, host, target, policy, sha256Hex)
}

/** The page's key by a rule of its path. */
export function keyByRule({ scheme, host, target, variants }: PageAddress, rule: SearchRule, policy: Policy): string {
  return pageKey(scheme, host, applySearchRule(target, rule), variants, policy, sha256Hex)
}

/** The rule that the path has declared; null when it has none, or the target no query. Rejects when memcached is in trouble. */
export async function readRule(store: Store, page: PageAddress, policy: Policy): Promise<SearchRule | null> {
  if (!page.target.includes('?')) return null
  const item = await store.get(ruleKeyOf(page, policy))
  return item === null ? null : parseSearchRule(item.value.toString('latin1'))
}
