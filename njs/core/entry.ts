// A full entry: status, header and body in one memcached item, or its head in one and its body in another. What is
// read back is untrusted input: whoever can write to memcached chose these bytes, so anything odd is a miss.
// docs/entry-format.md is the normative text.

/** What stands before the body. Times are in seconds since 1970. */
export interface EntryHead {
  /** 200 to 599. */
  status: number
  /** Bytes of the body. */
  bodyBytes: number
  /** When the response was stored. */
  storedAt: number
  /** The response may be served before this time. */
  freshUntil: number
  /** The key of the item that holds the body; '' when it follows the head. */
  bodyKey: string
  /** Names and values in their order, repeated ones included. */
  headers: [string, string][]
}

/** A reader learns the length of the head from this many bytes: `SK1 status headBytes`. */
export const FIXED_BYTES = 13

const MAGIC = 'SK1'
const MAX_HEAD_BYTES = 65536

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

// `status headBytes bodyBytes storedAt freshUntil`: all of fixed width, which leaves the key of the body at a fixed place.
const NUMBERS_START = 4
const NUMBERS_END = 46
const NOT_NUMBERS = /[^0-9 ]/

/** The head, or null when any part of it is not what a writer writes. `itemBytes` is the length of the whole item. */
export function parseHead(text: string, itemBytes: number): EntryHead | null {
  const body = text.slice(0, -1)
  if (text.charAt(text.length - 1) !== '\n' || !text.startsWith(MAGIC + ' ') || FORBIDDEN.test(body)) return null

  const lines = body.split('\n')
  const first = lines[0] as string
  const numbers = first.slice(NUMBERS_START, NUMBERS_END)
  const bodyKey = first.slice(NUMBERS_END + 1)
  if (NOT_NUMBERS.test(numbers) || first.charAt(NUMBERS_END) !== ' ' || !isBodyKey(bodyKey)) return null
  const number = numbers.split(' ')
  if (number.length !== 5 || number.map((digits) => digits.length).join() !== '3,5,10,10,10') return null

  const head: EntryHead = {
    status: Number(number[0]),
    bodyBytes: Number(number[2]),
    storedAt: Number(number[3]),
    freshUntil: Number(number[4]),
    bodyKey: bodyKey === '-' ? '' : bodyKey,
    headers: []
  }
  if (head.status < 200 || head.status > 599) return null
  if (itemBytes !== Number(number[1]) + (bodyKey === '-' ? head.bodyBytes : 0)) return null
  for (let i = 1; i < lines.length; i++) {
    const line = lines[i] as string
    const colon = line.indexOf(': ')
    if (colon < 1) return null
    head.headers.push([line.slice(0, colon), line.slice(colon + 2)])
  }
  return head
}

/** '-' or a memcached key. */
function isBodyKey(text: string): boolean {
  return text === '-' || (text.length >= 2 && text.length <= 250 && !/[^!-~]/.test(text))
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
  const rest =
    ' ' + pad(head.bodyBytes, 10) + ' ' + pad(head.storedAt, 10) + ' ' + pad(head.freshUntil, 10) + ' ' + (head.bodyKey === '' ? '-' : head.bodyKey) + '\n' + fields
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
