// The list of bans in memcached, and the clock that entries carry. The list only ever changes by compare-and-swap, so no
// ban is lost; when it is lost as a whole, its successor has a new epoch, and all entries of the old one are stale.

import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { clockOf, formatBanList, parseBanList, type BanList } from '../../njs/core/bans.js'
import type { Atomic, VersionedValue } from './atomic.js'
import { addPurge, emptyList, type Purge } from './compact.js'

export interface BanListOptions {
  /** Where the list lies: `${policy.keyHead}#bans`. */
  key: string
  /** Seconds after which no entry is left of those that are stored now; bans older than twice that are let go. */
  longestLifeSeconds: number
  /** Milliseconds for which a clock is used again. Older is safe, but pages rendered just after a purge then die with it. Default 100. */
  holdMs?: number
}

/** As many others were quicker: there is something wrong. */
const MAX_ATTEMPTS = 50

export class BanLists {
  readonly #holdMs: number
  #held: { list: BanList; at: number } | undefined
  #reading: Promise<BanList> | undefined
  #waiting: { purge: Purge; settle: (outcome: Promise<BanList>) => void }[] = []
  #appending: Promise<void> | undefined

  constructor(private readonly items: Atomic, private readonly options: BanListOptions) {
    this.#holdMs = options.holdMs ?? 100
  }

  /**
   * The list as it is now or was at most `holdMs` ago, made when there is none. Its clock is to be taken before the
   * render begins. Rejects with a StoreError when memcached is in trouble.
   */
  async current(): Promise<BanList> {
    if (this.#held !== undefined && performance.now() - this.#held.at < this.#holdMs) return this.#held.list
    return (this.#reading ??= this.#read().finally(() => { this.#reading = undefined }))
  }

  /** The list as it is after this was called, for an entry that is newer than the held one. */
  fresh(): Promise<BanList> {
    return this.#read()
  }

  /** What a render that begins after this is to carry. */
  async clock(): Promise<string> {
    return clockOf(await this.current())
  }

  /** Resolves when memcached has acknowledged the bans: within a second no Nginx serves what they cover. */
  append(purge: Purge): Promise<BanList> {
    return new Promise((settle) => {
      this.#waiting.push({ purge, settle })
      // One writer at a time in this process; those who come meanwhile share the next round.
      this.#appending ??= this.#appendAll()
    })
  }

  async #appendAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0)
      const appended = this.#appendOnce(batch.map(({ purge }) => purge))
      for (const { settle } of batch) settle(appended)
      await appended.catch(() => {})
    }
    // In the same turn in which nothing was waiting: whoever comes next starts anew.
    this.#appending = undefined
  }

  async #appendOnce(purges: readonly Purge[]): Promise<BanList> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      if (attempt > 0) await pause(Math.random() * Math.min(2 ** attempt, 50))
      const item = await this.#getOrMake({ evenIfDown: true })
      if (item === null) continue
      const now = Math.floor(Date.now() / 1000)
      const list = purges.reduce((before, purge) => addPurge(before, purge, now, this.options.longestLifeSeconds), item.list)
      if ((await this.items.replace(item, Buffer.from(formatBanList(list)), { ttlSeconds: 0 })) !== null) return this.#hold(list, performance.now())
    }
    throw new Error(`purge: the ban list ${this.options.key} changed ${MAX_ATTEMPTS} times while it was being written`)
  }

  async #read(): Promise<BanList> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const at = performance.now()
      const item = await this.#getOrMake()
      if (item !== null) return this.#hold(item.list, at)
    }
    throw new Error(`the ban list ${this.options.key} disappears as soon as it is made`)
  }

  /** Null when it was gone again, or was made by somebody else meanwhile. */
  async #getOrMake(options: { evenIfDown?: boolean } = {}): Promise<(VersionedValue & { list: BanList }) | null> {
    const item = await this.items.get(this.options.key, options)
    const made = emptyList(randomBytes(12).toString('base64url'), Math.floor(Date.now() / 1000))
    if (item === null) {
      const value = Buffer.from(formatBanList(made))
      const added = await this.items.add(this.options.key, value, { ttlSeconds: 0 })
      return added === null ? null : { ...added, value, list: made }
    }
    const list = parseBanList(item.value.toString('latin1'))
    if (list !== null) return { ...item, list }
    // Somebody else's bytes, or a later version's: a new epoch is always right.
    await this.items.replace(item, Buffer.from(formatBanList(made)), { ttlSeconds: 0 })
    return null
  }

  #hold(list: BanList, at: number): BanList {
    if (this.#held === undefined || at >= this.#held.at) this.#held = { list, at }
    return list
  }
}
