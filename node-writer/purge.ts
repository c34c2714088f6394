// When a purge resolves, memcached has acknowledged all of it: every variant of every page that was named is gone, and
// the bans of all else are in the list, so that no Nginx serves what they cover a second later. Otherwise it rejects and
// names the servers. docs/invalidation.md has the promise, docs/purging.md the ways to ask.

import { clockOf, type BanList } from '../njs/core/bans.js'
import type { Atomic } from './invalidation/atomic.js'
import type { BanLists } from './invalidation/ban_list.js'
import { besideKeyOf } from './invalidation/claim.js'
import type { Purge } from './invalidation/compact.js'
import { banListKey } from './invalidation/invalidation.js'
import { keyOf as leaseKeyOf } from './invalidation/lease.js'
import { type PageAddress, pagesOfUrl } from './key.js'
import type { LoadedPolicy } from './policy/types.js'
import { listPages } from './purge_raw.js'
import type { PurgePlan } from './purge_request.js'
import { PurgeError, type PurgeFailure, type PurgeResult } from './purge_result.js'
import { keyByRule, readRuleForPurge, ruleKeyOf } from './search_rules.js'
import { type Store, StoreError } from './store.js'

export interface PurgeContext {
  policy: LoadedPolicy
  store: Store
  lists: BanLists
  items: Atomic
}

/** Deletes under way at once. */
const BATCH = 500

export async function carryOut({ urls, prefixes, all, bans }: PurgePlan, context: PurgeContext): Promise<PurgeResult> {
  const { policy, store } = context
  const named = urls.map((url) => ({ url, addresses: pagesOfUrl(url, policy) }))
  const failures: PurgeFailure[] = []
  const isListed = policy.mode === 'raw' && (all || prefixes.length > 0)
  const [pages, clock, listed] = await Promise.all([
    Promise.all(named.map(async ({ url, addresses }) => ({ url, keys: await allKeys(addresses, context, failures) }))),
    ban(bans, context, failures),
    isListed ? listPages(store, policy, all ? null : prefixes, failures) : []
  ])
  const keys = [...new Set([...pages.flatMap((page) => page.keys), ...listed])]
  const deleted = await deletePages(keys, context, failures)

  const failed = new Set(failures.map(({ key }) => key))
  const result: PurgeResult = {
    pages: pages.filter((page) => !page.keys.some((key) => failed.has(key))),
    deleted,
    bans: clock === '' ? [] : bans.flatMap(describeBan),
    clock
  }
  if (failures.length > 0) throw new PurgeError(result, failures)
  return result
}

/** A path may have declared that it does not read all of its query: then its pages lie under other keys. */
async function allKeys(addresses: PageAddress[], { policy, store, items }: PurgeContext, failures: PurgeFailure[]): Promise<string[]> {
  const keys = addresses.map(({ key }) => key)
  const [first] = addresses
  if (first === undefined || policy.mode === 'raw') return keys
  const ruleKey = ruleKeyOf(first, policy)
  try {
    const rule = await readRuleForPurge(items, first, policy)
    return rule === null ? keys : [...new Set([...keys, ...addresses.map((address) => keyByRule(address, rule, policy))])]
  } catch (error) {
    // It is unknown where else the page lies, so this URL is not purged.
    failures.push({ key: ruleKey, server: store.serverOf(ruleKey), error: error as Error })
    return [...keys, ruleKey]
  }
}

/** How many there were. */
async function deletePages(keys: readonly string[], { policy, store }: PurgeContext, failures: PurgeFailure[]): Promise<number> {
  const remove = (key: string): Promise<boolean> => store.delete(key, { evenIfDown: true })
  let deleted = 0
  for (let from = 0; from < keys.length; from += BATCH) {
    await Promise.all(keys.slice(from, from + BATCH).map(async (key) => {
      try {
        // First: from then on no render that had begun can be stored.
        if (policy.mode === 'raw') await remove(besideKeyOf(key))
        if (await remove(key)) deleted++
        // Only that the next visitor does not wait for a render which will not be stored.
        await remove(leaseKeyOf(key)).catch(() => {})
      } catch (error) {
        // What belongs to a page may lie on another server than the page.
        failures.push({ key, server: error instanceof StoreError ? error.server : store.serverOf(key), error: error as Error })
      }
    }))
  }
  return deleted
}

/** The clock after them; '' when there are none, or they are not acknowledged. */
async function ban(bans: readonly Purge[], { policy, store, lists }: PurgeContext, failures: PurgeFailure[]): Promise<string> {
  try {
    const after = await Promise.all(bans.map((each) => lists.append(each)))
    const last = after.reduce<BanList | null>((latest, list) => (latest === null || list.counter > latest.counter ? list : latest), null)
    return last === null ? '' : clockOf(last)
  } catch (error) {
    const key = banListKey(policy)
    failures.push({ key, server: store.serverOf(key), error: error as Error })
    return ''
  }
}

function describeBan(ban: Purge): PurgeResult['bans'] {
  switch (ban.kind) {
    case 'tag':
      return ban.tags.map((value) => ({ kind: 'tag', value }))
    case 'prefix':
      return ban.prefixes.map((value) => ({ kind: 'prefix', value }))
    case 'pattern':
      return [{ kind: 'pattern', value: ban.pattern }]
    case 'all':
      return [{ kind: 'all', value: '' }]
  }
}
