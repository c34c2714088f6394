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

/** Magic and version of the format. */
const MAGIC = 'SK1'

/** `SK1 status headBytes bodyBytes storedAt freshUntil bodyKey`, all but the last of fixed width. */
const FIRST_LINE = /^SK1 ([2-5][0-9]{2}) ([0-9]{5}) ([0-9]{10}) ([0-9]{10}) ([0-9]{10}) (-|[!-~]{1,250})$/

/** A reader learns the length of the head from this many bytes. */
export const FIXED_BYTES = 13

const MAX_HEAD_BYTES = 65536

// RFC 9110 §5.1 token, §5.5 field-value.
const FIELD_NAME = /^[A-Za-z0-9!#$&'*+.^_`|~-]+$/
const FIELD_VALUE_FORBIDDEN = /[\x00-\x08\x0a-\x1f\x7f]/

// RFC 9110 §7.6.1, RFC 9112 §9: fields of one connection; and the length, which the replayer knows better.
const NEVER_REPLAYED = /^(?:connection|keep-alive|proxy-connection|proxy-authenticate|proxy-authorization|te|trailer|transfer-encoding|upgrade|content-length|set-cookie)$/i

export function isReplayable(name: string, value: string): boolean {
  return FIELD_NAME.test(name) && !NEVER_REPLAYED.test(name) && !FIELD_VALUE_FORBIDDEN.test(value)
}

/** Bytes of the head, as written in its first 13 bytes; -1 when this is no entry. */
export function headBytes(start: string): number {
  if (start.length < FIXED_BYTES || !start.startsWith(MAGIC + ' ')) return -1
  const bytes = Number(start.slice(8, 13))
  return bytes > FIXED_BYTES && bytes <= MAX_HEAD_BYTES ? bytes : -1
}

/** The head, or null when any part of it is not what a writer writes. `itemBytes` is the length of the whole item. */
export function parseHead(text: string, itemBytes: number): EntryHead | null {
  const lines = text.split('\n')
  const first = FIRST_LINE.exec(lines[0] as string)
  // The head ends in a line feed, so the last piece is empty.
  if (first === null || lines[lines.length - 1] !== '') return null
  const head: EntryHead = {
    status: Number(first[1]),
    bodyBytes: Number(first[3]),
    storedAt: Number(first[4]),
    freshUntil: Number(first[5]),
    bodyKey: first[6] === '-' ? '' : (first[6] as string),
    headers: []
  }
  if (itemBytes !== Number(first[2]) + (head.bodyKey === '' ? head.bodyBytes : 0)) return null
  for (let i = 1; i < lines.length - 1; i++) {
    const line = lines[i] as string
    const colon = line.indexOf(': ')
    if (colon < 1) return null
    const name = line.slice(0, colon)
    const value = line.slice(colon + 2)
    if (!isReplayable(name, value)) return null
    head.headers.push([name, value])
  }
  return head
}

/** The inverse of parseHead. Values are byte strings: one character a byte (latin1). */
export function formatHead(head: EntryHead): string {
  let fields = ''
  for (let i = 0; i < head.headers.length; i++) {
    const field = head.headers[i] as [string, string]
    fields += field[0] + ': ' + field[1] + '\n'
  }
  const rest =
    ' ' + pad(head.bodyBytes, 10) + ' ' + pad(head.storedAt, 10) + ' ' + pad(head.freshUntil, 10) + ' ' + (head.bodyKey === '' ? '-' : head.bodyKey) + '\n' + fields
  return MAGIC + ' ' + head.status + ' ' + pad(FIXED_BYTES + rest.length, 5) + rest
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0')
}
