// A purge means every render that began before it, also one that is still under way: such a render is not stored.
// This guards one process.

export interface Render {
  readonly key: string
  purged: boolean
}

export class Renders {
  #underWay = new Map<string, Set<Render>>()

  begin(key: string): Render {
    const render = { key, purged: false }
    const sameKey = this.#underWay.get(key)
    if (sameKey === undefined) this.#underWay.set(key, new Set([render]))
    else sameKey.add(render)
    return render
  }

  /** When it has been stored or never will be. */
  end(render: Render): void {
    const sameKey = this.#underWay.get(render.key)
    if (sameKey?.delete(render) && sameKey.size === 0) this.#underWay.delete(render.key)
  }

  purge(keys: Iterable<string>): void {
    for (const key of keys) {
      for (const render of this.#underWay.get(key) ?? []) render.purged = true
    }
  }
}
