// A page that many ask for is made anew before it is stale, so that nobody waits for it.

import type { Storability } from './storable.js'

/**
 * The last `percent` of the time that a response is fresh counts as time to refresh it: the first visitor then gets it as
 * everybody does, and sets off the one refresh that stale-while-revalidate also has (RFC 5861 §3). It may be used for as
 * long as before.
 */
export function withEarlyRefresh<Verdict extends Storability | { store: false }>(verdict: Verdict, percent: number): Verdict {
  if (!verdict.store || percent === 0) return verdict
  const early = Math.floor((verdict.freshSeconds * percent) / 100)
  return { ...verdict, freshSeconds: verdict.freshSeconds - early, refreshSeconds: Math.max(verdict.refreshSeconds, verdict.freshSeconds) }
}
