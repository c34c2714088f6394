// Memory for large bodies, used again and again: of a copy into fresh memory nearly all the time is the kernel's, which
// hands it out page by page, half a millisecond a megabyte. What is not given back is the garbage collector's.

/** For as many bodies at a time; others get fresh memory. */
const MAX_REGIONS = 4

/** Nothing is kept for an app that has no large pages any more. */
const KEPT_MS = 60_000

export class BodyMemory {
  readonly #free: Buffer[] = []
  #release: NodeJS.Timeout | undefined
  /** A region that is not given back frees its place when it is collected. */
  readonly #taken = new Set<WeakRef<ArrayBufferLike>>()

  /** `bytes`: of each region. As long as nothing is written there, it costs addresses, not memory. */
  constructor(readonly bytes: number) {}

  /** With the bytes of whoever had it before; undefined when there are enough. */
  take(): Buffer | undefined {
    for (const taken of this.#taken) if (taken.deref() === undefined) this.#taken.delete(taken)
    if (this.#taken.size >= MAX_REGIONS) return undefined
    const region = this.#free.pop() ?? Buffer.allocUnsafeSlow(this.bytes)
    this.#taken.add(new WeakRef(region.buffer))
    return region
  }

  /** For a body that nobody will look at again; one that is not in a region stays where it is. */
  give(body: Buffer): void {
    for (const taken of this.#taken) {
      if (taken.deref() !== body.buffer) continue
      this.#taken.delete(taken)
      this.#free.push(Buffer.from(body.buffer))
      this.#release ??= setTimeout(() => {
        this.#free.length = 0
        this.#release = undefined
      }, KEPT_MS).unref()
      this.#release.refresh()
    }
  }
}
