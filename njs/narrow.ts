// A client may have the page already, or want a part of it: the answer is then less than the whole entry.

import { isNotModified, isSameForRange } from './core/condition.js'
import type { Validators } from './core/condition.js'
import type { EntryHead } from './core/entry.js'
import { selectRange } from './core/range.js'

// RFC 9110 §15.4.5: what a 304 repeats. The rest describes a body that is not there.
const IN_304 = /^(?:.*cache-control|content-location|date|etag|expires|vary)$/i

/**
 * '' when it has answered; else the location that streams a body of its own: with native ranges when the request is for
 * one that is there, and otherwise without. `body` is null when it is not in the entry.
 */
export default function narrow(r: NginxHTTPRequest, head: EntryHead, now: number, body: Buffer | null): string {
  const whole = '@samekey_body'
  // RFC 9110 §13.2.1, §14.2: conditions and ranges are about a 200.
  if (head.status !== 200) return whole
  const stored: Validators = { etag: valueOf(head, 'etag'), lastModified: valueOf(head, 'last-modified'), date: valueOf(head, 'date'), receivedAt: head.storedAt }
  const asked = r.headersIn

  if (isNotModified(asked['If-None-Match'] || '', asked['If-Modified-Since'] || '', stored, now)) {
    const kept = head.headers.filter((field) => IN_304.test(field[0]) || (stored.etag === '' && field[0].toLowerCase() === 'last-modified'))
    setHeaders(r, head, kept, now)
    // Not return(304), which says Content-Length: 0.
    r.status = 304
    r.sendHeader()
    r.finish()
    return ''
  }

  const range = asked['Range'] || ''
  if (range === '' || r.method !== 'GET' || !mayCut(r, head)) return whole
  const ifRange = asked['If-Range'] || ''
  // Nginx's range filter does not know the entity tag: with an If-Range it always sends the whole.
  if (!isSameForRange(ifRange, stored, now) || (body === null && ifRange !== '')) return whole
  const part = selectRange(range, head.bodyBytes)
  if (part.status === 200) return whole
  if (part.status === 416) {
    r.headersOut['Content-Range'] = 'bytes */' + head.bodyBytes
    r.headersOut['Content-Type'] = 'text/plain'
    r.return(416, 'no such range\n')
    return ''
  }
  if (body === null) return '@samekey_range'
  setHeaders(r, head, head.headers, now)
  r.headersOut['Content-Range'] = 'bytes ' + part.first + '-' + part.last + '/' + head.bodyBytes
  r.return(206, body.slice(part.first, part.last + 1))
  return ''
}

/** A part of a compressed body is of use only to who gets it as it is: Nginx would try to inflate it for the others. */
function mayCut(r: NginxHTTPRequest, head: EntryHead): boolean {
  if (valueOf(head, 'content-encoding') === '') return true
  // Stricter than Nginx's own look at it: whatever this takes, that takes.
  return r.httpVersion !== '1.0' && /(?:^|[, ])gzip(?:[, ]|$)/.test(r.headersIn['Accept-Encoding'] || '')
}

function valueOf(head: EntryHead, name: string): string {
  for (let i = 0; i < head.headers.length; i++) {
    const field = head.headers[i] as [string, string]
    if (field[0].toLowerCase() === name) return field[1]
  }
  return ''
}

// Before 0.8 a Date or Server that is set comes in addition to the one that Nginx writes, so Nginx's own stay alone.
const HAS_OWN_DATE = njs.version_number < 0x000800

function setHeaders(r: NginxHTTPRequest, head: EntryHead, fields: [string, string][], now: number): void {
  const out = r.headersOut as Record<string, string | string[]>
  out['Accept-Ranges'] = 'bytes'
  for (let i = 0; i < fields.length; i++) {
    const name = (fields[i] as [string, string])[0]
    if (HAS_OWN_DATE && /^(?:date|server)$/i.test(name)) continue
    const values = [(fields[i] as [string, string])[1]]
    // A writer puts repeated fields next to each other.
    while (i + 1 < fields.length && (fields[i + 1] as [string, string])[0] === name) values.push((fields[++i] as [string, string])[1])
    out[name] = values.length === 1 ? (values[0] as string) : values
  }
  // RFC 9111 §4.2.3
  out['Age'] = String(head.initialAge + Math.max(now - head.storedAt, 0))
}
