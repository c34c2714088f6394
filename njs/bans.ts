// Nginx's own copy of the ban list: never used for longer than HOLD_MS after the question to memcached was sent, so a
// ban that memcached has acknowledged is obeyed a second later at the latest. docs/invalidation.md.
//
// njs 0.8 and later keep it in a shared dictionary; before, workers share nothing but files, and a small file read anew
// costs less than any subrequest. Either way only the parts that are looked at become strings: of a long list that is
// most of what a look-up costs.

import fs from 'fs'
import type { Judgement, ListText } from './core/bans.js'
import { judgeByBans } from './core/bans.js'

/** Milliseconds. Less than the second that is promised, because a worker's clock and timers are not exact. */
const HOLD_MS = 900

/** Digits of Date.now(): the moment when memcached was asked. */
const TIME_DIGITS = 13

interface Copy {
  asked: number
  list: ListText
}

/**
 * Calls `done(true)` if the ban list says that an entry of this clock and these tags may be served; asks memcached only
 * when the copy is too old or cannot tell. `page` is the canonical scheme://host/target.
 */
export default function checkBans(r: NginxHTTPRequest, clock: string, tags: string[], page: () => string, done: (good: boolean) => void): void {
  const zone = zoneOf()
  const now = Date.now()
  let judgement: Judgement = 'unknown'
  try {
    const copy = zone !== null ? fromZone(zone) : fromFile(r)
    // A clock that was set back makes a copy look younger than new.
    if (copy.asked <= now && now < copy.asked + HOLD_MS) judgement = judgeByBans(copy.list, clock, tags, page)
  } catch (e) {
    // No copy, or not in one piece.
  }
  if (judgement !== 'unknown') return done(judgement === 'good')
  r.subrequest('/.samekey/bans', { method: 'GET' }, (reply) => {
    // Without a list nothing may be served.
    const list = reply.status === 200 ? (reply.responseText as string) : ''
    try {
      if (list !== '') zone !== null ? toZone(zone, now, list) : toFile(r, now, list)
    } catch (e) {
      // It goes on, with a question to memcached for every hit. Said now and then: it is true of every request.
      if (Math.random() < 0.01) r.warn('samekey: the ban list cannot be kept: ' + e)
    }
    done(judgeByBans(list, clock, tags, page) === 'good')
  })
}

// ------------------------------------------------------------------------------------------- a file: njs 0.7

/** Throws when there is none. */
function fromFile(r: NginxHTTPRequest): Copy {
  const bytes = fs.readFileSync(r.variables.samekey_bans_file as string) as Buffer
  return {
    asked: Number(bytes.slice(0, TIME_DIGITS).toString()),
    list: {
      length: bytes.length - TIME_DIGITS,
      slice: (from, to) => bytes.slice(TIME_DIGITS + from, TIME_DIGITS + to).toString()
    }
  }
}

function toFile(r: NginxHTTPRequest, asked: number, list: string): void {
  const path = r.variables.samekey_bans_file as string
  const own = path + '.' + (r.variables.pid as string)
  // Renamed when complete: other workers read it at any moment.
  fs.writeFileSync(own, asked + list)
  fs.renameSync(own, path)
}

// --------------------------------------------------------------------------------- a shared dictionary: njs 0.8

interface Zone {
  get(key: string): unknown
  set(key: string, value: string): unknown
}

/** The zone that samekey.http.conf declares; null before njs 0.8. */
function zoneOf(): Zone | null {
  const shared = (ngx as unknown as { shared?: Record<string, Zone> }).shared
  return (shared && shared.samekey_bans) || null
}

/** Kept in pieces of so many bytes. */
const PIECE = 512

/** Each piece begins with the moment, so that pieces of two copies are never mixed. */
function toZone(zone: Zone, asked: number, list: string): void {
  for (let i = 0; i * PIECE < list.length || i === 0; i++) zone.set('piece' + i, asked + list.slice(i * PIECE, (i + 1) * PIECE))
  zone.set('copy', asked + String(list.length))
}

/** Throws when there is none. */
function fromZone(zone: Zone): Copy {
  const copy = zone.get('copy') as string
  const asked = copy.slice(0, TIME_DIGITS)
  return {
    asked: Number(asked),
    list: {
      length: Number(copy.slice(TIME_DIGITS)),
      slice: (from, to) => {
        let text = ''
        const first = Math.floor(from / PIECE)
        for (let i = first; i * PIECE < to; i++) {
          const piece = zone.get('piece' + i) as string | undefined
          if (piece === undefined) break
          if (!piece.startsWith(asked)) throw new Error('another copy is being written')
          text += piece.slice(TIME_DIGITS)
        }
        return text.slice(from - first * PIECE, to - first * PIECE)
      }
    }
  }
}
