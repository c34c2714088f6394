// Full mode: an entry becomes a response again. Here is the way of nearly every hit; what is rarer is in files of its
// own, which build.mjs loads when they are first called.
//
// A hit costs what JavaScript does in it: each property that is looked up, each function that is called. So the head
// stays bytes, and an expression of Nginx's own (nginx/head_map.ts) checks it and takes it apart. Small bodies come with
// their head in one look-up and are returned from here; a large one stays outside the VM: the fields are set here, and
// memcached_pass streams it behind them.

import checkBans from './bans.js'
import { isCurrent } from './bans_copy.js'
import { MAX_HEAD_BYTES } from './core/entry.js'
import leave from './leave.js'
import lost from './lost.js'
import replayAny from './replay_any.js'

/** The words of $samekey_parts, as nginx/head_map.ts has them. */
const enum Part { bodyBytes, storedAt, initialAge, freshUntil, bodyKey, clock }

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
    if (reply.status !== 200) return replayAny(r, reply, answer)
    const variables = r.variables
    const item = reply.responseBuffer as Buffer
    // `SK3 status headBytes`, if it is an entry: the expression has the last word.
    if (item[4] !== ZERO + 2 || item[5] !== ZERO || item[6] !== ZERO) return replayAny(r, reply, answer)
    const bytes = item[8]! * 10000 + item[9]! * 1000 + item[10]! * 100 + item[11]! * 10 + item[12]! - 11111 * ZERO
    // Bytes: as a string it would be decoded, and encoded again for Nginx.
    variables.samekey_head = (bytes === item.length ? item : item.slice(0, bytes)) as unknown as string
    const parts = (variables.samekey_ordinary as string).split(' ')
    const now = Date.now()
    const seconds = (now / 1000) >>> 0
    const ttl = +(parts[Part.freshUntil] as string) - seconds
    const isWhole = parts[Part.bodyKey] === '-'
    const bodyBytes = isWhole ? +(parts[Part.bodyBytes] as string) : 0
    if (!(ttl > 0) || bytes > MAX_HEAD_BYTES || item.length !== bytes + bodyBytes) return replayAny(r, reply, answer)

    const clock = parts[Part.clock] as string
    if (isCurrent(variables, clock, now)) return answer(r, item, bytes, parts, 200, seconds, 'hit; ttl=' + ttl, '@samekey_body')
    // What was stored by a rule of its path is good only with that.
    if (clock.indexOf(';') >= 0) return replayAny(r, reply, answer)
    checkBans(r, clock, variables.samekey_tags as string, '', (good) => {
      if (good) answer(r, item, bytes, parts, 200, seconds, 'hit; ttl=' + ttl, '@samekey_body')
      else leave(r, 'stale; detail=purged', false)
    })
  } catch (e) {
    // Whatever fails, fails towards the app.
    r.error('samekey: ' + e)
    leave(r, 'uri-miss; detail=error', false)
  }
}

/** The byte '0'. */
const ZERO = 48

/**
 * `parts` are the words of $samekey_parts; the head is the first `bytes` of the item, now is in seconds. `said` is for
 * Cache-Status; `location` streams a body of its own.
 */
function answer(r: NginxHTTPRequest, item: Buffer, bytes: number, parts: string[], status: number, now: number, said: string, location: string): void {
  const variables = r.variables
  variables.samekey_said = 'samekey; ' + said
  const isApart = parts[Part.bodyKey] !== '-'
  if (isApart && status !== 200) return r.internalRedirect('@samekey_status')
  setFields(r, variables, status, ageOf(+(parts[Part.initialAge] as string), now - +(parts[Part.storedAt] as string)))
  // A redirect keeps what is set.
  if (isApart) r.internalRedirect(location)
  else r.return(status, item.slice(bytes))
}

/** js_header_filter of @samekey_status. memcached_pass knows only 200, so the head goes on behind Nginx's own filter of conditions. */
function head(r: NginxHTTPRequest): void {
  const variables = r.variables
  const status = +(variables.samekey_stored_status as string)
  r.status = status
  setFields(r, variables, status, ageOf(+(variables.samekey_initial_age as string), ((Date.now() / 1000) >>> 0) - +(variables.samekey_stored_at as string)))
}

/** RFC 9111 §4.2.3: how old it was when it came, and how long it has been here. A clock may have been put back. */
function ageOf(initially: number, here: number): string {
  return '' + (here > 0 ? initially + here : initially)
}

/** Before 0.8 a Date or Server that is set comes in addition to the one that Nginx writes, so Nginx's own stay alone. */
function hasOwnDate(): boolean {
  return njs.version_number < 0x000800
}

function setFields(r: NginxHTTPRequest, variables: NginxVariables, status: number, age: string): void {
  const out = r.headersOut as Record<string, string | string[]>
  let value
  // RFC 9110 §14.3; a stored one comes after it and counts.
  if (status === 200) out['Accept-Ranges'] = 'bytes'
  if ((value = variables.samekey_content_type)) out['Content-Type'] = value
  if ((value = variables.samekey_content_encoding)) out['Content-Encoding'] = value
  if ((value = variables.samekey_cache_control)) out['Cache-Control'] = value
  if ((value = variables.samekey_etag)) out['ETag'] = value
  if ((value = variables.samekey_last_modified)) out['Last-Modified'] = value
  if ((value = variables.samekey_vary)) out['Vary'] = value
  if ((value = variables.samekey_link)) out['Link'] = value
  if ((value = variables.samekey_date) && !hasOwnDate()) out['Date'] = value
  if ((value = variables.samekey_more)) setMore(out, value)
  out['Age'] = age
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
    // Of several Vary, Nginx's own cache in front looks at one before 1.23.
    if (!hasOwnDate() || !/^(?:date|server)$/i.test(name)) out[name] = values.length === 1 || /^vary$/i.test(name) ? values.join(', ') : values
  }
}

export default { replay, rescue, head, lost }
