// An entity tag for a page that the app gives none, so that whoever has the page already need not get it again. It is of
// the content alone, equal on every machine and weak: gzip and not, GET and HEAD have the same one (RFC 9110 §8.8.3.3).

import { createHash } from 'node:crypto'
import type { Fields } from './http/fields.js'

const OURS = /^W\/"samekey-/

/** RFC 9110 §8.8.3; only for a 200, about which conditions are. `body` as the app sent it. */
export function withMadeEtag(status: number, fields: Fields, body: Buffer): Fields {
  if (status !== 200 || fields.some(([name]) => name.toLowerCase() === 'etag')) return fields
  return [...fields, ['ETag', `W/"samekey-${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`]]
}

/** The app has never seen such a tag, and cannot be asked about it. */
export function isMadeEtag(tag: string): boolean {
  return OURS.test(tag)
}
