// Pages that are stored together, after a purge of everything say, are not to expire together.

import type { Storability } from './storable.js'

/**
 * Fresh for up to `percent` less, at random (`random` as Math.random): shorter is always allowed (RFC 9111 §4.2), longer
 * never. When it may be used stale stays as it was, so a page with stale-while-revalidate is only refreshed earlier.
 */
export function withJitter<Verdict extends Storability | { store: false }>(verdict: Verdict, percent: number, random: () => number = Math.random): Verdict {
  if (!verdict.store || percent === 0 || verdict.freshSeconds === 0) return verdict
  return { ...verdict, freshSeconds: Math.max(1, verdict.freshSeconds - Math.floor((verdict.freshSeconds * percent * random()) / 100)) }
}
