// A node's own copy of the ban list, and beside it the list's clock, which is all that most hits look at.
//
// njs 0.8 and later keep them in a shared dictionary; before, workers share nothing but files, and a small file read
// anew costs less than any subrequest. Of the list only the parts that are looked at become strings: of a long one that is
// most of what a look-up costs.

import fs from 'fs'
import type { ListText } from './core/bans.js'

/** Milliseconds after memcached was asked. Less than the second that is promised: a worker's clock and timers are not exact. */
const HOLD_MS = 900

/** Digits of Date.now(): the moment when memcached was asked. Every part of a copy begins with it. */
const TIME_DIGITS = 13

/** Whether nothing was purged since an entry of this clock; false also when the copy is too old to tell. */
export function isCurrent(variables: NginxVariables, clock: string, now: number): boolean {
  try {
    const folder = variables.samekey_bans_folder
    const text = (folder ? fs.readFileSync(folder + '/clock', 'utf8') : (zoneOf() as Zone).get('clock')) as string
    if (text.slice(TIME_DIGITS) !== clock) return false
    // As in isYoung: a call of a function is a tenth of this.
    const age = now - +text.slice(0, TIME_DIGITS)
    return age >= 0 && age < HOLD_MS
  } catch (e) {
    // There is none yet.
    return false
  }
}

/** A clock that was set back makes a copy look younger than new. */
function isYoung(text: string, now: number): boolean {
  const age = now - Number(text.slice(0, TIME_DIGITS))
  return age >= 0 && age < HOLD_MS
}

/** Null when it is too old; throws when there is none. */
export function readCopy(variables: NginxVariables, now: number): ListText | null {
  const zone = zoneOf()
  return zone === null ? fromFile(variables, now) : fromZone(zone, now)
}

/** `clock` is that of the list, which may be none; `asked` as Date.now() gives it. */
export function keepCopy(variables: NginxVariables, asked: number, list: string): void {
  const zone = zoneOf()
  const clock = list.slice(0, 100).split(' ')[1] || ''
  if (zone !== null) {
    toZone(zone, asked, list)
    zone.set('clock', asked + clock)
  } else {
    toFile(variables, 'list', asked + list)
    toFile(variables, 'clock', asked + clock)
  }
}

// ------------------------------------------------------------------------------------------- a file: njs 0.7

function fromFile(variables: NginxVariables, now: number): ListText | null {
  const bytes = fs.readFileSync(variables.samekey_bans_folder + '/list') as Buffer
  if (!isYoung(bytes.slice(0, TIME_DIGITS).toString(), now)) return null
  return {
    length: bytes.length - TIME_DIGITS,
    slice: (from, to) => bytes.slice(TIME_DIGITS + from, TIME_DIGITS + to).toString()
  }
}

function toFile(variables: NginxVariables, name: string, text: string): void {
  const path = variables.samekey_bans_folder + '/' + name
  const own = path + '.' + (variables.pid as string)
  // Renamed when complete: other workers read it at any moment.
  fs.writeFileSync(own, text)
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

function fromZone(zone: Zone, now: number): ListText | null {
  const copy = zone.get('copy') as string
  if (!isYoung(copy, now)) return null
  const asked = copy.slice(0, TIME_DIGITS)
  return {
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
