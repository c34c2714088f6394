// Every way of a replay but that of replay.ts, in this order: looked up, also where a query rule or a vary marker leads
// to, judged by the ban list and the clock, narrowed by a condition or a range, answered.

import checkBans from './bans.js'
import type { EntryHead } from './core/entry.js'
import { FIXED_BYTES, headBytes, parseHead } from './core/entry.js'
import judge from './judge.js'
import leave from './leave.js'
import narrow from './narrow.js'
import search from './search.js'
import secondKey from './second_key.js'

/** replay.ts has it. */
export type Answer = (r: NginxHTTPRequest, item: Buffer, bytes: number, status: number, age: number, said: string, location: string) => void

interface Search {
  /** '' for the page's own. */
  key: string
  /** The canonical target of what lies there; '' for the request's. */
  target: string
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
  const own = { key: '', target: '', miss: 'uri-miss', appAway: reply === null, answer: answer }
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
  const key = wanted.key
  const target = wanted.target
  const miss = wanted.miss
  const appAway = wanted.appAway
  const answer = wanted.answer
  const item = reply.status === 200 ? (reply.responseBuffer as Buffer) : null
  const start = item === null ? '' : item.slice(0, FIXED_BYTES).toString()
  // A render is under way (docs/invalidation.md), and nothing is stored.
  if (item === null || start.startsWith('SKC1 ')) {
    if (reply.status !== 404 && reply.status !== 200) return leave(r, miss + '; detail=memcached-' + reply.status, appAway)
    if (key !== '' || (r.variables.samekey_forward as string).indexOf('?') < 0) return leave(r, miss, appAway)
    return search(r, (other, itsTarget) => {
      if (other === '') leave(r, miss, appAway)
      else lookUp(r, { key: other, target: itsTarget, miss: miss, appAway: appAway, answer: answer })
    })
  }
  const bytes = headBytes(start)
  if (bytes < 0 && miss === 'uri-miss' && start.startsWith('SKV2 ')) {
    const second = secondKey(r, key === '' ? (r.variables.samekey_key as string) : key, item.toString())
    if (second === '') return leave(r, 'vary-miss', appAway)
    return lookUp(r, { key: second, target: target, miss: 'vary-miss', appAway: appAway, answer: answer })
  }
  const head = bytes < 0 ? null : parseHead(item.slice(0, bytes).toString(), item.length)
  if (head === null) return leave(r, 'uri-miss; detail=unreadable', appAway)
  checkBans(r, head.clock, head.tags.join(','), target, (good) => {
    orLeave(r, wanted, () => {
      if (good) use(r, { head: head, item: item, bytes: bytes }, wanted)
      else leave(r, 'stale; detail=purged', appAway)
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
  if (variables.samekey_head_body === '') return leave(r, 'uri-miss; detail=unreadable', wanted.appAway)
  const said = (wanted.appAway ? 'fwd=stale; detail=app-away' : 'hit') + '; ttl=' + (head.freshUntil - now)
  let location = '@samekey_body'
  if (selective) {
    variables.samekey_said = 'samekey; ' + said
    const next = narrow(r, head, now, head.bodyKey === '' ? item.slice(bytes) : null)
    if (next === '') return
    location = next
  }
  wanted.answer(r, item, bytes, head.status, head.initialAge + Math.max(now - head.storedAt, 0), said, location)
}
