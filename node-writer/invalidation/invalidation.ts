// The parts of the invalidation protocol (docs/invalidation.md) as one writer uses them, over the connections of its store.

import type { LoadedPolicy } from '../policy/types.js'
import type { SetOptions, Store } from '../store.js'
import { Atomic } from './atomic.js'
import { BanLists } from './ban_list.js'
import { Claims, RawClaims } from './claim.js'
import { Leases } from './lease.js'

/** A render that takes longer is not stored, in seconds. */
const LONGEST_RENDER_SECONDS = 120

export interface Invalidation {
  readonly items: Atomic
  readonly lists: BanLists
  readonly claims: Claims
  /** Raw mode instead of `claims`. */
  readonly rawClaims: RawClaims<SetOptions>
  readonly leases: Leases
}

export function createInvalidation(policy: LoadedPolicy, store: Store): Invalidation {
  const items = new Atomic((key) => store.connectionOf(key))
  return {
    items,
    lists: new BanLists(items, { key: banListKey(policy), longestLifeSeconds: policy.responses.maxTtlSeconds }),
    claims: new Claims(items, LONGEST_RENDER_SECONDS),
    rawClaims: new RawClaims(items, store, LONGEST_RENDER_SECONDS),
    leases: new Leases(items)
  }
}

/** Where the ban list lies. Nginx's files name the same key (bansKey). */
export function banListKey(policy: LoadedPolicy): string {
  return `${policy.keyHead}#bans`
}
