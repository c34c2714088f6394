// Full mode: an entry becomes a response again. Here is the way of nearly every hit; what is rarer is in files of its
// own, which build.mjs loads when they are first called.
//
// A hit costs what JavaScript does in it, so little is done here: the head stays bytes, and an expression of Nginx's
// own (nginx/head_map.ts) checks it and takes it apart. Small bodies come with their head in one look-up and are
// returned from here; a large one stays outside the VM: memcached_pass streams it, and the head goes into its filter.

import checkBans from './bans.js'
import { isCurrent } from './bans_copy.js'
import { canReturn, MAX_HEAD_BYTES } from './core/entry.js'
import leave from './leave.js'
import replayAny from './replay_any.js'

/** js_content of the page location: asks memcached for the entry of $samekey_key. */
function replay(r: NginxHTTPRequest): void {
  // The callback form: a promise would cost about 10 us a request.
  r.subrequest('/.samekey/entry', replayReply)
}

/** js_content of @samekey_rescue, where the request comes when the app cannot be reached (RFC 5861 §4). */
function rescue(r: NginxHTTPRequest): void {
  replayAny(r, null, answer)
}

function replayReply(reply: NginxHTTPRequest): void {
  const r = reply.parent as NginxHTTPRequest
  try {
    const variables = r.variables
    const item = reply.responseBuffer as Buffer
    const now = Date.now()
    const seconds = Math.floor(now / 1000)
    // `status headBytes bodyBytes storedAt initialAge freshUntil`, if it is an entry: each at its place, as docs/entry-format.md has it.
    const numbers = reply.status === 200 && item.length > NUMBERS_END ? item.toString('utf8', NUMBERS_START, NUMBERS_END) : ''
    const status = +numbers.slice(0, 3)
    const bytes = +numbers.slice(4, 9)
    const ttl = +numbers.slice(43) - seconds
    if (!(ttl > 0) || variables.samekey_selective !== '' || !isHead(variables, item, bytes, status, +numbers.slice(10, 20))) return replayAny(r, reply, answer)

    const age = +numbers.slice(32, 42) + Math.max(seconds - +numbers.slice(21, 31), 0)
    const clock = variables.samekey_clock as string
    if (isCurrent(variables, clock, now)) return answer(r, item, bytes, status, age, 'hit; ttl=' + ttl, '@samekey_body')
    // What was stored by a rule of its path is good only with that.
    if (clock.indexOf(';') >= 0) return replayAny(r, reply, answer)
    checkBans(r, clock, variables.samekey_tags as string, '', (good) => {
      if (good) answer(r, item, bytes, status, age, 'hit; ttl=' + ttl, '@samekey_body')
      else leave(r, 'stale; detail=purged', false)
    })
  } catch (e) {
    // Whatever fails, fails towards the app.
    r.error('samekey: ' + e)
    leave(r, 'uri-miss; detail=error', false)
  }
}

/** Bytes of an entry. */
const NUMBERS_START = 4
const NUMBERS_END = 57

/** Fills the variables of nginx/head_map.ts; false when any part is not what a writer writes. */
function isHead(variables: NginxVariables, item: Buffer, bytes: number, status: number, bodyBytes: number): boolean {
  if (!(bytes <= MAX_HEAD_BYTES)) return false
  // Bytes: as a string it would be decoded, and encoded again for Nginx.
  variables.samekey_head = item.slice(0, bytes) as unknown as string
  const bodyKey = variables.samekey_head_body
  if (bodyKey === '-') return item.length === bytes + bodyBytes && canReturn(status, bodyBytes)
  return bodyKey !== '' && item.length === bytes
}

/**
 * The head has gone through isHead, and `bytes` is its length; `age` is in seconds. `said` is for Cache-Status; `location`
 * streams a body of its own.
 */
function answer(r: NginxHTTPRequest, item: Buffer, bytes: number, status: number, age: number, said: string, location: string): void {
  const variables = r.variables
  variables.samekey_said = 'samekey; ' + said
  if (item.length === bytes && variables.samekey_body_key !== '-') return r.internalRedirect(location)
  setFields(r, variables, status, age)
  r.return(status, item.slice(bytes))
}

/** js_header_filter of the locations that stream a body: memcached_pass has the body, this sets the rest. */
function head(r: NginxHTTPRequest): void {
  const variables = r.variables
  const here = Math.floor(Date.now() / 1000) - Number(variables.samekey_stored_at)
  r.status = Number(variables.samekey_stored_status)
  setFields(r, variables, r.status, Number(variables.samekey_initial_age) + Math.max(here, 0))
}

// Before 0.8 a Date or Server that is set comes in addition to the one that Nginx writes, so Nginx's own stay alone.
const HAS_OWN_DATE = njs.version_number < 0x000800

/** RFC 9111 §4.2.3: `age` is how old it was when it came, and how long it has been here. A clock may have been put back. */
function setFields(r: NginxHTTPRequest, variables: NginxVariables, status: number, age: number): void {
  const out = r.headersOut as Record<string, string | string[]>
  // RFC 9110 §14.3; a stored one comes after it and counts.
  if (status === 200) out['Accept-Ranges'] = 'bytes'
  let value
  if ((value = variables.samekey_content_type)) out['Content-Type'] = value
  if ((value = variables.samekey_content_encoding)) out['Content-Encoding'] = value
  if ((value = variables.samekey_cache_control)) out['Cache-Control'] = value
  if ((value = variables.samekey_etag)) out['ETag'] = value
  if ((value = variables.samekey_last_modified)) out['Last-Modified'] = value
  if ((value = variables.samekey_vary)) out['Vary'] = value
  if ((value = variables.samekey_link)) out['Link'] = value
  if (!HAS_OWN_DATE && (value = variables.samekey_date)) out['Date'] = value
  if ((value = variables.samekey_more)) setMore(out, value)
  out['Age'] = String(age)
}

/** The lines that have no variable of their own. A writer puts repeated fields next to each other. */
function setMore(out: Record<string, string | string[]>, text: string): void {
  const lines = text.split('\n')
  let i = 0
  while (i < lines.length - 1) {
    const start = (lines[i] as string).slice(0, (lines[i] as string).indexOf(': ') + 2)
    const values = []
    while ((lines[i] as string).startsWith(start)) values.push((lines[i++] as string).slice(start.length))
    const name = start.slice(0, -2)
    if (!HAS_OWN_DATE || !/^(?:date|server)$/i.test(name)) out[name] = values.length === 1 ? (values[0] as string) : values
  }
}

export default { replay, rescue, head }
