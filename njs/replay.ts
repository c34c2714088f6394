// Full mode: an entry becomes a response again, in this order: looked up, judged by the ban list and the clock,
// narrowed by a condition or a range, answered. Small bodies come with their head in one look-up and are returned from here; a large one stays outside the
// VM: its head goes into the header filter and memcached_pass streams it.
//
// The njs engines pay for every function and regex that a request loads, so what few requests need is in files of its
// own, which build.mjs loads when they are first called: bans.ts, judge.ts, narrow.ts, search.ts, second_key.ts.

import policy from 'samekey_policy.js'
import type { EntryHead } from './core/entry.js'
import { FIXED_BYTES, headBytes, parseHead } from './core/entry.js'
import checkBans from './bans.js'
import judge from './judge.js'
import narrow from './narrow.js'
import search from './search.js'
import secondKey from './second_key.js'

/** js_content of the page location: asks memcached for the entry of $samekey_key. */
function replay(r: NginxHTTPRequest): void {
  lookUp(r, { key: '', target: '', miss: 'uri-miss', appAway: false })
}

/** js_content of @samekey_rescue, where the request comes when the app cannot be reached (RFC 5861 §4). */
function rescue(r: NginxHTTPRequest): void {
  lookUp(r, { key: '', target: '', miss: 'uri-miss', appAway: true })
}

// -------------------------------------------------------------------------------------------------------- look up

interface Search {
  /** '' for the page's own. */
  key: string
  /** The canonical target of what lies there; '' for the request's. */
  target: string
  /** What it is called when nothing is there (RFC 9211 §2.2). */
  miss: string
  appAway: boolean
}

function lookUp(r: NginxHTTPRequest, wanted: Search): void {
  if (wanted.key !== '') r.variables.samekey_second_key = wanted.key
  // The callback form: a promise would cost about 10 us a request.
  r.subrequest(wanted.key === '' ? '/.samekey/entry' : '/.samekey/second', { method: 'GET' }, (reply) => {
    orLeave(r, wanted, () => read(r, reply, wanted))
  })
}

/** Whatever fails, fails towards the app. */
function orLeave(r: NginxHTTPRequest, wanted: Search, run: () => void): void {
  try {
    run()
  } catch (e) {
    r.error('samekey: ' + e)
    leave(r, 'uri-miss; detail=error', wanted.appAway)
  }
}

function read(r: NginxHTTPRequest, reply: NginxHTTPRequest, wanted: Search): void {
  const key = wanted.key
  const target = wanted.target
  const miss = wanted.miss
  const appAway = wanted.appAway
  if (reply.status !== 200) {
    if (reply.status !== 404) return leave(r, miss + '; detail=memcached-' + reply.status, appAway)
    if (key !== '' || (r.variables.samekey_forward as string).indexOf('?') < 0) return leave(r, miss, appAway)
    return search(r, (other, itsTarget) => {
      if (other === '') leave(r, miss, appAway)
      else lookUp(r, { key: other, target: itsTarget, miss: miss, appAway: appAway })
    })
  }
  const item = reply.responseBuffer as Buffer
  const start = item.slice(0, FIXED_BYTES).toString()
  const bytes = headBytes(start)
  if (bytes < 0 && miss === 'uri-miss' && start.startsWith('SKV1 ')) {
    const second = secondKey(r, key === '' ? (r.variables.samekey_key as string) : key, item.toString())
    if (second === '') return leave(r, 'vary-miss', appAway)
    return lookUp(r, { key: second, target: target, miss: 'vary-miss', appAway: appAway })
  }
  const text = bytes < 0 ? '' : item.slice(0, bytes).toString()
  const head = parseHead(text, item.length)
  if (head === null) return leave(r, 'uri-miss; detail=unreadable', appAway)
  // No clock: written before there were any.
  if (head.clock === '') return use(r, head, text, item, bytes, appAway)
  checkBans(r, head.clock, head.tags, () => pageOf(r, target), (good) => {
    orLeave(r, wanted, () => {
      if (good) use(r, head, text, item, bytes, appAway)
      else leave(r, 'stale; detail=purged', appAway)
    })
  })
}

