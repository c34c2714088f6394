// Where an entry belongs that varies on fields which the key does not cover (RFC 9111 §4.1): under a second key, and
// under the page's own key a marker that leads there. A purge deletes the marker: an entry that no marker names is not
// found, also when it is still there and a later marker names the same fields. njs/core/vary.ts has both forms.

import { digestOf, formatMarker, variantKey } from '../njs/core/vary.js'
import { sha256Hex } from './key.js'
import type { Store } from './store.js'
import { type FieldOf, readMarker } from './stored_page.js'

/** More forms of one page than these push out the one that was marked first. */
const MAX_ENTRIES = 16

/** '' when the request's values cannot be told apart. */
export function secondKey(key: string, fields: string[], field: FieldOf): string {
  return variantKey(key, fields, field, sha256Hex)
}

/** Makes the marker lead to `second` as well; before the entry is written, so that a marker may lead to nothing, never away. */
export async function markSecondKey(store: Store, key: string, fields: string[], second: string, ttlSeconds: number): Promise<void> {
  const marker = await readMarker(store, key)
  // Other fields than before choose now: what the old digests led to is not found any more.
  const known = marker !== null && marker.fields.join() === fields.join() ? marker.digests : []
  const digest = digestOf(second)
  const digests = [...known.filter((each) => each !== digest), digest].slice(-MAX_ENTRIES)
  await store.set(key, Buffer.from(formatMarker({ fields, digests })), { ttlSeconds })
}
