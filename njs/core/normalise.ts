// One page has one canonical target and one canonical host. What the app could tell apart stays apart, unless the
// policy says that it is one page; and the app is shown the canonical form, so that it cannot tell the rest apart.
// docs/key-format.md §3 (host), §4 (path), §5 (query).

import type { PathAmbiguity, Policy } from './policy.js'

/** A canonical target, or the ambiguity that forbids one. */
export interface Target {
  /** The path and, if any argument is left, '?' and the query; '' when ambiguous. */
  text: string
  ambiguity: PathAmbiguity | ''
}

export function normaliseTarget(target: string, policy: Policy): Target {
  // RFC 9112 §3.2.1 origin-form begins with a slash; Nginx reduces `http://host?q` to `?q`, which the app sees as `/?q`.
  const rooted = target.charCodeAt(0) === 0x3f /* ? */ ? '/' + target : target
  const mark = rooted.indexOf('?')
  const rawPath = mark < 0 ? rooted : rooted.slice(0, mark)
  const rawQuery = mark < 0 ? '' : rooted.slice(mark + 1)

  const path = normaliseEscapes(rawPath)
  const ambiguity = findAmbiguity(rawPath, path, rawQuery, policy.allowedAmbiguities)
  if (ambiguity !== '') return { text: '', ambiguity: ambiguity }

  const query = rawQuery === '' ? '' : normaliseQuery(rawQuery, policy.query)
  return { text: query === '' ? path : path + '?' + query, ambiguity: '' }
}

// ---------------------------------------------------------------------------------------------------------- path

function findAmbiguity(rawPath: string, path: string, rawQuery: string, allowed: PathAmbiguity[]): PathAmbiguity | '' {
  function found(ambiguity: PathAmbiguity, is: boolean): boolean {
    return is && allowed.indexOf(ambiguity) < 0
  }
  // RFC 9112 §3.2.1: neither can stand in an origin-form. No policy can allow them: without the slash host and path
  // would run into each other in the key, and '#' marks a shortened key.
  if (path.charCodeAt(0) !== 0x2f /* / */) return 'no-slash'
  if (path.indexOf('#') >= 0 || rawQuery.indexOf('#') >= 0) return 'fragment'
  if (found('backslash', path.indexOf('\\') >= 0)) return 'backslash'
  if (found('semicolon', path.indexOf(';') >= 0)) return 'semicolon'
  if (found('empty-segment', path.indexOf('//') >= 0)) return 'empty-segment'
  if (found('dot-segment', /\/(?:\.|%2[Ee]){1,2}(?:\/|$)/.test(path))) return 'dot-segment'
  if (rawPath.indexOf('%') < 0) return ''
  if (found('bad-escape', hasBadEscape(rawPath))) return 'bad-escape'
  if (found('encoded-slash', /%2F/i.test(path))) return 'encoded-slash'
  if (found('encoded-backslash', /%5C/i.test(path))) return 'encoded-backslash'
  if (found('encoded-control', /%(?:[01][0-9A-F]|7F)/i.test(path))) return 'encoded-control'
  if (found('double-encoding', /%25[0-9A-Fa-f][0-9A-Fa-f]/.test(path))) return 'double-encoding'
  return ''
}

// ------------------------------------------------------------------------------------------------------- escapes

/** A `%` that is not followed by two hex digits. */
function hasBadEscape(text: string): boolean {
  return /%(?:[^0-9A-Fa-f]|[0-9A-Fa-f][^0-9A-Fa-f]|[0-9A-Fa-f]?$)/.test(text)
}

/**
 * RFC 3986 §6.2.2: escapes of unreserved characters decoded, other hex digits in upper case, nothing else.
 * A text with a bad escape stays as it is: `%2%35` decoded would become the escape `%25`, which means something else.
 */
function normaliseEscapes(text: string): string {
  let from = text.indexOf('%')
  if (from < 0 || hasBadEscape(text)) return text
  let out = ''
  let copied = 0
  while (from >= 0) {
    const code = hexValue(text.charCodeAt(from + 1)) * 16 + hexValue(text.charCodeAt(from + 2))
    out += text.slice(copied, from) + (isUnreserved(code) ? String.fromCharCode(code) : text.slice(from, from + 3).toUpperCase())
    copied = from + 3
    from = text.indexOf('%', copied)
  }
  return out + text.slice(copied)
}

