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

/** The text of a list: ASCII, so a byte is a character. A string is one; in Nginx it stays outside the VM, and parts are read. */
export interface ListText {
  length: number
  slice(from: number, to: number): string
}

/** 'unknown': the list is of another epoch than the entry, or older, or no list at all. A fresh copy may know more. */
export type Judgement = 'good' | 'covered' | 'unknown'

// The text: `SKB1 epoch.counter base headBytes allBytes markTime markCounter`, then a line for every prefix and pattern, then
// `# from from … to`: where each bucket of tags begins, after the head; all in the head. The buckets have a line for every
// tag. A line is `kind argument counter`. Most entries are judged by the first line, and by one bucket for each of their tags.
const MAGIC = 'SKB1 '

/** No first line is longer. */
const FIRST_LINE_BYTES = 128

const OFFSET_DIGITS = 6

/** Tags in a bucket, about. */
const BUCKET_TAGS = 16

/** The clock of a list: what an entry carries whose render begins while the list is at this point. */
export function clockOf(list: BanList): string {
  return list.epoch + '.' + list.counter
}

/**
 * Whether an entry may be served, by the list, the entry's clock and tags, and `page`, its canonical
 * `scheme://host/target`, which is asked for only when there is a prefix or a pattern to compare it with.
 */
export function judgeByBans(list: ListText, clock: string, tags: string[], page: () => string): Judgement {
  const start = list.slice(0, FIRST_LINE_BYTES)
  // Nothing was purged since: most entries, most of the time.
  if (clock !== '' && start.startsWith(MAGIC + clock + ' ')) return 'good'

  const dot = clock.indexOf('.')
  const counter = dot < 1 ? NaN : Number(clock.slice(dot + 1))
  if (!(counter >= 0)) return 'covered'
  const first = start.slice(0, start.indexOf('\n')).split(' ')
  // Cut short it would lack bans.
  if (!start.startsWith(MAGIC + clock.slice(0, dot + 1)) || Number(first[4]) !== list.length) return 'unknown'
  if (!(Number((first[1] as string).slice(dot + 1)) >= counter)) return 'unknown'
  // Not `>` and no else, here and below: what is no number must not let an entry pass.
  if (!(Number(first[2]) <= counter)) return 'covered'

  const headBytes = Number(first[3])
  const head = headBytes <= FIRST_LINE_BYTES ? start.slice(0, headBytes) : list.slice(0, headBytes)
  const lines = head.split('\n')
  const last = lines.length - 2
  if (last < 1) return 'unknown'
  for (let i = 1; i < last; i++) {
    const words = (lines[i] as string).split(' ')
    if (!(Number(words[2]) <= counter) && matches(words[0] as string, words[1] as string, page())) return 'covered'
  }
  const offsets = (lines[last] as string).split(' ')
  if (offsets[0] !== '#') return 'unknown'
  for (let i = 0; i < tags.length; i++) {
    const bucket = bucketOf(tags[i] as string, offsets.length - 2)
    const text = '\n' + list.slice(headBytes + Number(offsets[bucket + 1]), headBytes + Number(offsets[bucket + 2]))
    const line = '\nt ' + (tags[i] as string) + ' '
    const found = text.indexOf(line)
    if (found >= 0 && !(Number(text.slice(found + line.length, text.indexOf('\n', found + line.length))) <= counter)) return 'covered'
  }
  return 'good'
}

function matches(kind: string, argument: string, page: string): boolean {
  if (kind === 'p') return page.startsWith(argument)
  try {
    // Compiled here and not before: only for entries that are older than the ban. A writer lets nothing into the list
    // that could stall an engine.
    return new RegExp('^(?:' + argument + ')', kind === 'i' ? 'i' : '').test(page.slice(page.indexOf('/', page.indexOf('://') + 3)))
  } catch (e) {
    return true
  }
}

function bucketOf(tag: string, buckets: number): number {
  if (buckets === 1) return 0
  let hash = 0
  for (let i = 0; i < tag.length; i++) hash = (Math.imul(hash, 31) + tag.charCodeAt(i)) >>> 0
  return hash % buckets
}

/** The inverse of parseBanList. Throws a TypeError for an argument that a line cannot hold. */
export function formatBanList(list: BanList): string {
  let compared = ''
  let tags = 0
  for (let i = 0; i < list.bans.length; i++) {
    const ban = list.bans[i] as Ban
    if (!/^[!-~]+$/.test(ban.argument)) throw new TypeError('expected printable characters without spaces, got ' + JSON.stringify(ban.argument))
    if (ban.kind === 't') tags++
    else compared += lineOf(ban)
  }
  const buckets: string[] = []
  while (buckets.length * BUCKET_TAGS < tags || buckets.length < 1) buckets.push('')
  for (let i = 0; i < list.bans.length; i++) {
    const ban = list.bans[i] as Ban
    if (ban.kind === 't') buckets[bucketOf(ban.argument, buckets.length)] += lineOf(ban)
  }
  let offsets = '#'
  let end = 0
  for (let i = 0; i <= buckets.length; i++) {
    offsets += ' ' + pad(end)
    end += i < buckets.length ? (buckets[i] as string).length : 0
  }
  const before = MAGIC + clockOf(list) + ' ' + list.base + ' '
  const after = ' ' + list.markTime + ' ' + list.markCounter + '\n' + compared + offsets + '\n'
  const headBytes = before.length + 2 * OFFSET_DIGITS + 1 + after.length
  return before + pad(headBytes) + ' ' + pad(headBytes + end) + after + buckets.join('')
}

function lineOf(ban: Ban): string {
  return ban.kind + ' ' + ban.argument + ' ' + ban.counter + '\n'
}

function pad(offset: number): string {
  return String(offset).padStart(OFFSET_DIGITS, '0')
}

const FIRST_LINE =
  /^SKB1 ([A-Za-z0-9_-]{1,32})\.(0|[1-9][0-9]{0,14}) (0|[1-9][0-9]{0,14}) [0-9]{6} [0-9]{6} (0|[1-9][0-9]{0,9}) (0|[1-9][0-9]{0,14})$/
const LINE = /^([tpri]) ([!-~]+) ([1-9][0-9]{0,14})$/

/** The list, or null when any part of it is not what a writer writes. */
export function parseBanList(text: string): BanList | null {
  const lines = text.split('\n')
  const first = FIRST_LINE.exec(lines[0] as string)
  if (first === null) return null
  const bans: Ban[] = []
  for (let i = 1; i < lines.length - 1; i++) {
    if ((lines[i] as string).startsWith('# ')) continue
    const line = LINE.exec(lines[i] as string)
    if (line === null) return null
    bans.push({ kind: line[1] as Ban['kind'], argument: line[2] as string, counter: Number(line[3]) })
  }
  const list: BanList = { epoch: first[1] as string, counter: Number(first[2]), base: Number(first[3]), markTime: Number(first[4]), markCounter: Number(first[5]), bans: bans }
  // Its lengths and offsets, and the order of its lines.
  return formatBanList(list) === text ? list : null
}
