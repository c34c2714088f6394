// A purge of tags, of a prefix, of a pattern or of everything is one line in one list, and an entry is good only if
// the list says so. The list is untrusted input like an entry: what cannot be read in full says nothing, and an entry
// of which nothing is known is stale. docs/invalidation.md.

/** What a ban covers: the entries of a tag, of a prefix of scheme://host/target, or of a pattern from the target's start. */
export interface Ban {
  /** 't' a tag, 'p' a prefix, 'r' a pattern, 'i' a pattern that ignores case. */
  kind: 't' | 'p' | 'r' | 'i'
  /** 1 or more of the characters ! to ~. */
  argument: string
  /** It covers the entries whose clock is below this. */
  counter: number
}

export interface BanList {
  /** Random for every list that is made, so that a list that was lost and made again disowns all older entries. */
  epoch: string
  /** Counts the purges. */
  counter: number
  /** Entries with a clock below this are covered, whatever they are: a purge of everything, and bans that were let go. */
  base: number
  /** `markCounter` was the counter at `markTime` (seconds since 1970): tells roughly how old a ban is. */
  markTime: number
  markCounter: number
  bans: Ban[]
}

/** 'unknown': the list is of another epoch than the entry, or older, or no list at all. A fresh copy may know more. */
export type Judgement = 'good' | 'covered' | 'unknown'

const MAGIC = 'SKB1 '
const END = '\n.\n'

/** The clock of a list: what an entry carries whose render begins while the list is at this point. */
export function clockOf(list: BanList): string {
  return list.epoch + '.' + list.counter
}

/**
 * Whether an entry may be served, by the text of the list, the entry's clock and tags, and `page`, its canonical
 * `scheme://host/target`, which is asked for only when there is a prefix or a pattern to compare it with.
 */
export function judge(list: string, clock: string, tags: string[], page: () => string): Judgement {
  // Nothing was purged since: most entries, most of the time, and no look at the rest of the list.
  if (clock !== '' && list.startsWith(MAGIC + clock + ' ')) return 'good'

  const dot = clock.indexOf('.')
  const counter = dot < 1 ? NaN : Number(clock.slice(dot + 1))
  if (!(counter >= 0)) return 'covered'
  // Cut short it would lack bans.
  if (!list.startsWith(MAGIC + clock.slice(0, dot + 1)) || !list.endsWith(END)) return 'unknown'
  const lineEnd = list.indexOf('\n')
  const head = list.slice(0, lineEnd).split(' ')
  if (!(Number((head[1] as string).slice(dot + 1)) >= counter)) return 'unknown'
  if (!(Number(head[2]) <= counter)) return 'covered'

  let at = lineEnd + 1
  let kind = list.charAt(at)
  while (kind === 'p' || kind === 'r' || kind === 'i') {
    const next = list.indexOf('\n', at)
    const words = list.slice(at, next).split(' ')
    // Not `>`: a counter that is no number must not let an entry pass.
    if (!(Number(words[2]) <= counter) && matches(kind, words[1] as string, page())) return 'covered'
    at = next + 1
    kind = list.charAt(at)
  }
  // Tags come last, each once: a search in the text is quicker than taking it apart.
  for (let i = 0; i < tags.length; i++) {
    const line = '\nt ' + (tags[i] as string) + ' '
    const found = list.indexOf(line, at - 1)
    if (found >= 0 && !(Number(list.slice(found + line.length, list.indexOf('\n', found + line.length))) <= counter)) return 'covered'
  }
  return 'good'
}

function matches(kind: 'p' | 'r' | 'i', argument: string, page: string): boolean {
  if (kind === 'p') return page.startsWith(argument)
  try {
    // Compiled here and not before: only for entries that are older than the ban. A writer lets nothing into the list
    // that could stall an engine.
    return new RegExp('^(?:' + argument + ')', kind === 'i' ? 'i' : '').test(page.slice(page.indexOf('/', page.indexOf('://') + 3)))
  } catch (e) {
    return true
  }
}

/** The inverse of parseBanList. Throws a TypeError for an argument that a line cannot hold. */
export function formatBanList(list: BanList): string {
  let patterns = ''
  let tags = ''
  for (let i = 0; i < list.bans.length; i++) {
    const ban = list.bans[i] as Ban
    if (!/^[!-~]+$/.test(ban.argument)) throw new TypeError('expected printable characters without spaces, got ' + JSON.stringify(ban.argument))
    const line = ban.kind + ' ' + ban.argument + ' ' + ban.counter + '\n'
    if (ban.kind === 't') tags += line
    else patterns += line
  }
  return MAGIC + clockOf(list) + ' ' + list.base + ' ' + list.markTime + ' ' + list.markCounter + '\n' + patterns + tags + '.\n'
}

const HEAD = /^SKB1 ([A-Za-z0-9_-]{1,64})\.(0|[1-9][0-9]{0,14}) (0|[1-9][0-9]{0,14}) (0|[1-9][0-9]{0,14}) (0|[1-9][0-9]{0,14})$/
const LINE = /^([tpri]) ([!-~]+) ([1-9][0-9]{0,14})$/

/** The list, or null when any part of it is not what a writer writes. */
export function parseBanList(text: string): BanList | null {
  if (!text.endsWith(END)) return null
  const lines = text.slice(0, -END.length).split('\n')
  const head = HEAD.exec(lines[0] as string)
  if (head === null) return null
  const bans: Ban[] = []
  for (let i = 1; i < lines.length; i++) {
    const line = LINE.exec(lines[i] as string)
    if (line === null) return null
    bans.push({ kind: line[1] as Ban['kind'], argument: line[2] as string, counter: Number(line[3]) })
  }
  return { epoch: head[1] as string, counter: Number(head[2]), base: Number(head[3]), markTime: Number(head[4]), markCounter: Number(head[5]), bans: bans }
}
