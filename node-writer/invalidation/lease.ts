// One render per key, across processes and machines: who adds the item `key#l` leads, the others wait. It only saves
// work; nothing that must never be served depends on it. So whenever memcached is in doubt, everybody renders.

import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Atomic, Version } from './atomic.js'

/**
 * How a render ended. 'stored': look the page up. 'gone': it failed, or its process did: acquire again. 'uncacheable':
 * render, and wait for nobody. 'late': it took longer than a visitor is to wait: render.
 */
export type Outcome = 'stored' | 'gone' | 'uncacheable' | 'late'

export interface Lead {
  /** To be called once, after the page has been stored or when it is known that it will not be. */
  end(outcome: Exclude<Outcome, 'late'>): Promise<void>
}

export type Turn = { lead: Lead } | { wait: Promise<Outcome> }

export interface LeaseOptions {
  /** Seconds after which a leader that died is followed by another. Default 3; memcached counts whole seconds, so at least 2. */
  leaseSeconds?: number
  /** Milliseconds that a visitor waits for somebody else's render. Default 5000. */
  longestWaitMs?: number
  /** Milliseconds after which a leader that has not ended is no longer waited for. Default 30000. */
  longestRenderMs?: number
  /** Seconds for which visitors of an uncacheable page do not wait for each other. Default 10. */
  uncacheableSeconds?: number
}

export const UNCACHEABLE = Buffer.from('uncacheable')

/** Between two looks at a lease of another process. */
const FIRST_PAUSE_MS = 20
const LONGEST_PAUSE_MS = 100

export class Leases {
  readonly #items: Atomic
  readonly #options: Required<LeaseOptions>
  /** The renders that this process leads or waits for: its followers share one look-out. */
  readonly #underWay = new Map<string, Promise<Outcome>>()

  constructor(items: Atomic, options: LeaseOptions = {}) {
    this.#items = items
    this.#options = { leaseSeconds: 3, longestWaitMs: 5000, longestRenderMs: 30_000, uncacheableSeconds: 10, ...options }
  }

  /**
   * Leads, or waits until the page is stored, or is not to be waited for: then 'render'. A failed leader is followed by
   * another, until `until` (of performance.now()) at the latest. Never rejects. `isStored` is asked when another process has ended its render.
   */
  async turn(key: string, isStored: () => Promise<boolean>, until = performance.now() + this.longestWaitMs): Promise<Lead | 'stored' | 'render'> {
    for (;;) {
      const turn = await this.acquire(key, isStored, until - performance.now())
      if ('lead' in turn) return turn.lead
      const outcome = await turn.wait
      if (outcome !== 'gone') return outcome === 'stored' ? 'stored' : 'render'
    }
  }

  get longestWaitMs(): number {
    return this.#options.longestWaitMs
  }

  /** Leads, if nobody does; null also when memcached is in trouble. Does not wait for anybody. */
  async tryLead(key: string): Promise<Lead | null> {
    if (this.#underWay.has(key)) return null
    const settle = this.#enter(key)
    const held = await this.#take(key)
    if (held !== null && typeof held === 'object') return this.#lead(held, settle)
    settle(held === 'uncacheable' ? held : 'gone')
    return null
  }

  /** One look. Without memcached everybody leads and nobody waits: what is rendered cannot be stored. */
  async acquire(key: string, isStored: () => Promise<boolean>, waitMs = this.#options.longestWaitMs): Promise<Turn> {
    const underWay = this.#underWay.get(key)
    if (underWay !== undefined) return { wait: within(underWay, waitMs) }

    const settle = this.#enter(key)
    const promise = this.#underWay.get(key) as Promise<Outcome>
    const held = await this.#take(key)
    if (held === 'other') {
      void this.#watch(key, isStored).then(settle)
      return { wait: within(promise, waitMs) }
    }
    if (held === 'uncacheable') {
      settle('uncacheable')
      return { wait: promise }
    }
    if (held === null) settle('uncacheable')
    return { lead: this.#lead(held, settle) }
  }

  /** Before the answer of memcached, so that those who come meanwhile wait as well. */
  #enter(key: string): (outcome: Outcome) => void {
    let resolve: (outcome: Outcome) => void = () => {}
    const promise = new Promise<Outcome>((settled) => { resolve = settled })
    this.#underWay.set(key, promise)
    return (outcome) => {
      if (this.#underWay.get(key) === promise) this.#underWay.delete(key)
      resolve(outcome)
    }
  }

  /** `null`: memcached cannot tell, so this process leads without a lease. */
  async #take(key: string): Promise<Version | 'other' | 'uncacheable' | null> {
    try {
      const version = await this.#items.add(keyOf(key), randomBytes(12), { ttlSeconds: this.#options.leaseSeconds })
      if (version !== null) return version
      const item = await this.#items.get(keyOf(key))
      return item?.value.equals(UNCACHEABLE) === true ? 'uncacheable' : 'other'
    } catch {
      return null
    }
  }

  #lead(held: Version | null, settle: (outcome: Outcome) => void): Lead {
    let version = held
    let ended = false
    let renewing = Promise.resolve()
    const renew = async () => {
      if (version === null) return
      version = await this.#items.replace(version, randomBytes(12), { ttlSeconds: this.#options.leaseSeconds }).catch(() => null)
      // Purged meanwhile: this render will not be stored, so another may begin at once.
      if (version === null) settle('gone')
    }
    // Renewed while it renders, so that a short lease is enough for a slow page; a process that is gone renews nothing.
    const timer = setInterval(() => { renewing = renewing.then(renew) }, (this.#options.leaseSeconds * 1000) / 3).unref()
    const stop = () => {
      clearInterval(timer)
      clearTimeout(hung)
    }
    const hung = setTimeout(() => {
      stop()
      settle('gone')
    }, this.#options.longestRenderMs).unref()

    return {
      end: async (outcome) => {
        if (ended) return
        ended = true
        stop()
        await renewing
        settle(outcome)
        if (version === null) return
        const gone = outcome === 'uncacheable'
          ? this.#items.replace(version, UNCACHEABLE, { ttlSeconds: this.#options.uncacheableSeconds })
          : this.#items.delete(version)
        // What fails here runs out by itself.
        await gone.catch(() => {})
      }
    }
  }

  /** Polls the lease of another process until it has ended. */
  async #watch(key: string, isStored: () => Promise<boolean>): Promise<Outcome> {
    const until = performance.now() + this.#options.longestRenderMs
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
  return `${key}#l`
}