/** As the prefixes and patterns of bans have it. */
function pageOf(r: NginxHTTPRequest, target: string): string {
  const scheme = policy.scheme === '' ? r.variables.scheme : policy.scheme
  return scheme + '://' + r.variables.samekey_host + (target === '' ? r.variables.samekey_forward : target)
}

function use(r: NginxHTTPRequest, head: EntryHead, text: string, item: Buffer, bytes: number, appAway: boolean): void {
  const now = Math.floor(Date.now() / 1000)
  const selective = r.variables.samekey_selective !== ''
  if (now >= head.freshUntil || selective || appAway) {
    const why = judge(r, head, now, appAway)
    if (why !== '') return leave(r, why, appAway)
  }
  r.variables.samekey_said = 'samekey; ' + (appAway ? 'fwd=stale; detail=app-away' : 'hit') + '; ttl=' + (head.freshUntil - now)
  answer(r, head, text, item, bytes, now, selective)
}

/** To the app, with the fwd of RFC 9211 §2.2; or, when it is the app that is away, back to the error. */
function leave(r: NginxHTTPRequest, why: string, appAway: boolean): void {
  // The last of several: `404 : 502, 502`.
  if (appAway) return r.return(r.variables.upstream_status?.slice(-3) === '504' ? 504 : 502)
  // RFC 9111 §5.2.1.7. With a text, or error_page would take it for memcached's.
  if (policy.requestDirectives && /(?:^|[, \t])only-if-cached(?:[, \t]|$)/i.test(r.headersIn['Cache-Control'] || '')) {
    r.variables.samekey_said = 'samekey; detail=only-if-cached'
    return r.return(504, 'not cached\n')
  }
  if (why !== 'uri-miss') r.variables.samekey_why = why
  r.internalRedirect('@samekey_miss')
}

// --------------------------------------------------------------------------------------------------------- answer

function answer(r: NginxHTTPRequest, head: EntryHead, text: string, item: Buffer, bytes: number, now: number, selective: boolean): void {
  const inline = head.bodyKey === ''
  let location = '@samekey_body'
  if (selective) {
    const next = narrow(r, head, now, inline ? item.slice(bytes) : null, setHeaders)
    if (next === '') return
    location = next
  }
  if (inline) {
    setHeaders(r, head, head.headers, now)
    return r.return(head.status, item.slice(bytes))
  }
  r.variables.samekey_head = text
  r.variables.samekey_body_key = head.bodyKey
  r.internalRedirect(location)
}

/** js_header_filter of the locations that stream a body: memcached_pass has the body, this sets the rest. */
function head(r: NginxHTTPRequest): void {
  const text = r.variables.samekey_head as string
  const parsed = parseHead(text, Number(text.slice(8, FIXED_BYTES)))
  if (parsed === null) return
  r.status = parsed.status
  setHeaders(r, parsed, parsed.headers, Math.floor(Date.now() / 1000))
}

// Before 0.8 a Date or Server that is set comes in addition to the one that Nginx writes, so Nginx's own stay alone.
const HAS_OWN_DATE = njs.version_number < 0x000800

function setHeaders(r: NginxHTTPRequest, head: EntryHead, fields: [string, string][], now: number): void {
  const out = r.headersOut as Record<string, string | string[]>
  // RFC 9110 §14.3; a stored one comes after it and counts.
  if (head.status === 200) out['Accept-Ranges'] = 'bytes'
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
  // RFC 9111 §4.2.3: how old it was when it came, and how long it has been here. A clock may have been put back.
  out['Age'] = String(head.initialAge + Math.max(now - head.storedAt, 0))
}

function isDateOrServer(name: string): boolean {
  if (name.length !== 4 && name.length !== 6) return false
  const lower = name.toLowerCase()
  return lower === 'date' || lower === 'server'
}

export default { replay, rescue, head }
