// Raw mode keeps the body only. A response that would mean something else without its header is not stored.

import { parse } from 'content-type'
import type { JoinedFields, ResponseHead } from './http/fields.js'

export type RawReason =
  | 'raw-status' // Nginx replays 200 only
  | 'raw-type' // not the Content-Type that the policy's route gives
  | 'raw-header' // a field that would be lost; the detail is its name

/** Fields that Nginx writes itself, that hold for one connection, or that only save work. */
const HARMLESS = new Set([
  // Written by Nginx for every response.
  'date', 'server', 'content-length', 'content-type', 'connection', 'keep-alive', 'transfer-encoding', 'trailer', 'accept-ranges',
  // The gzip flag of the item stands for it.
  'content-encoding',
  // Nginx's own rules say what is stored how long; a browser asks again sooner than it had to.
  'cache-control', 'expires', 'pragma', 'age', 'etag', 'last-modified',
  // Curiosities.
  'x-powered-by', 'x-runtime', 'x-response-time', 'x-request-id', 'server-timing', 'via'
])

export function findRawLoss(head: ResponseHead, headers: JoinedFields, contentType: string): { reason: RawReason; detail: string } | undefined {
  if (head.status !== 200) return { reason: 'raw-status', detail: String(head.status) }
  const type = headers['content-type'] ?? ''
  if (!isSameType(type, contentType)) return { reason: 'raw-type', detail: type }
  const lost = head.headers.find(([name, value]) => !HARMLESS.has(name.toLowerCase()) && !isNginxVary(name, value))
  return lost === undefined ? undefined : { reason: 'raw-header', detail: lost[0] }
}

/** Nginx itself says that a response depends on Accept-Encoding; other dependencies would be lost. */
function isNginxVary(name: string, value: string): boolean {
  return name.toLowerCase() === 'vary' && /^accept-encoding$/i.test(value.trim())
}

/** RFC 9110 §8.3.1: type, subtype and parameter names in any case; so are charsets, the one value that is compared so. */
function isSameType(left: string, right: string): boolean {
  return canonicalType(left) === canonicalType(right)
}

function canonicalType(text: string): string {
  const { type, parameters } = parse(text)
  const pairs = Object.entries(parameters).map(([name, value]) => {
    const lower = name.toLowerCase()
    return `${lower}=${lower === 'charset' ? value.toLowerCase() : value}`
  })
  return [type.toLowerCase(), ...pairs.sort()].join(';')
}
