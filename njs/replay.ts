// Full mode: an entry becomes a response again. Here is the way of nearly every hit; what is rarer is in files of its
// own, which build.mjs loads when they are first called.
//
// A hit costs what JavaScript does in it, so little is done here: the head stays bytes, and an expression of Nginx's
// own (nginx/head_map.ts) checks it and takes it apart. Small bodies come with their head in one look-up and are
// returned from here; a large one stays outside the VM: memcached_pass streams it, and the head goes into its filter.

import checkBans from './bans.js'
import { isCurrent } from './bans_copy.js'
import { canReturn, FIXED_BYTES, MAX_HEAD_BYTES } from './core/entry.js'
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
    const bytes = reply.status === 200 && variables.samekey_selective === '' ? takeApart(variables, item) : -1
    const ttl = bytes < 0 ? 0 : Number(variables.samekey_fresh_until) - Math.floor(now / 1000)
    if (!(ttl > 0)) return replayAny(r, reply, answer)

    const clock = variables.samekey_clock as string
    // No clock: written before there were any.
    if (clock === '-' || isCurrent(variables, clock, now)) return answer(r, item, bytes, 'hit; ttl=' + ttl, '@samekey_body')
    checkBans(r, clock, variables.samekey_tags as string, '', (good) => {
      if (good) answer(r, item, bytes, 'hit; ttl=' + ttl, '@samekey_body')
      else leave(r, 'stale; detail=purged', false)
    })
  } catch (e) {
    // Whatever fails, fails towards the app.
    r.error('samekey: ' + e)
    leave(r, 'uri-miss; detail=error', false)
  }
}

/** Fills the variables of nginx/head_map.ts. The length of the head, or -1 when any part is not what a writer writes. */
function takeApart(variables: NginxVariables, item: Buffer): number {
  if (item.length < FIXED_BYTES) return -1
  const bytes = Number(item.toString('utf8', 8, FIXED_BYTES))
  if (!(bytes <= MAX_HEAD_BYTES)) return -1
  // Bytes: as a string it would be decoded, and encoded again for Nginx.
  variables.samekey_head = item.slice(0, bytes) as unknown as string
  const bodyKey = variables.samekey_head_body as string
  if (bodyKey === '') return -1
  if (bodyKey !== '-') return item.length === bytes ? bytes : -1
  const bodyBytes = Number(variables.samekey_body_bytes)
  return item.length === bytes + bodyBytes && canReturn(Number(variables.samekey_stored_status), bodyBytes) ? bytes : -1
}

/** `said` is for Cache-Status; `location` streams a body of its own. The head has been taken apart. */
function answer(r: NginxHTTPRequest, item: Buffer, bytes: number, said: string, location: string): void {
  const variables = r.variables
  variables.samekey_said = 'samekey; ' + said
  if (variables.samekey_body_key !== '-') return r.internalRedirect(location)
  const status = Number(variables.samekey_stored_status)
  setFields(r, variables, status)
  r.return(status, item.slice(bytes))
}

/** js_header_filter of the locations that stream a body: memcached_pass has the body, this sets the rest. */
function head(r: NginxHTTPRequest): void {
  const variables = r.variables
  r.status = Number(variables.samekey_stored_status)
  setFields(r, variables, r.status)
}

// Before 0.8 a Date or Server that is set comes in addition to the one that Nginx writes, so Nginx's own stay alone.
const HAS_OWN_DATE = njs.version_number < 0x000800

function setFields(r: NginxHTTPRequest, variables: NginxVariables, status: number): void {
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
  // RFC 9111 §4.2.3: how old it was when it came, and how long it has been here. A clock may have been put back.
  const here = Math.floor(Date.now() / 1000) - Number(variables.samekey_stored_at)
  out['Age'] = String(Number(variables.samekey_initial_age) + (here > 0 ? here : 0))
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
