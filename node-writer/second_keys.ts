// Where an entry belongs that varies on fields which the key does not cover (RFC 9111 §4.1): under a second key, and
// under the page's own key a marker that leads there. A purge deletes the marker: an entry that no marker names is not
// found, also when it is still there and a later marker names the same fields. njs/core/vary.ts has both forms.

import { digestOf, formatMarker, parseMarker, variantKey } from '../njs/core/vary.js'
import type { Atomic } from './invalidation/atomic.js'
import { sha256Hex } from './key.js'

/** A field of the request by its lower-case name, repeated ones joined by ', '; null when there is none. */
export type FieldOf = (name: string) => string | null

/** More forms of one page than these push out the one that was marked first. */
const MAX_ENTRIES = 16

/** As many others were quicker: the entry is not found then, and rendered again. */
const MAX_ATTEMPTS = 5

/** '' when the request's values cannot be told apart. */
export function secondKey(key: string, fields: string[], field: FieldOf): string {
  return variantKey(key, fields, field, sha256Hex)
}

/**
 * Makes the marker lead to `second` as well; after that entry has been written, so that it never leads to an older one.
 * By compare-and-swap: a marker that a purge has deleted must not come back with what it led to. False: not marked.
 */
export async function markSecondKey(items: Atomic, key: string, fields: string[], second: string, ttlSeconds: number): Promise<boolean> {
  const digest = digestOf(second)
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const item = await items.get(key)
    const marker = item === null ? null : parseMarker(item.value.toString('latin1'))
    // Other fields than before choose now: what the old digests led to is not found any more.
    const known = marker !== null && marker.fields.join() === fields.join() ? marker.digests : []
    const value = Buffer.from(formatMarker({ fields, digests: [...known.filter((each) => each !== digest), digest].slice(-MAX_ENTRIES) }))
    const written = item === null ? await items.add(key, value, { ttlSeconds }) : await items.replace(item, value, { ttlSeconds })
    if (written !== null) return true
  }
  return false
}
