// Where a vary marker leads: to the entry for this request's values of the fields that it names.

import crypto from 'crypto'
import { digestOf, parseMarker, variantKey } from './core/vary.js'
import { fieldValue } from './nginx_request.js'

/** '' when the marker is none, or the values cannot be told. */
export default function secondKey(r: NginxHTTPRequest, text: string): string {
  const marker = parseMarker(text)
  if (marker === null) return ''
  const key = variantKey(r.variables.samekey_key as string, marker.fields, (name) => fieldValue(r, name), sha256Hex)
  // What an earlier marker led to may still be there; a purge has taken its name off.
  return key !== '' && marker.digests.indexOf(digestOf(key)) >= 0 ? key : ''
}

function sha256Hex(text: string): string {
  return crypto.createHash('sha256').update(text).digest('hex')
}
