// Whether Nginx may serve an entry: its copy of the ban list is never used for longer than HOLD_MS after the question to
// memcached was sent, so a ban that memcached has acknowledged is obeyed a second later at the latest.
// docs/invalidation.md.

import policy from 'samekey_policy.js'
import { keepCopy, readCopy } from './bans_copy.js'
import type { Judgement } from './core/bans.js'
import { judgeByBans } from './core/bans.js'

/**
 * Calls `done(true)` if the ban list says that an entry of this clock may be served; asks memcached only when the copy is
 * too old or cannot tell. `tags` as they stand in the entry; `target` is its canonical target, '' for the request's.
 */
export default function checkBans(r: NginxHTTPRequest, clock: string, tags: string, target: string, done: (good: boolean) => void): void {
  const ofEntry = tags === '' || tags === '-' ? [] : tags.split(',')
  const page = () => pageOf(r, target)
  const now = Date.now()
  let judgement: Judgement = 'unknown'
  try {
    const list = readCopy(r.variables, now)
    if (list !== null) judgement = judgeByBans(list, clock, ofEntry, page)
  } catch (e) {
    // No copy, or not in one piece.
  }
  if (judgement !== 'unknown') return done(judgement === 'good')
  r.subrequest('/.samekey/bans', (reply) => {
    // Without a list nothing may be served.
    const list = reply.status === 200 ? (reply.responseText as string) : ''
    try {
      if (list !== '') keepCopy(r.variables, now, list)
    } catch (e) {
      // It goes on, with a question to memcached for every hit. Said now and then: it is true of every request.
      if (Math.random() < 0.01) r.warn('samekey: the ban list cannot be kept: ' + e)
    }
    done(judgeByBans(list, clock, ofEntry, page) === 'good')
  })
}

/** scheme://host/target, as the prefixes and patterns of bans have it. */
function pageOf(r: NginxHTTPRequest, target: string): string {
  return (policy().scheme || r.variables.scheme) + '://' + r.variables.samekey_host + (target || r.variables.samekey_forward)
}
