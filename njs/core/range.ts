// One range of bytes of a stored 200 (RFC 9110 §14). Several at once are answered with the whole, which is always
// right; so is whatever is no range. Only for GET, for which alone ranges are defined (§14.2).

export interface Selection {
  /** 200: the whole; 206: the bytes from `first` to `last`; 416: none of those asked for is there. */
  status: 200 | 206 | 416
  first: number
  last: number
}

// §14.1.1: the unit has no case. Digits as many as they like: too large a number means the end.
const ONE_RANGE = /^[bB][yY][tT][eE][sS]=[\t ]*(?:([0-9]+)-([0-9]*)|-([0-9]+))[\t ]*$/

/** What a Range field selects of `bytes` bytes. */
export function selectRange(range: string, bytes: number): Selection {
  const whole: Selection = { status: 200, first: 0, last: bytes - 1 }
  const match = range.length > 100 ? null : ONE_RANGE.exec(range)
  if (match === null) return whole

  // In njs a group that took no part is undefined, as in other engines; '' is one that matched nothing.
  if (match[3] !== undefined && match[3] !== '') {
    const count = Number(match[3])
    // §14.1.3: the last `count` bytes, or all there are; none at all cannot be satisfied.
    if (count === 0) return { status: 416, first: 0, last: 0 }
    return bytes === 0 ? whole : { status: 206, first: Math.max(bytes - count, 0), last: bytes - 1 }
  }
  const first = Number(match[1])
  const last = match[2] === undefined || match[2] === '' ? bytes - 1 : Math.min(Number(match[2]), bytes - 1)
  // §14.1.1: a last position before the first makes the range invalid, and an invalid one is ignored.
  if (match[2] !== undefined && match[2] !== '' && Number(match[2]) < first) return whole
  if (first >= bytes) return { status: 416, first: 0, last: 0 }
  return { status: 206, first: first, last: last }
}
