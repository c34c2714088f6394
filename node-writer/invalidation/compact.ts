// What a purge does to the list, and how the list stays small: raising its base is always right, because it only ever
// makes more entries stale. Hits may be lost by it, a ban never.

import { formatBanList, type Ban, type BanList } from '../../njs/core/bans.js'

export type Purge =
  | { kind: 'tag'; tags: readonly string[] }
  | { kind: 'prefix'; prefixes: readonly string[] } // of scheme://host/target, canonical
  | { kind: 'pattern'; pattern: string; caseSensitive: boolean } // of the grammar in docs/policy.md, without captures
  | { kind: 'all' }

/** Every hit on an entry older than the last purge looks through it. */
export const MAX_LIST_BYTES = 32 * 1024

/** Prefixes and patterns are compared one by one, tags are not. */
export const MAX_COMPARED = 64

export function emptyList(epoch: string, now: number): BanList {
  return { epoch, counter: 0, base: 0, markTime: now, markCounter: 0, bans: [] }
}

/** Times in seconds. */
export function addPurge(before: BanList, purge: Purge, now: number, longestLifeSeconds: number): BanList {
  const counter = before.counter + 1
  const list = { ...letGo(before, now, longestLifeSeconds), counter }
  if (purge.kind === 'all') return { ...list, base: counter, bans: [] }
  const added = bansOf(purge, counter)
  const repeated = new Set(added.map(nameOf))
  return shorten({ ...list, bans: [...list.bans.filter((ban) => !repeated.has(nameOf(ban))), ...added] })
}

function bansOf(purge: Exclude<Purge, { kind: 'all' }>, counter: number): Ban[] {
  if (purge.kind === 'pattern') return [{ kind: purge.caseSensitive ? 'r' : 'i', argument: purge.pattern, counter }]
  const [kind, texts] = purge.kind === 'tag' ? ['t' as const, purge.tags] : ['p' as const, purge.prefixes]
  return [...new Set(texts)].map((argument) => ({ kind, argument, counter }))
}

function nameOf({ kind, argument }: Ban): string {
  return `${kind} ${argument}`
}

/** The entries that old bans cover have expired: one mark, set anew every `longestLifeSeconds`, tells which bans are old. */
function letGo(list: BanList, now: number, longestLifeSeconds: number): BanList {
  if (now - list.markTime < longestLifeSeconds) return list
  return { ...raise(list, list.markCounter), markTime: now, markCounter: list.counter }
}

/** Without its oldest bans, until it is small enough. */
function shorten(list: BanList): BanList {
  const excess = (from: BanList) => formatBanList(from).length > MAX_LIST_BYTES || from.bans.filter(({ kind }) => kind !== 't').length > MAX_COMPARED
  while (excess(list)) {
    const counters = list.bans.map(({ counter }) => counter).sort((a, b) => a - b)
    // A tenth at once: shortening at every purge would cost more than the few hits that it saves.
    list = raise(list, counters[Math.floor(counters.length / 10)] as number)
  }
  return list
}

/** What is covered by a ban up to `base` is covered by `base` as well. */
function raise(list: BanList, base: number): BanList {
  return base <= list.base ? list : { ...list, base, bans: list.bans.filter(({ counter }) => counter > base) }
}
