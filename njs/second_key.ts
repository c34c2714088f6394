// Where a vary marker leads: to the entry for this request's values of the fields that it names.

import crypto from 'crypto'
import { digestOf, parseMarker, variantKey } from './core/vary.js'
import { fieldValue } from './nginx_request.js'

/** `key` is where the marker lies. '' when the marker is none, or the values cannot be told. */
export default function secondKey(r: NginxHTTPRequest, key: string, text: string): string {
  const marker = parseMarker(text)
  if (marker === null) return ''
  const second = variantKey(key, marker.token, marker.fields, (name) => fieldValue(r, name), sha256Hex)
  // What an earlier marker led to may still be there; a purge has taken its name off.
  return second !== '' && marker.digests.indexOf(digestOf(second)) >= 0 ? second : ''
}

function sha256Hex(text: string): string {
  return crypto.createHash('sha256').update(text).digest('hex')
}
