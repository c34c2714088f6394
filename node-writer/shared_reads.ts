// Of followers that wake at the same moment, each wants the same items: they are read once. Only reads that begin in one
// turn of the event loop are shared, so nobody gets an answer that is older than his question.

import type { Reader } from './store.js'

type Item = Awaited<ReturnType<Reader['get']>>

export class SharedReads implements Reader {
  readonly #begun = new Map<string, Promise<Item>>()

  constructor(private readonly reader: Reader) {}

  get(key: string): Promise<Item> {
    const begun = this.#begun.get(key)
    if (begun !== undefined) return begun
    const read = this.reader.get(key)
    if (this.#begun.size === 0) setImmediate(() => this.#begun.clear())
    this.#begun.set(key, read)
    return read
  }
}
