// Knows what every page may still be seen as: each purge raises the version that its pages must have from the moment
// when its bound has passed. A read is judged by when it began, and only after every acknowledgement up to then is known.

import type { Database } from './app_process.js'
import { covers, type Cover, type Page } from './page_set.js'

/** Milliseconds after the acknowledgement, as docs/invalidation.md promises. */
const BAN_BOUND_MS = 1000

export interface Read {
  page: Page
  form: string
  /** When its first byte was sent, and its last received; milliseconds of the shared clock. */
  began: number
  ended: number
  node: number
  version: number
  cacheStatus: string
}

export interface Stale extends Read {
  /** The version that it had to have at least, and the purge that asked for it. */
  expected: number
  purge: Purge
}

export interface Purge {
  cover: Cover
  /** What its pages had become when it was asked for. */
  version: number
  by: string
  acknowledged: number
}

interface Obligation { from: number; purge: Purge }

/** An acknowledgement reaches the oracle within this, so that a read that is older can be judged. */
const JUDGE_AFTER_MS = 1000

/** Longer than any read takes. */
const KEEP_MS = 30_000

export class Oracle implements Database {
  readonly stale: Stale[] = []
  staleReads = 0
  acknowledgedPosts = 0
  /** The longest after its acknowledgement that a ban was not obeyed yet, in milliseconds; below the bound when all is well. */
  latestMs = 0
  #counter = 0
  readonly #versions: number[]
  readonly #obligations: Obligation[][]
  #waiting: Read[] = []

  /** `urlBoundMs`: within which the purge of an URL is in effect. */
  constructor(private readonly pages: readonly Page[], private readonly urlBoundMs: number) {
    this.#versions = pages.map(() => 0)
    this.#obligations = pages.map(() => [])
  }

  read(page: number): number {
    return this.#versions[page] as number
  }

  write(page: number): number {
    return (this.#versions[page] = ++this.#counter)
  }

  posted(page: number, version: number, at: number): void {
    this.acknowledgedPosts++
    this.acknowledged({ cover: { kind: 'post', pages: [this.pages[page] as Page] }, version, by: 'POST', acknowledged: at })
  }

  /** Changes the data of all pages that a purge will cover; to be followed by that purge. Returns their version. */
  change(cover: Cover): number {
    const version = ++this.#counter
    for (const page of this.pages) if (covers(cover, page)) this.#versions[page.id] = version
    return version
  }

  acknowledged(purge: Purge): void {
    const from = purge.acknowledged + (purge.cover.kind === 'urls' || purge.cover.kind === 'post' ? this.urlBoundMs : BAN_BOUND_MS)
    for (const page of this.pages) if (covers(purge.cover, page)) this.#obligations[page.id]?.push({ from, purge })
  }

  seen(read: Read): void {
    this.#waiting.push(read)
  }

  /** Judges the reads that ended a while before `now`; `Infinity` for all. */
  judge(now: number): void {
    const later: Read[] = []
    for (const read of this.#waiting) {
      if (read.ended + JUDGE_AFTER_MS > now) {
        later.push(read)
        continue
      }
      const obligations = this.#obligations[read.page.id] as Obligation[]
      const older = obligations.filter(({ purge }) => purge.version > read.version)
      for (const { purge } of older) this.latestMs = Math.max(this.latestMs, read.began - purge.acknowledged)
      const broken = older.find(({ from }) => from < read.began)
      if (broken === undefined) continue
      this.staleReads++
      if (this.stale.length < 20) this.stale.push({ ...read, expected: broken.purge.version, purge: broken.purge })
    }
    this.#waiting = later
    for (const [id, obligations] of this.#obligations.entries()) this.#obligations[id] = shortened(obligations, now)
  }
}

/** Of those that hold for every read to come only the strictest matters. */
function shortened(obligations: Obligation[], now: number): Obligation[] {
  const old = obligations.filter(({ from }) => from < now - KEEP_MS)
  if (old.length < 2) return obligations
  const strictest = old.reduce((best, each) => (each.purge.version > best.purge.version ? each : best))
  return [strictest, ...obligations.filter(({ from }) => from >= now - KEEP_MS)]
}
