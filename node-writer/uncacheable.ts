// Pages that were not storable a moment ago. Their requests reach the app as the client sent them: it answers a range of
// a large file, or a condition, with less work than the whole page is.

/** After this such a page is asked for as a whole again, in milliseconds. */
const REMEMBERED_MS = 60_000

const MAX_KEYS = 10_000

export class Uncacheable {
  readonly #until = new Map<string, number>()

  add(key: string): void {
    this.#until.delete(key)
    // A Map is in the order of insertion.
    if (this.#until.size >= MAX_KEYS) this.#until.delete(this.#until.keys().next().value as string)
    this.#until.set(key, Date.now() + REMEMBERED_MS)
  }

  has(key: string): boolean {
    return Date.now() < (this.#until.get(key) ?? 0)
  }

  /** Whether it was. */
  delete(key: string): boolean {
    return this.#until.delete(key)
  }
}
