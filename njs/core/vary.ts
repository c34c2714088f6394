// A page whose response varies on fields that the key does not cover is stored once a combination of their values. The
// item under the page's own key is then a marker that names the fields; the entries lie under second keys.
// docs/entry-format.md §4. RFC 9111 §4.1.

import { trim } from './blank.js'
import type { Sha256Hex } from './key.js'

/** What stands under the page's key in place of an entry. */
export interface VaryMarker {
  /** The fields that choose among the entries: lower case, sorted, 1 to MAX_VARY_FIELDS. */
  fields: string[]
  /** Random, and part of the second keys: what another marker led to is never found through this one. */
  token: string
  /** The digests of the entries that a writer knows of, so that a purge finds them. */
  digests: string[]
}

/** A response that varies on more has so many forms that none would be found again. */
export const MAX_VARY_FIELDS = 4

/** Digests that a marker can hold; a writer's own limit must not be above it. */
export const MAX_VARY_ENTRIES = 64

const MAGIC = 'SKV2 '
const SUFFIX = '#v:'
const DIGEST_LENGTH = 32
const FIELDS = /^[a-z0-9!#$%&'*+.^_`|~-]{1,64}(?:,[a-z0-9!#$%&'*+.^_`|~-]{1,64}){0,3}$/
const TOKEN = /^[A-Za-z0-9_-]{12}$/
const DIGEST = /^[0-9a-f]{32}$/

/** Whether an item begins like a marker; parseMarker tells whether it is one. */
export function isMarker(start: string): boolean {
  return start.startsWith(MAGIC)
}

/** Null when any part is not what a writer writes. */
export function parseMarker(text: string): VaryMarker | null {
  const lines = text.split('\n')
  const first = lines[0] as string
  if (!isMarker(text) || lines[lines.length - 1] !== '' || lines.length > MAX_VARY_ENTRIES + 2) return null
  const words = first.split(' ')
  if (words.length !== 3 || !FIELDS.test(words[1] as string) || !TOKEN.test(words[2] as string)) return null
  const fields = (words[1] as string).split(',')
  for (let i = 1; i < fields.length; i++) {
    if ((fields[i - 1] as string) >= (fields[i] as string)) return null
  }
  const digests = lines.slice(1, -1)
  for (let i = 0; i < digests.length; i++) {
    if (!DIGEST.test(digests[i] as string)) return null
  }
  return { fields: fields, token: words[2] as string, digests: digests }
}

/** What parseMarker reads back. Throws when there are too many fields or digests, or one of them is malformed. */
export function formatMarker(marker: VaryMarker): string {
  const fields = marker.fields.slice().sort()
  const text = MAGIC + fields.join(',') + ' ' + marker.token + '\n' + marker.digests.map((digest) => digest + '\n').join('')
  if (parseMarker(text) === null) throw new RangeError('no vary marker: ' + JSON.stringify(marker))
  return text
}

/**
 * The key of the entry for a request's values; '' when a value has characters that the engines read differently: then
 * nothing is stored or found. `field` gives a field by its lower-case name, repeated ones joined by ', ', and null when
 * there is none, which is another thing than an empty one. `token` is the marker's.
 */
export function variantKey(key: string, token: string, fields: string[], field: (name: string) => string | null, sha256Hex: Sha256Hex): string {
  let text = ''
  for (let i = 0; i < fields.length; i++) {
    const name = fields[i] as string
    const value = field(name)
    if (value !== null && NOT_PRINTABLE.test(value)) return ''
    text += name + (value === null ? '' : ':' + normaliseValue(name, value)) + '\n'
  }
  return variantKeyOf(key, token, sha256Hex(text).slice(0, DIGEST_LENGTH))
}

/** The key of an entry that a marker names by its digest. */
export function variantKeyOf(key: string, token: string, digest: string): string {
  return key + SUFFIX + token + digest
}

/** The digest in a key that variantKey made. */
export function digestOf(variantKey: string): string {
  return variantKey.slice(-DIGEST_LENGTH)
}

const NOT_PRINTABLE = /[^\t -~]/

// RFC 9110 §12.5: weighted lists, whose elements have parameters.
const NEGOTIATED = /^accept(?:-|$)/
// RFC 9110 §12.5.2, §12.5.4: charsets and language ranges have no case.
const WITHOUT_CASE = /^accept-(?:charset|language)$/

/**
 * RFC 9111 §4.1: what cannot change a field's meaning must not split its pages: blanks around it and around the commas
 * of a list. A value with a quote is left alone, since a comma may stand inside a quoted string.
 */
function normaliseValue(name: string, value: string): string {
  const text = value.indexOf('"') >= 0 ? value : splitTrimmed(value, ',', NEGOTIATED.test(name))
  const trimmed = trim(text)
  return WITHOUT_CASE.test(name) ? trimmed.toLowerCase() : trimmed
}

function splitTrimmed(value: string, separator: string, again: boolean): string {
  const parts = value.split(separator)
  for (let i = 0; i < parts.length; i++) parts[i] = again ? splitTrimmed(parts[i] as string, ';', false) : trim(parts[i] as string)
  return parts.join(separator)
}
