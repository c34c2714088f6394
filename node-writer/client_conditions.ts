// What a client has of a page already is between it and the cache: the app is asked for the whole page, and the client's
// conditions are applied to its answer (RFC 9111 §4.3.2). If-Match and If-Unmodified-Since are for the app.

import type { IncomingMessage } from 'node:http'
import { isNotModified, isSameForRange } from '../njs/core/condition.js'
import { selectRange } from '../njs/core/range.js'
import type { Fields, ResponseHead } from './http/fields.js'
import { joinFields } from './http/fields.js'
import type { Answer } from './replace_response.js'
import { removeFields } from './request_fields.js'

/** '' for a field that the client did not send. */
export interface ClientConditions {
  ifNoneMatch: string
  ifModifiedSince: string
  range: string
  ifRange: string
}

export const UNCONDITIONAL: ClientConditions = { ifNoneMatch: '', ifModifiedSince: '', range: '', ifRange: '' }

const TAKEN = ['if-none-match', 'if-modified-since', 'range', 'if-range'] as const

/** RFC 9110 §13.1.1, §13.1.4: only the app can tell whether these hold, and they are evaluated before all others. */
export function hasPrecondition(req: IncomingMessage): boolean {
  return req.headers['if-match'] !== undefined || req.headers['if-unmodified-since'] !== undefined
}

/** Takes them from what the app is shown. RFC 9110 §14.2: a range may be answered with the whole. */
export function takeConditions(req: IncomingMessage): ClientConditions {
  const { 'if-none-match': ifNoneMatch = '', 'if-modified-since': ifModifiedSince = '', range = '' } = req.headers
  const ifRange = String(req.headers['if-range'] ?? '')
  if (TAKEN.some((name) => name in req.headers)) removeFields(req, TAKEN)
  return { ifNoneMatch, ifModifiedSince, range, ifRange }
}

/** Whether the client may get less than the whole page. */
export function isSelective({ ifNoneMatch, ifModifiedSince, range }: ClientConditions): boolean {
  return ifNoneMatch !== '' || ifModifiedSince !== '' || range !== ''
}

/**
 * Whether to wait for the app's whole answer, at most `maxBytes`, and send the client the part of it that it asked for. Media
 * players take the whole for a server that knows no ranges.
 */
export function mayCut({ range }: ClientConditions, { status, headers }: ResponseHead, maxBytes: number): boolean {
  if (status !== 200 || range === '') return false
  const { 'content-encoding': coding, 'content-length': length = '' } = joinFields(headers)
  return coding === undefined && /^[0-9]+$/.test(length) && Number(length) <= maxBytes
}

/** The header of the 304 that this response becomes for the client (RFC 9110 §15.4.5); null when it must be sent as it is. */
export function notModifiedFields(client: ClientConditions, status: number, fields: Fields, now: number): Fields | null {
  if (status !== 200 || (client.ifNoneMatch === '' && client.ifModifiedSince === '')) return null
  const { etag = '', 'last-modified': lastModified = '', date = '' } = joinFields(fields)
  // A page that says neither is compared by nothing: that the client asked later than it was rendered proves nothing.
  if (etag === '' && lastModified === '' && client.ifNoneMatch === '') return null
  if (!isNotModified(client.ifNoneMatch, client.ifModifiedSince, { etag, lastModified, date, receivedAt: now }, now)) return null
  return fields.filter(([name]) => !ABOUT_CONTENT.test(name) && (etag === '' || name.toLowerCase() !== 'last-modified'))
}

/** It would describe content that is not there. */
const ABOUT_CONTENT = /^(?:content-(?:encoding|language|length|range|type)|accept-ranges|trailer|transfer-encoding)$/i

/**
 * The part of a whole response that the client asked for, or that it is not there (RFC 9110 §15.3.7, §15.5.17); null when
 * it must be sent as it is. The Range of a compressed one is ignored: Nginx inflates it for clients that cannot.
 */
export function partialAnswer(client: ClientConditions, { status, headers, body }: Answer, now: number): Answer | null {
  if (status !== 200 || client.range === '') return null
  const { etag = '', 'last-modified': lastModified = '', date = '', 'content-encoding': coding = '' } = joinFields(headers)
  if (coding !== '' || !isSameForRange(client.ifRange, { etag, lastModified, date, receivedAt: now }, now)) return null
  const part = selectRange(client.range, body.length)
  if (part.status === 200) return null
  const range = (bytes: string): [string, string] => ['Content-Range', `bytes ${bytes}/${body.length}`]
  if (part.status === 416) return { status: 416, headers: [range('*'), ['Content-Type', 'text/plain']], body: Buffer.from('no such range\n') }
  return { status: 206, headers: [...headers, range(`${part.first}-${part.last}`)], body: body.subarray(part.first, part.last + 1) }
}
