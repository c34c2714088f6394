// What the functions that work on an entry make of a vector; in the njs subset, like to_request.ts.

import { isNotModified, isSameForRange, type Validators } from '../../njs/core/condition.js'
import { parseHttpDate } from '../../njs/core/http_date.js'
import type { Sha256Hex } from '../../njs/core/key.js'
import { selectRange } from '../../njs/core/range.js'
import { parseRequestDirectives, satisfies } from '../../njs/core/request_directives.js'
import { parseMarker, variantKey } from '../../njs/core/vary.js'

/** 2024-01-02 00:00:00 UTC: the moment at which all of them are asked. */
export const NOW = 1704153600

export type HttpInput =
  | { notModified: { ifNoneMatch?: string; ifModifiedSince?: string }; stored: Partial<Validators> }
  | { sameForRange: string; stored: Partial<Validators> }
  | { date: string }
  | { range: string; bytes: number }
  | { marker: string }
  | { varies: string[]; values: Record<string, string>; key?: string; token?: string }
  | { asks: string; pragma?: string; age?: number; ttl?: number; mayBeStale?: boolean }

/** As text, because the engines print objects differently. */
export function resultOf(input: HttpInput, sha256Hex: Sha256Hex): string {
  if ('date' in input) return String(parseHttpDate(input.date, NOW))
  if ('range' in input) {
    const part = selectRange(input.range, input.bytes)
    return part.status === 206 ? '206 ' + part.first + '-' + part.last : String(part.status)
  }
  if ('marker' in input) {
    const marker = parseMarker(input.marker)
    return marker === null ? 'none' : marker.fields.join(',') + ' ' + marker.digests.length
  }
  if ('varies' in input) {
    const values = input.values
    return variantKey(input.key || 'k', input.token || '', input.varies, (name) => (values[name] === undefined ? null : (values[name] as string)), sha256Hex)
  }
  if ('asks' in input) {
    const asked = parseRequestDirectives(input.asks, input.pragma || '')
    return satisfies(asked, input.age || 0, input.ttl === undefined ? 60 : input.ttl, input.mayBeStale !== false) ? 'yes' : 'no'
  }
  const stored: Validators = {
    etag: input.stored.etag || '',
    lastModified: input.stored.lastModified || '',
    date: input.stored.date || '',
    receivedAt: input.stored.receivedAt || NOW
  }
  if ('sameForRange' in input) return isSameForRange(input.sameForRange, stored, NOW) ? 'yes' : 'no'
  return isNotModified(input.notModified.ifNoneMatch || '', input.notModified.ifModifiedSince || '', stored, NOW) ? 'yes' : 'no'
}
