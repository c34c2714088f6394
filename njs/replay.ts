// Full mode: an entry becomes a response again. Small bodies come with their head in one look-up and are returned
// from here; a large one stays outside the VM: its head goes into the header filter and memcached_pass streams it.

import type { EntryHead } from './core/entry.js'
import { FIXED_BYTES, headBytes, parseHead } from './core/entry.js'

/** js_content of the page location: asks memcached for the entry of $samekey_key. */
function replay(r: NginxHTTPRequest): void {
  // The callback form: a promise would cost about 10 us a request.
  r.subrequest('/.samekey/entry', { method: 'GET' }, (reply) => {
    try {
      answer(r, reply)
    } catch (e) {
      r.error('samekey: ' + e)
      r.internalRedirect('@samekey_miss')
    }
  })
}

function answer(r: NginxHTTPRequest, reply: NginxHTTPRequest): void {
  // 404 is a plain miss, 502 and 504 a memcached that is away; the app answers either way.
  const item = reply.status === 200 ? reply.responseBuffer : undefined
  if (item === undefined) return r.internalRedirect('@samekey_miss')

  const bytes = headBytes(item.slice(0, FIXED_BYTES).toString())
  const text = bytes < 0 ? '' : item.slice(0, bytes).toString()
  const head = parseHead(text, item.length)
  const age = head === null ? 0 : ageOf(head)
  if (head === null || age < 0) return r.internalRedirect('@samekey_miss')

  if (head.bodyKey !== '') {
    r.variables.samekey_head = text
    r.variables.samekey_body_key = head.bodyKey
    return r.internalRedirect('@samekey_body')
  }
  setHeaders(r, head, age)
  r.return(head.status, item.slice(bytes))
}

/** js_header_filter of @samekey_body: memcached_pass has the body, this sets the rest. */
function head(r: NginxHTTPRequest): void {
  const text = r.variables.samekey_head as string
  const parsed = parseHead(text, Number(text.slice(8, FIXED_BYTES)))
  if (parsed === null) return
  r.status = parsed.status
  setHeaders(r, parsed, ageOf(parsed))
}

/** Seconds since the entry was stored (RFC 9111 §4.2.3, resident time); -1 when it is no longer fresh. */
function ageOf(head: EntryHead): number {
  const now = Math.floor(Date.now() / 1000)
  return now < head.freshUntil ? head.initialAge + Math.max(now - head.storedAt, 0) : -1
}

// Before 0.8 a Date or Server that is set comes in addition to the one that Nginx writes, so Nginx's own stay alone.
const HAS_OWN_DATE = njs.version_number < 0x000800

function setHeaders(r: NginxHTTPRequest, head: EntryHead, age: number): void {
  const out = r.headersOut as Record<string, string | string[]>
  const fields = head.headers
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i] as [string, string]
    const name = field[0]
    if (HAS_OWN_DATE && isDateOrServer(name)) continue
    // A writer puts repeated fields next to each other.
    if (i + 1 < fields.length && (fields[i + 1] as [string, string])[0] === name) {
      const values = [field[1]]
      while (i + 1 < fields.length && (fields[i + 1] as [string, string])[0] === name) values.push((fields[++i] as [string, string])[1])
      out[name] = values
    } else out[name] = field[1]
  }
  out['Age'] = String(Math.max(age, 0))
}

function isDateOrServer(name: string): boolean {
  if (name.length !== 4 && name.length !== 6) return false
  const lower = name.toLowerCase()
  return lower === 'date' || lower === 'server'
}

/** js_header_filter of raw mode when the policy's routes have several types: memcached keeps none. */
function type(r: NginxHTTPRequest): void {
  r.headersOut['Content-Type'] = r.variables.samekey_type as string
}

export default { replay, head, type }
