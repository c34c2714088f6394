// A page is stored only over the very item that stood at its key before its render began. A purge deletes that item, so
// what was rendered from older data can never be stored after it: not by another process, and not after an eviction,
// which looks the same. Where there is no item yet, a claim is put there: any item is witness enough.

import type { Atomic, ItemOptions, Version } from './atomic.js'

/** What Nginx takes for a miss: it is no entry. */
export const CLAIM = Buffer.from('SKC1')

/** The right to store one render. */
export interface Claim {
  readonly version: Version
  /** What stood there: an entry that may still be good; null when there was none. */
  readonly found: Buffer | null
}

export class Claims {
  /** `seconds`: a render that takes longer is not stored. */
  constructor(private readonly items: Atomic, private readonly seconds: number) {}

  /**
   * To be awaited before the render begins. Null when memcached changes faster than we can look: render without storing.
   * Any number of renders may hold a claim on one key; the first to store wins, and the others' pages are dropped.
   */
  async begin(key: string): Promise<Claim | null> {
    const added = await this.items.add(key, CLAIM, { ttlSeconds: this.seconds })
    if (added !== null) return { version: added, found: null }
    const item = await this.items.get(key)
    return item === null ? null : { version: item, found: item.value.equals(CLAIM) ? null : item.value }
  }

  /** False when the page was purged or evicted, or another render was stored, since the claim; it is never tried again. */
  async store(claim: Claim, entry: Buffer, options: ItemOptions): Promise<boolean> {
    return (await this.items.replace(claim.version, entry, options)) !== null
  }

  /** The render will not be stored: what it had found stays, a claim goes. */
  async end(claim: Claim): Promise<void> {
    if (claim.found === null) await this.items.delete(claim.version)
  }
}

/** Plain commands on the page's own item; node-writer/store.ts has them. */
export interface Pages<Options> {
  set(key: string, value: Buffer, options: Options): Promise<void>
  delete(key: string): Promise<unknown>
}

/**
 * Raw mode: Nginx would serve a claim as the page, so it lies beside it, and the two cannot be changed in one step. A
 * page that was purged while it was being stored is taken away again; it can be seen for one round trip, and stays until
 * it expires if this process dies in that moment. A purge deletes `besideKeyOf(key)` first, then `key`.
 */
export class RawClaims<Options> {
  constructor(private readonly items: Atomic, private readonly pages: Pages<Options>, private readonly seconds: number) {}

  async begin(key: string): Promise<Version | null> {
    const beside = besideKeyOf(key)
    return (await this.items.add(beside, CLAIM, { ttlSeconds: this.seconds })) ?? this.items.get(beside)
  }

  async store(key: string, claim: Version, page: Buffer, options: Options): Promise<boolean> {
    const renewed = await this.items.replace(claim, CLAIM, { ttlSeconds: this.seconds })
    if (renewed === null) return false
    await this.pages.set(key, page, options)
    const still = await this.items.get(besideKeyOf(key)).catch(() => null)
    if (still !== null && still.cas.equals(renewed.cas)) return true
    await this.pages.delete(key)
    return false
  }
}

export function besideKeyOf(key: string): string {
  return `${key}#c`
}
