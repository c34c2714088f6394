// One render per key, across processes and machines: who adds the item `key#l` leads, the others wait. It only saves
// work; nothing that must never be served depends on it. So whenever memcached is in doubt, everybody renders.

import { setTimeout as pause } from 'node:timers/promises'
import type { Atomic, Version } from './atomic.js'

/**
 * How a render ended. 'stored': look the page up. 'gone': it failed, or its process did, or it hangs: acquire again.
 * 'uncacheable': render, and wait for nobody. 'late': it took longer than this visitor is to wait: render.
 */
export type Outcome = 'stored' | 'gone' | 'uncacheable' | 'late'

export interface Lead {
  /** Of the page that it is for. */
  readonly key: string
  /**
   * To be called when the page has just been sent to be stored, and before `end`: the lease is deleted right behind it,
   * on the same connection. Who sees it gone, in another process, finds the page; if it was not stored, he leads.
   */
  release(): void
  /** To be called once, after the page has been stored or when it is known that it will not be. */
  end(outcome: Exclude<Outcome, 'late'>): Promise<void>
}

export type Turn = { lead: Lead } | { wait: Promise<Outcome> }

export interface LeaseOptions {
  /** Seconds after which a leader that died is followed by another. Default 3; memcached counts whole seconds, so at least 2. */
  leaseSeconds?: number
  /** Milliseconds after which a leader that has not ended is followed by another. Default 5000. */
  longestLeadMs?: number
  /** The same, of a refresh behind a stale page: nobody waits for it. Default 30000. */
  longestRefreshMs?: number
  /** Milliseconds that a visitor waits for the renders of others. Default 10000; see `patienceMs`. */
  longestWaitMs?: number
  /** Seconds for which visitors of an uncacheable page do not wait for each other. Default 10. */
  uncacheableSeconds?: number
}

export const UNCACHEABLE = Buffer.from('uncacheable')

/** Whose it is, its CAS tells. */
const HELD = Buffer.from('held')

/** Between two looks at a lease of another process. */
const FIRST_PAUSE_MS = 20
const LONGEST_PAUSE_MS = 100

/** Of `longestWaitMs`, in which the number of those who wait no longer doubles so often. */
const LAST_PART = 1 / 3
const DOUBLINGS = 11

const SUFFIX = '#l'

interface UnderWay {
  outcome: Promise<Outcome>
  settle(outcome: Outcome): void
}

export class Leases {
  readonly #items: Atomic
  readonly #options: Required<LeaseOptions>
  /** The renders that this process leads or waits for: its followers share one look-out. */
  readonly #underWay = new Map<string, UnderWay>()

  constructor(items: Atomic, options: LeaseOptions = {}) {
    this.#items = items
    this.#options = { leaseSeconds: 3, longestLeadMs: 5000, longestRefreshMs: 30_000, longestWaitMs: 10_000, uncacheableSeconds: 10, ...options }
  }

  /**
   * Leads, or waits until the page is stored, or is not to be waited for: then 'render'. A leader that failed or hangs is
   * followed by another. From `until` (of performance.now()) on this visitor leads beside whoever does. Never rejects.
   * `isStored` is asked when another process has ended its render. `asked` is called whenever this visitor may be about to
   * lead, in the turn in which memcached is asked: what it asks for itself is then answered with the lease.
   */
  async turn(key: string, isStored: () => Promise<boolean>, until = performance.now() + this.patienceMs(), asked?: () => void): Promise<Lead | 'stored' | 'render'> {
    for (;;) {
      const turn = await this.acquire(key, isStored, until - performance.now(), asked)
      if ('lead' in turn) return turn.lead
      const outcome = await turn.wait
      if (outcome === 'late') {
        asked?.()
        return this.#lead(key, null, this.#options.longestLeadMs)
      }
      if (outcome !== 'gone') return outcome === 'stored' ? 'stored' : 'render'
    }
  }

  /**
   * How long one visitor waits, drawn anew for each: when several leaders in a row hang, so may the app, and a crowd goes
   * to it slowly. Of 2,000 the first goes after two thirds of the longest time, then twice as many each eleventh of the
   * last third; nobody has to know of the others for that.
   */
  patienceMs(): number {
    const part = Math.min(-Math.log2(1 - Math.random()) / DOUBLINGS, 1)
    return this.#options.longestWaitMs * (1 - LAST_PART * part)
  }

