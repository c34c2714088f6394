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
  /** The token of the rule that its path has for the query (njs/core/no_vary_search.ts): the entry is good with no other; '' without. */
  rule: string
  /** What a purge by tag finds it by. */
  tags: string[]
  /** Names and values in their order, repeated ones included. */
  headers: [string, string][]
}

/** A reader learns the length of the head from this many bytes: `SK3 status headBytes`. */
export const FIXED_BYTES = 13

const MAGIC = 'SK3'
export const MAX_HEAD_BYTES = 65536

// `SK3 status headBytes bodyBytes storedAt initialAge freshUntil refreshAfter errorAfter bodyKey clock tags`: numbers, the
// last two as seconds after freshUntil, as every byte of them is one of each page that is kept; a memcached key, and two
// words, the clock with `;` and a rule's token behind it; '-' for a word that is not there. One expression for all,
// because on the njs engines every further one costs as much again.
export const FIRST_LINE = /^SK3 [2-5][0-9]{2} [0-9]{5}(?: [0-9]{1,10}){6} [!-~]{1,250} [!-~]+ [!-~]+$/

/** These come first and in this order, where Nginx's own expression finds each (nginx/head_map.ts); what follows costs more. */
export const FIRST_FIELDS = ['Content-Type', 'Content-Encoding', 'Cache-Control', 'ETag', 'Last-Modified', 'Vary', 'Link', 'Date']

// Each further line is `name: value` with a token for a name (RFC 9110 §5.1) and no control character but a tab, and none
// is a field of one connection (§7.6.1), the length, which the replayer knows better, or Set-Cookie, which is somebody's own.
export const FIELD_LINES =
  /^(?:(?!(?:connection|content-length|keep-alive|proxy-(?:authenticate|authorization|connection)|set-cookie|te|trailer|transfer-encoding|upgrade):)[a-z0-9!#$%&'*+.^_`|~-]+: [^\x00-\x08\x0a-\x1f\x7f]*\n)*$/i

/** Bytes of the head, as its first 13 bytes say; -1 when this is no entry. */
export function headBytes(start: string): number {
  if (!start.startsWith(MAGIC + ' ')) return -1
  const bytes = Number(start.slice(8, FIXED_BYTES))
  return bytes > FIXED_BYTES && bytes <= MAX_HEAD_BYTES ? bytes : -1
}

/** The head, or null when any part of it is not what a writer writes. `itemBytes` is the length of the whole item. */
export function parseHead(text: string, itemBytes: number): EntryHead | null {
  const end = text.indexOf('\n')
  if (end < 0 || text.charAt(text.length - 1) !== '\n') return null
  const first = text.slice(0, end)
  if (!FIRST_LINE.test(first) || !FIELD_LINES.test(text.slice(end + 1))) return null

  const words = first.split(' ')
  const bodyBytes = Number(words[3])
  const bodyKey = absent(words[9] as string)
  if (itemBytes !== Number(words[2]) + (bodyKey === '' ? bodyBytes : 0)) return null
  const status = Number(words[1])
  if (bodyKey === '' && !canReturn(status, bodyBytes)) return null

  const freshUntil = Number(words[6])
  const clock = (words[10] as string).split(';')
  const headers: [string, string][] = []
  const lines = text.split('\n')
  for (let i = 1; i < lines.length - 1; i++) {
    const line = lines[i] as string
    const colon = line.indexOf(': ')
    // For PCRE `$` is also before a line feed at the end, so an empty line gets this far.
    if (colon < 1) return null
    headers.push([line.slice(0, colon), line.slice(colon + 2)])
  }
  return {
    status: status,
    bodyBytes: bodyBytes,
    storedAt: Number(words[4]),
    initialAge: Number(words[5]),
    freshUntil: freshUntil,
    refreshUntil: freshUntil + Number(words[7]),
    errorUntil: freshUntil + Number(words[8]),
    bodyKey: bodyKey,
    clock: absent(clock[0] as string),
    rule: clock[1] || '',
    tags: words[11] === '-' ? [] : (words[11] as string).split(','),
    headers: headers
  }
}

/** Whether the body may follow the head. njs takes that of a 3xx for its Location, and Nginx has its own page for an empty error. */
export function canReturn(status: number, bodyBytes: number): boolean {
  return status < 300 || (status >= 400 && bodyBytes > 0)
}

function absent(word: string): string {
  return word === '-' ? '' : word
}

/** Whether an entry can carry this field; what it cannot carry makes the whole entry unreadable. */
export function isReplayable(name: string, value: string): boolean {
  return name !== '' && value.indexOf('\n') < 0 && FIELD_LINES.test(name + ': ' + value + '\n')
}

/**
 * The inverse of parseHead. Values are byte strings: one character a byte (latin1). Fields are brought into the order
 * that readers are quick with, repeated ones next to each other, which changes nothing (RFC 9110 §5.3).
 */
export function formatHead(head: EntryHead): string {
  let fields = ''
  const groups = groupFields(head.headers)
  for (let i = 0; i < groups.length; i++) fields += (groups[i] as [string, string])[0] + ': ' + (groups[i] as [string, string])[1] + '\n'
  const after = (time: number) => Math.max(time - head.freshUntil, 0)
  const numbers = [head.bodyBytes, head.storedAt, head.initialAge, head.freshUntil, after(head.refreshUntil), after(head.errorUntil)]
  const words = ' ' + (head.bodyKey || '-') + ' ' + (head.clock || '-') + (head.rule === '' ? '' : ';' + head.rule) + ' ' + (head.tags.join(',') || '-')
  const rest = ' ' + numbers.join(' ') + words + '\n' + fields
  return MAGIC + ' ' + head.status + ' ' + String(FIXED_BYTES + rest.length).padStart(5, '0') + rest
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
  const ordered: [string, string][] = []
  for (let i = 0; i < FIRST_FIELDS.length; i++) {
    const wanted = (FIRST_FIELDS[i] as string).toLowerCase()
    for (let j = 0; j < grouped.length; j++) {
      if ((grouped[j] as [string, string])[0].toLowerCase() === wanted) ordered.push(grouped[j] as [string, string])
    }
  }
  return ordered.concat(grouped.filter((field) => ordered.indexOf(field) < 0))
}
