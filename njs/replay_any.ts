// Every way of a replay but that of replay.ts, in this order: looked up, also where a vary marker or the rule of the
// path leads to, judged by that rule, the ban list and the clock, narrowed by a condition or a range, answered.

import checkBans from './bans.js'
import type { EntryHead } from './core/entry.js'
import { FIXED_BYTES, headBytes, parseHead } from './core/entry.js'
import judge from './judge.js'
import leave from './leave.js'
import narrow from './narrow.js'
import type { Ruled } from './search.js'
import search from './search.js'
import secondKey from './second_key.js'

/** replay.ts has it. */
export type Answer = (r: NginxHTTPRequest, item: Buffer, bytes: number, parts: string[], status: number, now: number, said: string, location: string) => void

interface Search {
  /** '' for the page's own. */
  key: string
  /** Null as long as it is not the rule of the path that leads there. */
  ruled: Ruled | null
  /** What it is called when nothing is there (RFC 9211 §2.2). */
  miss: string
  appAway: boolean
  answer: Answer
}

interface Entry {
  head: EntryHead
  /** Head and body, or the head alone. */
  item: Buffer
  /** Of the head. */
  bytes: number
}

/** `reply` is that of the look-up of $samekey_key; null when the app is away, and nothing has been looked up. */
export default function replayAny(r: NginxHTTPRequest, reply: NginxHTTPRequest | null, answer: Answer): void {
  const own = { key: '', ruled: null, miss: 'uri-miss', appAway: reply === null, answer: answer }
  if (reply === null) lookUp(r, own)
  else read(r, reply, own)
}

function lookUp(r: NginxHTTPRequest, wanted: Search): void {
  if (wanted.key !== '') r.variables.samekey_second_key = wanted.key
  r.subrequest(wanted.key === '' ? '/.samekey/entry' : '/.samekey/second', (reply) => {
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
  const miss = wanted.miss
  const appAway = wanted.appAway
  const item = reply.status === 200 ? (reply.responseBuffer as Buffer) : null
  const start = item === null ? '' : item.slice(0, FIXED_BYTES).toString()
  // A render is under way (docs/invalidation.md), and nothing is stored.
  if (item === null || start.startsWith('SKC1 ')) {
    if (reply.status !== 404 && reply.status !== 200) return leave(r, miss + '; detail=memcached-' + reply.status, appAway)
    return lookElsewhere(r, wanted)
  }
  const bytes = headBytes(start)
  if (bytes < 0 && miss === 'uri-miss' && start.startsWith('SKV2 ')) {
    const second = secondKey(r, wanted.key || (r.variables.samekey_key as string), item.toString())
    const form = { key: second, ruled: wanted.ruled, miss: 'vary-miss', appAway: appAway, answer: wanted.answer }
    return second === '' ? lookElsewhere(r, form) : lookUp(r, form)
  }
  const head = bytes < 0 ? null : parseHead(item.slice(0, bytes).toString(), item.length)
  if (head === null) return leave(r, 'uri-miss; detail=unreadable', appAway)
  const entry = { head: head, item: item, bytes: bytes }
  if (wanted.ruled === null && head.rule === '') return check(r, entry, wanted)
  if (wanted.ruled !== null) return head.rule === wanted.ruled.token ? check(r, entry, wanted) : leave(r, miss, appAway)
  search(r, (ruled) => {
    orLeave(r, wanted, () => {
      if (ruled !== null && ruled.token === head.rule) check(r, entry, wanted)
      else goElsewhere(r, wanted, ruled)
    })
  })
}

/** Nothing of use lies under the page's own key. */
function lookElsewhere(r: NginxHTTPRequest, wanted: Search): void {
  if (wanted.ruled !== null || (r.variables.samekey_forward as string).indexOf('?') < 0) return leave(r, wanted.miss, wanted.appAway)
  search(r, (ruled) => orLeave(r, wanted, () => goElsewhere(r, wanted, ruled)))
}

function goElsewhere(r: NginxHTTPRequest, wanted: Search, ruled: Ruled | null): void {
  if (ruled === null || ruled.target === r.variables.samekey_forward) return leave(r, wanted.miss, wanted.appAway)
  lookUp(r, { key: ruled.key, ruled: ruled, miss: 'uri-miss', appAway: wanted.appAway, answer: wanted.answer })
}

function check(r: NginxHTTPRequest, entry: Entry, wanted: Search): void {
  const head = entry.head
  checkBans(r, head.clock, head.tags.join(','), wanted.ruled === null ? '' : wanted.ruled.target, (good) => {
    orLeave(r, wanted, () => {
      if (good) use(r, entry, wanted)
      else leave(r, 'stale; detail=purged', wanted.appAway)
    })
  })
}

function use(r: NginxHTTPRequest, entry: Entry, wanted: Search): void {
  const head = entry.head
  const item = entry.item
  const bytes = entry.bytes
  const variables = r.variables
  const now = Math.floor(Date.now() / 1000)
  const selective = variables.samekey_selective !== ''
  if (now >= head.freshUntil || selective || wanted.appAway) {
    const why = judge(r, head, now, wanted.appAway)
    if (why !== '') return leave(r, why, wanted.appAway)
  }
  variables.samekey_head = item.slice(0, bytes) as unknown as string
  const text = variables.samekey_parts as string
  if (text === '') return leave(r, 'uri-miss; detail=unreadable', wanted.appAway)
  const said = (wanted.appAway ? 'fwd=stale; detail=app-away' : 'hit') + '; ttl=' + (head.freshUntil - now)
  let location = '@samekey_body'
  if (selective) {
    variables.samekey_said = 'samekey; ' + said
    const next = narrow(r, head, now, head.bodyKey === '' ? item.slice(bytes) : null)
    if (next === '') return
    location = next
  }
  wanted.answer(r, item, bytes, text.split(' '), head.status, now, said, location)
}
