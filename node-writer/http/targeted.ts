// RFC 9213: the first field of the target list that is valid and not empty says everything about caching, and
// Cache-Control and Expires say nothing then.

import { type Directive, type Directives, parseCacheControl } from './cache_control.js'
import type { JoinedFields } from './fields.js'
import { type BareItem, parseDictionary } from './structured.js'

/** RFC 9213 §2.2: from the most applicable to the least. */
export const TARGET_LIST = ['samekey-cache-control', 'cdn-cache-control'] as const

export interface CacheDirectives {
  /** The lower-case name of the field that they stand in. */
  field: (typeof TARGET_LIST)[number] | 'cache-control'
  directives: Directives
  /** Whether there is such a field at all. */
  given: boolean
}

export function selectDirectives(fields: JoinedFields): CacheDirectives {
  for (const field of TARGET_LIST) {
    const value = fields[field]
    const directives = value === undefined ? null : parseTargeted(value)
    if (directives !== null) return { field, directives, given: true }
  }
  const value = fields['cache-control']
  return { field: 'cache-control', directives: parseCacheControl(value ?? ''), given: value !== undefined }
}

/** RFC 9213 §2.1: a field that is empty or fails to parse must be ignored; so is one whose values have the wrong types. */
export function parseTargeted(value: string): Directives | null {
  const dictionary = parseDictionary(value)
  if (dictionary === null || dictionary.size === 0) return null
  const directives = new Map<string, Directive>()
  for (const [name, [member]] of dictionary) {
    // RFC 9213 §2.1: parameters on directives are ignored.
    const argument = argumentOf(name, member)
    if (argument === undefined) return null
    directives.set(name, { argument, valid: true })
  }
  return directives
}

const WITH_SECONDS = new Set(['max-age', 's-maxage', 'stale-while-revalidate', 'stale-if-error'])
const WITH_FIELD_NAMES = new Set(['no-cache', 'private'])
const WITHOUT_ARGUMENT = new Set(['immutable', 'must-revalidate', 'must-understand', 'no-store', 'no-transform', 'proxy-revalidate', 'public'])

/**
 * RFC 9213 §2.1: max-age is an Integer, no-store is always true, no-cache is true or a String; values that violate the
 * constraints of the directive (a max-age with a decimal) are not consumed. Undefined: it violates them.
 */
function argumentOf(name: string, value: BareItem | unknown[]): string | null | undefined {
  if (WITH_SECONDS.has(name)) return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? String(value) : undefined
  if (WITH_FIELD_NAMES.has(name) && typeof value === 'string') return value
  if (WITH_FIELD_NAMES.has(name) || WITHOUT_ARGUMENT.has(name)) return value === true ? null : undefined
  // An extension that nobody here knows is ignored, whatever its type.
  return null
}