function hexValue(code: number): number {
  if (code <= 0x39 /* 9 */) return code - 0x30
  return (code | 0x20) - 0x57 // a is 10
}

/** RFC 3986 §2.3: ALPHA / DIGIT / "-" / "." / "_" / "~" */
function isUnreserved(code: number): boolean {
  if (code < 0x41 /* A */) return (code >= 0x30 && code <= 0x39) || code === 0x2d /* - */ || code === 0x2e /* . */
  return code <= 0x5a /* Z */ || code === 0x5f /* _ */ || (code >= 0x61 && code <= 0x7a) || code === 0x7e /* ~ */
}

// --------------------------------------------------------------------------------------------------------- query

/** A policy's, or what a page has declared of itself (no_vary_search.ts). */
export interface QueryRules {
  drop: { test(name: string): boolean } | null
  keep: { test(name: string): boolean } | null
  sort: boolean
}

/** The rule of No-Vary-Search: split at '&' only, drop what is declared, sort by name and keep the order of values. */
export function normaliseQuery(rawQuery: string, policy: QueryRules): string {
  const pieces = rawQuery.split('&')
  const kept: string[] = []
  const names: string[] = []
  const drop = policy.drop
  const keep = policy.keep
  // Most queries have nothing to decode, and calls are what the njs engines take longest for.
  const escaped = rawQuery.indexOf('%') >= 0
  const decoded = escaped || rawQuery.indexOf('+') >= 0
  let sorted = true
  let last = ''
  for (let i = 0; i < pieces.length; i++) {
    let argument = pieces[i] as string
    // An empty piece is no argument (URL Standard, application/x-www-form-urlencoded parsing, step 3.1).
    if (argument === '') continue
    if (escaped) argument = normaliseEscapes(argument)
    const end = argument.indexOf('=')
    let name = end < 0 ? argument : argument.slice(0, end)
    if (decoded) name = comparableName(name)
    if (drop !== null && drop.test(name)) continue
    if (keep !== null && !keep.test(name)) continue
    if (name < last) sorted = false
    last = name
    kept.push(argument)
    names.push(name)
  }
  if (sorted || !policy.sort) return kept.join('&')
  return sortByName(kept, names).join('&')
}

function sortByName(kept: string[], names: string[]): string[] {
  const order = kept.map((_, index) => index)
  // The index decides between equal names: the values of one name keep their order.
  order.sort((a, b) => ((names[a] as string) < (names[b] as string) ? -1 : (names[a] as string) > (names[b] as string) ? 1 : a - b))
  return order.map((index) => kept[index] as string)
}

/**
 * A name as form-decoding reads it, written in ASCII: printable characters decoded, '+' and every other byte as
 * '%' and two upper-case digits. Equal exactly when the decoded bytes are equal; policies hold names in this form.
 */
export function comparableName(name: string): string {
  if (name.indexOf('%') < 0 && name.indexOf('+') < 0) return name
  let out = ''
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i)
    if (code === 0x2b /* + */) out += '%20'
    else if (code !== 0x25 /* % */) out += name.charAt(i)
    else {
      const escape = /^%[0-9A-Fa-f][0-9A-Fa-f]/.test(name.slice(i, i + 3)) ? name.slice(i, i + 3).toUpperCase() : '%25'
      const value = parseInt(escape.slice(1), 16)
      out += value > 0x20 && value < 0x7f && value !== 0x25 ? String.fromCharCode(value) : escape
      if (escape !== '%25' || name.slice(i, i + 3) === '%25') i += 2
    }
  }
  return out
}

// ---------------------------------------------------------------------------------------------------------- host

// A registered name or IPv4 address, or an IPv6 address in brackets, and a port (RFC 3986 §3.2.2, §3.2.3).
const HOST = /^(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\])(?::[1-9][0-9]*)?$/

/** The host in lower case without the scheme's default port; '' when it is not one host. */
export function normaliseHost(host: string, scheme: string): string {
  // Checked first: some characters beyond ASCII have a lower-case form within it (U+212A, the Kelvin sign).
  if (host.length > 255 || !HOST.test(host) || host.indexOf('..') >= 0) return ''
  const lower = host.toLowerCase()
  const suffix = scheme === 'https' ? ':443' : ':80'
  return lower.endsWith(suffix) ? lower.slice(0, -suffix.length) : lower
}
