// A raw cookie or header field has endless values; a declared dimension maps it to a few, and only those reach the
// key and the app. docs/key-format.md §6.

import { trim } from './blank.js'
import type { Policy, Variant } from './policy.js'
import type { CacheRequest } from './request.js'

/** Nothing longer is matched: patterns are proven harmless for texts of this length only. */
const MAX_TEXT = 1024

/** RFC 5646 §4.4.1: no language tag in use is longer. It also bounds what a header of nothing but '-' can cost. */
const MAX_RANGE = 35

// The engines disagree about everything else, so a text with any other character selects the fallback in both.
const NOT_PRINTABLE = /[^\t -~]/

/** The selected values in the order of the policy's dimensions, joined by ','; '' when it declares none. */
export function selectVariants(request: CacheRequest, policy: Policy): string {
  let selected = ''
  for (let i = 0; i < policy.variants.length; i++) {
    const variant = policy.variants[i] as Variant
    // Nginx leaves tabs around a field's value, Node does not (RFC 9110 §5.5 counts them as no part of it).
    const text = variant.source === 'cookie' ? cookieValue(request.cookie, variant.field) : trim(request.header(variant.field))
    selected += (i > 0 ? ',' : '') + (variant.values[selectValue(text, variant)] as { value: string }).value
  }
  return selected
}

function selectValue(text: string, variant: Variant): number {
  if (text === '' || text.length > MAX_TEXT || NOT_PRINTABLE.test(text)) return variant.fallback
  if (variant.negotiate) return negotiate(text, variant)
  for (let i = 0; i < variant.values.length; i++) {
    const candidate = variant.values[i] as { value: string; pattern: RegExp | null }
    if (candidate.pattern === null ? candidate.value === text : candidate.pattern.test(text)) return i
  }
  return variant.fallback
}

/** RFC 6265 §4.2.1: pairs split at ';'. The first of a name counts, as in Nginx's $cookie_name. */
function cookieValue(cookie: string, name: string): string {
  const pairs = cookie.split(';')
  for (let i = 0; i < pairs.length; i++) {
    const pair = trim(pairs[i] as string)
    if (pair.startsWith(name + '=')) return pair.slice(name.length + 1)
  }
  return ''
}

/** RFC 4647 §3.4 lookup over the ranges of RFC 9110 §12.5.4: heaviest first, equal ones as listed. */
function negotiate(text: string, variant: Variant): number {
  const ranges = text.split(',')
  let best = variant.fallback
  let bestWeight = 0
  for (let i = 0; i < ranges.length; i++) {
    const parts = (ranges[i] as string).split(';')
    const weight = parts.length > 1 ? weightOf(trim(parts[1] as string)) : 1
    if (weight <= bestWeight) continue
    const range = trim(parts[0] as string).toLowerCase()
    const found = range === '*' ? variant.fallback : lookUp(range, variant)
    if (found >= 0) {
      best = found
      bestWeight = weight
    }
  }
  return best
}

function lookUp(range: string, variant: Variant): number {
  let tag = range.length <= MAX_RANGE ? range : ''
  while (tag !== '') {
    for (let i = 0; i < variant.values.length; i++) {
      if ((variant.values[i] as { value: string }).value.toLowerCase() === tag) return i
    }
    // RFC 4647 §3.4: the range is cut at the end, subtag by subtag; a single letter goes with what follows it.
    tag = tag.slice(0, Math.max(tag.lastIndexOf('-'), 0))
    if (tag.charAt(tag.length - 2) === '-') tag = tag.slice(0, -2)
  }
  return -1
}

/** RFC 9110 §12.4.2: q=0 to q=1 with three decimals; what is not a weight counts as refused. */
function weightOf(parameter: string): number {
  const match = /^[qQ] *= *(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)$/.exec(parameter)
  return match === null ? 0 : Number(match[1])
}
