// A purge means every render that began before it, also one that is still under way: such a render is not stored.
// This guards one process.

export interface Render {
  /** Whatever a purge may name it by: the page's key, and that of its path's rule (search_rules.ts). */
  readonly keys: readonly string[]
  purged: boolean
}

export class Renders {
  #underWay = new Map<string, Set<Render>>()

  begin(...keys: string[]): Render {
    const render = { keys, purged: false }
    for (const key of keys) {
      const sameKey = this.#underWay.get(key)
      if (sameKey === undefined) this.#underWay.set(key, new Set([render]))
      else sameKey.add(render)
    }
    return render
  }

  /** When it has been stored or never will be. */
  end(render: Render): void {
    for (const key of render.keys) {
      const sameKey = this.#underWay.get(key)
      if (sameKey?.delete(render) && sameKey.size === 0) this.#underWay.delete(key)
    }
  }

  purge(keys: Iterable<string>): void {
    for (const key of keys) {
      for (const render of this.#underWay.get(key) ?? []) render.purged = true
    }
  }
}