  /** Leads a refresh, if nobody leads; null also when memcached is in trouble. Does not wait for anybody. */
  async tryLead(key: string): Promise<Lead | null> {
    if (this.#underWay.has(key)) return null
    const { settle } = this.#enter(key)
    const held = await this.#take(key)
    if (held !== null && typeof held === 'object') return this.#lead(key, held, this.#options.longestRefreshMs, settle)
    settle(held === 'uncacheable' ? held : 'gone')
    return null
  }

  /** One look. Without memcached everybody leads and nobody waits: what is rendered cannot be stored. */
  async acquire(key: string, isStored: () => Promise<boolean>, waitMs = this.#options.longestWaitMs, asked?: () => void): Promise<Turn> {
    const underWay = this.#underWay.get(key)
    if (underWay !== undefined) return { wait: within(underWay.outcome, waitMs) }

    const { outcome, settle } = this.#enter(key)
    const taking = this.#take(key)
    asked?.()
    const held = await taking
    if (held === 'other') {
      void this.#watch(key, isStored).then(settle)
      return { wait: within(outcome, waitMs) }
    }
    if (held === 'uncacheable') {
      settle('uncacheable')
      return { wait: outcome }
    }
    if (held === null) settle('uncacheable')
    return { lead: this.#lead(key, held, this.#options.longestLeadMs, settle) }
  }

  /** Before the answer of memcached, so that those who come meanwhile wait as well. */
  #enter(key: string): UnderWay {
    let resolve: (outcome: Outcome) => void = () => {}
    const outcome = new Promise<Outcome>((settled) => { resolve = settled })
    const underWay: UnderWay = {
      outcome,
      settle: (settled) => {
        if (this.#underWay.get(key) === underWay) this.#underWay.delete(key)
        resolve(settled)
      }
    }
    this.#underWay.set(key, underWay)
    return underWay
  }

  /** `null`: memcached cannot tell, so this process leads without a lease. */
  async #take(key: string): Promise<Version | 'other' | 'uncacheable' | null> {
    try {
      const version = await this.#items.add(keyOf(key), HELD, { ttlSeconds: this.#options.leaseSeconds })
      if (version !== null) return version
      const item = await this.#items.get(keyOf(key))
      return item?.value.equals(UNCACHEABLE) === true ? 'uncacheable' : 'other'
    } catch {
      return null
    }
  }

  /** `held`: null without a lease. `settle` ends the wait of those who wait for this very leader. */
  #lead(key: string, held: Version | null, longestMs: number, settle: (outcome: Outcome) => void = () => {}): Lead {
    let version = held
    let ended = false
    let released = false
    let changing = Promise.resolve()
    const change = (to: (version: Version) => Promise<Version | null>): Promise<void> => (changing = changing.then(async () => {
      // What fails here runs out by itself.
      if (version !== null) version = await to(version).catch(() => null)
      // Purged meanwhile, or given up: another may begin at once.
      if (version === null) settle('gone')
    }))
    const renew = (of: Version) => this.#items.replace(of, HELD, { ttlSeconds: this.#options.leaseSeconds })
    const giveUp = (of: Version) => this.#items.delete(of).then(() => null)
    // Renewed while it renders, so that a short lease is enough for a slow page; a process that is gone renews nothing.
    const timer = setInterval(() => void change(renew), (this.#options.leaseSeconds * 1000) / 3).unref()
    const hung = setTimeout(() => {
      clearInterval(timer)
      void change(giveUp)
    }, longestMs).unref()
    const stop = () => {
      clearInterval(timer)
      clearTimeout(hung)
    }

    return {
      key,
      release: () => {
        stop()
        changing = changing.then(() => {
          released = version !== null
          if (version !== null) this.#items.deleteQuietly(version)
          version = null
        })
      },
      end: async (outcome) => {
        if (ended) return
        ended = true
        stop()
        await changing
        if (outcome === 'gone') return change(giveUp)
        settle(outcome)
        // Whoever leads in its place by now needs not be waited for either.
        this.#underWay.get(key)?.settle(outcome)
        if (released) return
        version ??= await this.#items.get(keyOf(key)).catch(() => null)
        await change((of) => (outcome === 'stored' ? giveUp(of) : this.#items.replace(of, UNCACHEABLE, { ttlSeconds: this.#options.uncacheableSeconds })))
      }
    }
  }

  /** Polls the lease of another process until it has ended. */
  async #watch(key: string, isStored: () => Promise<boolean>): Promise<Outcome> {
    // Of those who waited when it began, nobody waits any more.
    const until = performance.now() + this.#options.longestWaitMs
    try {
      for (let wait = FIRST_PAUSE_MS; performance.now() < until; wait = Math.min(wait * 1.5, LONGEST_PAUSE_MS)) {
        // Not all processes at the same moment.
        await pause(wait * (0.75 + Math.random() / 2))
        const item = await this.#items.get(keyOf(key))
        if (item === null) return (await isStored()) ? 'stored' : 'gone'
        if (item.value.equals(UNCACHEABLE)) return 'uncacheable'
      }
    } catch {
      // Without memcached nobody can wait for another process.
    }
    return 'gone'
  }
}

function within(outcome: Promise<Outcome>, waitMs: number): Promise<Outcome> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve('late'), Math.max(waitMs, 0))
    void outcome.then((settled) => {
      clearTimeout(timer)
      resolve(settled)
    })
  })
}

/** The lease of a page. A purge deletes it too, so that the next visitor does not wait for a render that will not be stored. */
export function keyOf(key: string): string {
  return key + SUFFIX
}

/** The page of a lease; any other key as it is. */
export function pageOf(key: string): string {
  return key.endsWith(SUFFIX) ? key.slice(0, -SUFFIX.length) : key
}
