// A page is stored only over the very item that stood at its key before its render began. A purge deletes that item, so
// what was rendered from older data can never be stored after it: not by another process, and not after an eviction,
// which looks the same. Where there is no item yet, a claim is put there: any item is witness enough.

import { randomFillSync } from 'node:crypto'
import { parseMarker } from '../../njs/core/vary.js'
import type { Atomic, ItemOptions, Version } from './atomic.js'

/** What Nginx takes for a miss: it is no entry. */
const MAGIC = 'SKC1 '

/** As many others were quicker: the page is not stored. */
const MAX_ATTEMPTS = 5

/** The right to store one render. */
export interface Claim {
  readonly version: Version
  /** What stood there: an entry that may still be good, or a vary marker; null when there was none. */
  readonly found: Buffer | null
  /**
   * Of a claim, and of the marker that is made from it and from its like: random, so that as long as an item at the key
   * has it, nothing was purged, whoever changed it meanwhile. '' for an entry: of that, only the version tells.
   */
  readonly token: string
}

export class Claims {
  /** `seconds`: a render that takes longer is not stored. */
  constructor(private readonly items: Atomic, private readonly seconds: number) {}

  /**
   * To be awaited before the render begins. Null when memcached changes faster than we can look: render without storing.
   * Any number of renders may hold a claim on one key; the first to store wins, and the others' pages are dropped.
   */
  async begin(key: string): Promise<Claim | null> {
    const token = newToken()
    const version = await this.items.add(key, Buffer.from(MAGIC + token), { ttlSeconds: this.seconds })
    if (version !== null) return { version, found: null, token }
    const item = await this.items.get(key)
    return item === null ? null : { version: item, found: isClaim(item.value) ? null : item.value, token: tokenOf(item.value) }
  }

  /** False when the page was purged or evicted, or another render was stored, since the claim; it is never tried again. */
  async store(claim: Claim, entry: Buffer, options: ItemOptions): Promise<boolean> {
    return (await this.items.replace(claim.version, entry, options)) !== null || this.change(claim, () => entry, options)
  }

  /**
   * Puts `make(present)` in the place of what now stands there, whatever others have made of it; null: leaves it. False
   * when it has another token than it had at the claim, or none.
   */
  async change(claim: Claim, make: (present: Buffer) => Buffer | null, options: ItemOptions): Promise<boolean> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS && claim.token !== ''; attempt++) {
      const item = await this.items.get(claim.version.key)
      if (item === null || tokenOf(item.value) !== claim.token) return false
      const value = make(item.value)
      if (value === null || (await this.items.replace(item, value, options)) !== null) return true
    }
    return false
  }
}

const TOKEN_BYTES = 9

/** For many tokens: it costs about the same to ask for a few bytes as for some thousand. */
const pool = Buffer.alloc(TOKEN_BYTES * 256)
let used = pool.length

export function newToken(): string {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += TOKEN_BYTES
  return pool.toString('base64url', used - TOKEN_BYTES, used)
}

/** Whether an item says that a render is under way, and is nothing else. */
export function isClaim(item: Buffer): boolean {
  return item.toString('latin1', 0, MAGIC.length) === MAGIC
}

function tokenOf(item: Buffer): string {
  const text = item.toString('latin1')
  return isClaim(item) ? text.slice(MAGIC.length) : (parseMarker(text)?.token ?? '')
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
    return (await this.items.add(beside, Buffer.from(MAGIC + newToken()), { ttlSeconds: this.seconds })) ?? this.items.get(beside)
  }

  async store(key: string, claim: Version, page: Buffer, options: Options): Promise<boolean> {
    const renewed = await this.items.replace(claim, Buffer.from(MAGIC + newToken()), { ttlSeconds: this.seconds })
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
