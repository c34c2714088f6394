// Where an entry belongs that varies on fields which the key does not cover (RFC 9111 §4.1): under a second key, and
// under the page's own key a marker that leads there. A purge deletes the marker, and with its token everything that it
// led to is out of reach: a later marker has another token. njs/core/vary.ts has both forms.

import { digestOf, formatMarker, parseMarker, variantKey } from '../njs/core/vary.js'
import type { ItemOptions } from './invalidation/atomic.js'
import { type Claim, type Claims, newToken } from './invalidation/claim.js'
import { sha256Hex } from './key.js'

/** A field of the request by its lower-case name, repeated ones joined by ', '; null when there is none. */
export type FieldOf = (name: string) => string | null

/** More forms of one page than these push out the one that was marked first. */
const MAX_ENTRIES = 16

/** '' when the request's values cannot be told apart. `token`: the marker's. */
export function secondKey(key: string, token: string, fields: string[], field: FieldOf): string {
  return variantKey(key, token, fields, field, sha256Hex)
}

export interface Form {
  /** Where the entry of this form of the page is to be written before it is marked; '' when it cannot be told. */
  key: string
  /** Makes the marker lead there. False when the page was purged since the claim: then nothing leads there. */
  mark(options: ItemOptions): Promise<boolean>
}

/**
 * A form of the page of the claim. Renders of other forms may have made and changed the marker since the claim: as long
 * as it has the claim's token, nothing was purged.
 */
export function formOf(claims: Claims, claim: Claim, pageKey: string, fields: string[], field: FieldOf): Form {
  const token = claim.token === '' ? newToken() : claim.token
  const key = secondKey(pageKey, token, fields, field)
  const markIn = (present: Buffer): Buffer | null => {
    const marker = parseMarker(present.toString('latin1'))
    // Other fields than before choose now: what the old digests led to is not found any more.
    const known = marker !== null && marker.fields.join() === fields.join() ? marker.digests : []
    if (known.includes(digestOf(key))) return null
    return Buffer.from(formatMarker({ fields, token, digests: [...known, digestOf(key)].slice(-MAX_ENTRIES) }))
  }
  return {
    key,
    mark: (options) => claim.token === ''
      ? claims.store(claim, markIn(claim.found as Buffer) as Buffer, options)
      : claims.change(claim, markIn, options)
  }
}
