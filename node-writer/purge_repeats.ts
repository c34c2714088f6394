// Purges that nobody else would repeat: those that unsafe requests set off. What a memcached server did not acknowledge
// waits here, each URL and group once, and is asked for again until it has been. It waits in this process alone, and
// what is given up when that ends is told.

import type { Events } from './events.js'
import { PurgeError, type PurgeResult } from './purge_result.js'
import { notCarriedOut, type PurgeRecord } from './purge_record.js'
import type { PurgeRequest } from './purge_request.js'
import type { Invalidated } from './unsafe_methods.js'

/** Tells `onRecord` what came of it, and rejects with a PurgeError for what was not acknowledged. */
export type CarryOut = (request: PurgeRequest, onRecord: (record: PurgeRecord) => void) => Promise<PurgeResult>

/** URLs and groups. With more, everything is purged in their place: that is one purge, however many come. */
export const MAX_WAITING = 1000

/** Between two attempts; twice as long after each that got nowhere. */
const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 5000

const BY = 'repetition'

export class PurgeRepeats {
  /** By site. */
  readonly #waiting = new Map<string, { urls: Set<string>; groups: Set<string> }>()
  #isAllWaiting = false
  #pauseMs = FIRST_PAUSE_MS
  #timer: NodeJS.Timeout | undefined
  #attempt: Promise<void> | undefined
  #isClosed = false

  constructor(private readonly carryOut: CarryOut, private readonly events: Events) {}

  /** Never rejects. When it resolves, the purge has been acknowledged, or it waits. */
  async purge(invalidated: Invalidated, by: string): Promise<void> {
    try {
      await this.carryOut(requestFor(invalidated, by), (record) => this.#tell(record))
    } catch (error) {
      // What cannot be understood has been told, and would not be the next time either.
      if (!(error instanceof PurgeError)) return
      this.events.unacknowledged(error)
      this.#keep(invalidated, error)
      if (this.#isClosed) this.#giveUp()
      else this.#schedule()
    }
  }

  /** Ends the attempt that is under way, or makes a last one. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await (this.#attempt ?? this.#repeat())
    this.#giveUp()
  }

  #keep(invalidated: Invalidated | 'all', { result }: PurgeError): void {
    if (invalidated === 'all') {
      this.#isAllWaiting = true
      return
    }
    const purged = new Set(result.pages.map(({ url }) => url))
    const named = this.#waiting.get(invalidated.site) ?? { urls: new Set(), groups: new Set() }
    for (const url of invalidated.urls) if (!purged.has(url)) named.urls.add(url)
    if (result.bans.length === 0) for (const group of invalidated.groups) named.groups.add(group)
    this.#waiting.set(invalidated.site, named)

    const count = [...this.#waiting.values()].reduce((sum, { urls, groups }) => sum + urls.size + groups.size, 0)
    if (count <= MAX_WAITING) return
    this.#waiting.clear()
    if (!this.#isAllWaiting) this.#fail(`more than ${MAX_WAITING} purges wait for memcached: everything is purged in their place`)
    this.#isAllWaiting = true
  }

  /** What waits, which then waits no more. */
  #take(): (Invalidated | 'all')[] {
    const named = [...this.#waiting].map(([site, { urls, groups }]) => ({ urls: [...urls], groups: [...groups], site }))
    const taken = this.#isAllWaiting ? ['all' as const] : named
    this.#waiting.clear()
    this.#isAllWaiting = false
    return taken
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#attempt !== undefined) return
    // Not all processes at the same moment. An app that has closed its server may end.
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#attempt = this.#repeat().finally(() => {
        this.#attempt = undefined
        if (!this.#isClosed && (this.#isAllWaiting || this.#waiting.size > 0)) this.#schedule()
      })
    }, this.#pauseMs * (0.75 + Math.random() / 2)).unref()
  }

  async #repeat(): Promise<void> {
    let isProgress = false
    for (const invalidated of this.#take()) {
      try {
        await this.carryOut(requestFor(invalidated, BY), (record) => {
          // That a server is still away has been told.
          if (record.outcome === 'failed' && record.pages.length + record.bans.length === 0) return
          isProgress = true
          this.#tell(record)
        })
      } catch (error) {
        if (error instanceof PurgeError) this.#keep(invalidated, error)
      }
    }
    this.#pauseMs = isProgress ? FIRST_PAUSE_MS : Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS)
  }

  #giveUp(): void {
    for (const invalidated of this.#take()) {
      const request = requestFor(invalidated, BY)
      const error = 'the page cache was closed before memcached acknowledged it'
      this.events.tell('purge', notCarriedOut('failed', request, error))
      this.#fail(`${error}: ${JSON.stringify(request)}`)
    }
  }

  #tell(record: PurgeRecord): void {
    this.events.tell('purge', record.outcome === 'failed' ? { ...record, outcome: 'waiting' } : record)
  }

  #fail(message: string): void {
    this.events.tell('error', { operation: 'purge', key: '', error: new Error(message) })
  }
}

function requestFor(invalidated: Invalidated | 'all', by: string): PurgeRequest {
  if (invalidated === 'all') return { all: true, by }
  const { urls, groups, site } = invalidated
  // Raw mode knows no groups.
  return { urls, ...(groups.length === 0 ? {} : { groups, site }), by }
}
