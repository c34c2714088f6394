// Whether a client already has what a stored 200 would tell it. RFC 9110 §13, as RFC 9111 §4.3.2 applies it to caches;
// If-Match and If-Unmodified-Since are for the origin and never evaluated here.

import { isBlank, trim } from './blank.js'
import { parseHttpDate } from './http_date.js'

/** What a stored response can be recognised by; '' for a field that it does not have. Times in seconds since 1970. */
export interface Validators {
  etag: string
  lastModified: string
  date: string
  receivedAt: number
}

/** RFC 9110 §13.2.2: whether the answer to a GET or HEAD with these fields ('' for none) is 304. */
export function isNotModified(ifNoneMatch: string, ifModifiedSince: string, stored: Validators, now: number): boolean {
  // §13.1.3: If-Modified-Since must be ignored when If-None-Match is there.
  if (ifNoneMatch !== '') return matchesAny(ifNoneMatch, stored.etag)
  return ifModifiedSince !== '' && isUnmodifiedSince(ifModifiedSince, stored, now)
}

/** RFC 9110 §13.1.5: whether a Range may be obeyed for a client that has a part of what has this validator. */
export function isSameForRange(ifRange: string, stored: Validators, now: number): boolean {
  if (ifRange === '') return true
  // §8.8.3.2: strong comparison; two weak ones, even if they are spelled alike, name no bytes.
  if (ifRange.charAt(0) === '"') return ifRange === stored.etag
  // §8.8.2.2: a date is strong only when the page cannot have changed twice within its second.
  if (ifRange !== stored.lastModified) return false
  const modified = parseHttpDate(ifRange, now)
  const dated = stored.date === '' ? stored.receivedAt : parseHttpDate(stored.date, now)
  return modified >= 0 && modified < dated
}

/** RFC 9110 §13.1.2: any of the listed entity tags, compared weakly; '*' for whatever is stored. */
function matchesAny(list: string, etag: string): boolean {
  const text = trim(list)
  // A tag that was never quoted is no entity tag; but who sends back just what the app sent means that response.
  if (text === '*' || (etag !== '' && text === etag)) return true
  const opaque = opaqueTag(etag, 0)
  if (opaque === '' || etag.length !== weakPrefix(etag, 0) + opaque.length) return false

  let at = 0
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (isBlank(code) || code === 0x2c /* , */) at++
    else {
      at += weakPrefix(text, at)
      const tag = opaqueTag(text, at)
      // §13.1.2 has no meaning for what is not a list of entity tags, so it matches nothing from there on.
      if (tag === '') return false
      if (tag === opaque) return true
      at += tag.length
    }
  }
  return false
}

/** RFC 9110 §8.8.3: `W/` before the opaque tag; upper case only. */
function weakPrefix(text: string, at: number): number {
  return text.charAt(at) === 'W' && text.charAt(at + 1) === '/' ? 2 : 0
}

/** The quoted text of the tag at `at` or behind its `W/`, with its quotes; '' when there is none. Commas may be in it. */
function opaqueTag(text: string, at: number): string {
  const start = at + weakPrefix(text, at)
  if (text.charAt(start) !== '"') return ''
  const end = text.indexOf('"', start + 1)
  return end < 0 ? '' : text.slice(start, end + 1)
}

/** RFC 9111 §4.3.2: Last-Modified, or else Date, or else when it was received. What is no date is ignored. */
function isUnmodifiedSince(since: string, stored: Validators, now: number): boolean {
  const asked = parseHttpDate(trim(since), now)
  if (asked < 0) return false
  const field = stored.lastModified === '' ? stored.date : stored.lastModified
  const modified = field === '' ? stored.receivedAt : parseHttpDate(field, now)
  return modified >= 0 && modified <= asked
}
