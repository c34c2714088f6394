// A full entry: status, header and body in one memcached item, or its head in one and its body in another. What is
// read back is untrusted input: whoever can write to memcached chose these bytes, so anything odd is a miss.
// docs/entry-format.md is the normative text.

/** What stands before the body. Times are in seconds since 1970. */
export interface EntryHead {
  /** 200 to 599. */
  status: number
  /** Bytes of the body. */
  bodyBytes: number
  /** When the response was received. */
  storedAt: number
  /** Seconds: how old it was then (RFC 9111 §4.2.3, corrected_initial_age). */
  initialAge: number
  /** Fresh before this time. */
  freshUntil: number
  /** Stale, it may be served before this time while it is being revalidated (RFC 5861 §3); freshUntil if it may not. */
  refreshUntil: number
  /** Stale, it may be served before this time when the app fails (RFC 5861 §4); freshUntil if it may not. */
  errorUntil: number
  /** The key of the item that holds the body; '' when it follows the head. */
  bodyKey: string
  /** The logical clock at the start of the render, by which bans know what they cover (docs/invalidation.md); '' without. */
  clock: string
  /** What a purge by tag finds it by. */
  tags: string[]
  /** Names and values in their order, repeated ones included. */
  headers: [string, string][]
}

/** A reader learns the length of the head from this many bytes: `SK2 status headBytes`. */
export const FIXED_BYTES = 13

const MAGIC = 'SK2'
const MAX_HEAD_BYTES = 65536
const MAX_MEMCACHED_KEY_BYTES = 250

// Everything that must not stand in a head, in one expression, because on the njs engines a second costs as much again:
// control characters; a line that is not `name: value` with a token for a name (RFC 9110 §5.1); fields of one connection
// (§7.6.1); the length, which the replayer knows better; and Set-Cookie, which is somebody's own.
const FORBIDDEN =
  /[\x00-\x08\x0b-\x1f\x7f]|\n(?:[A-Za-z0-9!#$&'*+.^_`|~-]*(?:[^A-Za-z0-9!#$&'*+.^_`|~:-]|:[^ ])|:|(?:connection|keep-alive|proxy-connection|proxy-authenticate|proxy-authorization|te|trailer|transfer-encoding|upgrade|content-length|set-cookie):)/i

/** Bytes of the head, as its first 13 bytes say; -1 when this is no entry. */
export function headBytes(start: string): number {
  if (!start.startsWith(MAGIC + ' ')) return -1
  const bytes = Number(start.slice(8, FIXED_BYTES))
  return bytes > FIXED_BYTES && bytes <= MAX_HEAD_BYTES ? bytes : -1
}

// `status headBytes bodyBytes storedAt initialAge freshUntil refreshUntil errorUntil`, all of fixed width, and behind
// them three words: bodyKey, clock and tags, '-' where there is none.
const NUMBERS_START = 4
const NUMBERS_END = 79
const NUMBER_WIDTHS = [3, 5, 10, 10, 10, 10, 10, 10]
const NOT_NUMBERS = /[^0-9 ]/
const NOT_WORDS = /[^!-~ ]/

/** The head, or null when any part of it is not what a writer writes. `itemBytes` is the length of the whole item. */
export function parseHead(text: string, itemBytes: number): EntryHead | null {
  const body = text.slice(0, -1)
  if (text.charAt(text.length - 1) !== '\n' || !text.startsWith(MAGIC + ' ') || FORBIDDEN.test(body)) return null

  const lines = body.split('\n')
  const first = lines[0] as string
  if (NOT_NUMBERS.test(first.slice(NUMBERS_START, NUMBERS_END)) || NOT_WORDS.test(first)) return null
  const words = first.split(' ')
  if (words.length !== NUMBER_WIDTHS.length + 4) return null
  for (let i = 0; i < NUMBER_WIDTHS.length; i++) {
    if ((words[i + 1] as string).length !== NUMBER_WIDTHS[i]) return null
  }
  for (let i = NUMBER_WIDTHS.length + 1; i < words.length; i++) {
    if (words[i] === '') return null
  }

  const head: EntryHead = {
    status: Number(words[1]),
    bodyBytes: Number(words[3]),
    storedAt: Number(words[4]),
    initialAge: Number(words[5]),
    freshUntil: Number(words[6]),
    refreshUntil: Number(words[7]),
    errorUntil: Number(words[8]),
    bodyKey: absent(words[9] as string),
    clock: absent(words[10] as string),
    tags: words[11] === '-' ? [] : (words[11] as string).split(','),
    headers: []
  }
  if (head.status < 200 || head.status > 599 || head.bodyKey.length > MAX_MEMCACHED_KEY_BYTES) return null
  if (itemBytes !== Number(words[2]) + (head.bodyKey === '' ? head.bodyBytes : 0)) return null
  for (let i = 1; i < lines.length; i++) {
    const line = lines[i] as string
    const colon = line.indexOf(': ')
    if (colon < 1) return null
    head.headers.push([line.slice(0, colon), line.slice(colon + 2)])
  }
  return head
}

function absent(word: string): string {
  return word === '-' ? '' : word
}

/** Whether an entry can carry this field; what it cannot carry makes the whole entry unreadable. */
export function isReplayable(name: string, value: string): boolean {
  return name !== '' && value.indexOf('\n') < 0 && !FORBIDDEN.test('\n' + name + ': ' + value)
}

/**
 * The inverse of parseHead. Values are byte strings: one character a byte (latin1). Repeated fields are brought
 * together, which changes nothing (RFC 9110 §5.3) and lets a reader find them by looking at the next line only.
 */
export function formatHead(head: EntryHead): string {
  let fields = ''
  const groups = groupFields(head.headers)
  for (let i = 0; i < groups.length; i++) fields += (groups[i] as [string, string])[0] + ': ' + (groups[i] as [string, string])[1] + '\n'
  const times = [head.bodyBytes, head.storedAt, head.initialAge, head.freshUntil, head.refreshUntil, head.errorUntil]
  const words = [head.bodyKey, head.clock, head.tags.join(',')]
  const rest = times.map((time) => ' ' + pad(time, 10)).join('') + words.map((word) => ' ' + (word === '' ? '-' : word)).join('') + '\n' + fields
  return MAGIC + ' ' + head.status + ' ' + pad(FIXED_BYTES + rest.length, 5) + rest
}

/** Fields of one name, however it is spelled, next to each other and spelled alike. */
function groupFields(headers: [string, string][]): [string, string][] {
  const grouped: [string, string][] = []
  for (let i = 0; i < headers.length; i++) {
    const field = headers[i] as [string, string]
    const name = field[0].toLowerCase()
    let last = grouped.length - 1
    while (last >= 0 && (grouped[last] as [string, string])[0].toLowerCase() !== name) last--
    if (last < 0) grouped.push([field[0], field[1]])
    else grouped.splice(last + 1, 0, [(grouped[last] as [string, string])[0], field[1]])
  }
  return grouped
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0')
}
