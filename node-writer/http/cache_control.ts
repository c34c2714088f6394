// Cache-Control as RFC 9111 §5.2 writes it and as apps write it. What is badly written forbids as well as what is
// written well, and permits nothing: `no-store =1` is no-store, `max-age =60` is stale.

import { trim } from '../../njs/core/blank.js'
import { parseDeltaSeconds } from './delta_seconds.js'

export interface Directive {
  /** A token, or the text of a quoted-string; null without. */
  argument: string | null
  /** False: its syntax is wrong, or it is there twice with different arguments. */
  valid: boolean
}

/** Lower-case names of directives, those that nobody here knows included. */
export type Directives = ReadonlyMap<string, Directive>

const TOKEN = "[A-Za-z0-9!#$%&'*+.^_`|~-]+"
// RFC 9111 §5.2: cache-directive = token [ "=" ( token / quoted-string ) ]; recipients ought to accept both forms.
const MEMBER = new RegExp(`^(${TOKEN})(?:=(?:(${TOKEN})|"((?:[\\t !#-\\[\\]-~\\x80-\\xff]|\\\\[\\t -~\\x80-\\xff])*)"))?$`)
const LEADING_TOKEN = new RegExp(`^${TOKEN}`)

/** `value` is the combined field, RFC 9110 §5.2. Never fails: what is no directive at all is left out. */
export function parseCacheControl(value: string): Directives {
  const directives = new Map<string, Directive>()
  const { members, closed } = splitMembers(value)
  for (const text of members) {
    const member = MEMBER.exec(text)
    const name = (member?.[1] ?? LEADING_TOKEN.exec(text)?.[0])?.toLowerCase()
    if (name === undefined) continue
    const argument = member?.[2] ?? member?.[3]?.replace(/\\(.)/g, '$1') ?? null
    const before = directives.get(name)
    // RFC 9111 §4.2.1: of several values the first may be used, or the response be considered stale. Stale: of two that
    // differ nobody knows which was meant, and one render too many is the cheaper mistake.
    const agrees = before === undefined || (before.valid && before.argument === argument)
    directives.set(name, { argument: before === undefined ? argument : before.argument, valid: closed && member !== null && agrees })
  }
  return directives
}

/**
 * RFC 9110 §5.6.1: members are separated by commas outside of quoted-strings, and empty ones are ignored. When a
 * quoted-string never ends, every comma separates, so that no directive can hide in it, and nothing is permitted.
 */
function splitMembers(value: string): { members: string[]; closed: boolean } {
  const members: string[] = []
  let start = 0
  let quoted = false
  for (let i = 0; i < value.length; i++) {
    const char = value[i]
    if (quoted && char === '\\') i++
    else if (char === '"') quoted = !quoted && value[i - 1] === '='
    else if (char === ',' && !quoted) {
      members.push(value.slice(start, i))
      start = i + 1
    }
  }
  const all = quoted ? value.split(',') : [...members, value.slice(start)]
  return { members: all.map(trim).filter((member) => member !== ''), closed: !quoted }
}

/** Whether a directive that forbids is there, however it is written. */
export function forbids(directives: Directives, name: string): boolean {
  return directives.has(name)
}

/** Whether a directive that permits is there, exactly as it is defined: without an argument. */
export function permits(directives: Directives, name: string): boolean {
  const directive = directives.get(name)
  return directive !== undefined && directive.valid && directive.argument === null
}

/** The delta-seconds of a directive; null when it is not there, 'invalid' when it is there without them. */
export function secondsOf(directives: Directives, name: string): number | 'invalid' | null {
  const directive = directives.get(name)
  if (directive === undefined) return null
  if (!directive.valid || directive.argument === null) return 'invalid'
  return parseDeltaSeconds(directive.argument) ?? 'invalid'
}
