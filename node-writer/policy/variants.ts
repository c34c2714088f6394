// Declared dimensions: checked for what the schema cannot say, and compiled for njs/core/variant.ts.

import type { Policy, Variant, VariantValue } from '../../njs/core/policy.js'
import { selectVariants } from '../../njs/core/variant.js'
import { type PolicyProblem, show } from './problems.js'
import { parsePattern, type PortableRegex, RegexProblem, searchingRegex } from './regex.js'
import { RESERVED_HEADERS } from './reserved_headers.js'
import type { Pattern, VariantDocument } from './types.js'

/** One URL is stored, and purged, so many times. */
const MAX_COMBINATIONS = 64

/** The longest text that njs/core/variant.ts tests. */
const MAX_TEXT = 1024

/** What stands in a cookie (RFC 6265 §4.1.1 cookie-octet). */
const COOKIE_VALUE = /^[!#-+\--:<-[\]-~]+$/

export interface CompiledVariants {
  variants: Variant[]
  patterns: PortableRegex[]
}

export function compileVariants(documents: VariantDocument[], problems: PolicyProblem[]): CompiledVariants {
  const patterns: PortableRegex[] = []
  const variants: Variant[] = []
  documents.forEach((document, index) => {
    const path = `$.variants[${index}]`
    const before = problems.length
    const variant = compileVariant(document, path, patterns, problems)
    for (const other of variants) {
      if (other.name.toLowerCase() === variant.name.toLowerCase()) problems.push({ path: `${path}.name`, message: `found ${show(variant.name)}, which another dimension has already` })
      if (other.source === variant.source && other.field === variant.field) problems.push({ path: `${path}.${variant.source}`, message: `found ${show(variant.field)}, which dimension ${show(other.name)} reads already` })
    }
    variants.push(variant)
    if (problems.length === before) checkForwards(variant, path, problems)
  })
  const combinations = variants.reduce((product, variant) => product * variant.values.length, 1)
  if (combinations > MAX_COMBINATIONS) {
    problems.push({ path: '$.variants', message: `found ${combinations} combinations of values, allowed: at most ${MAX_COMBINATIONS}, because each URL can be stored that many times` })
  }
  return { variants, patterns }
}

function compileVariant(document: VariantDocument, path: string, patterns: PortableRegex[], problems: PolicyProblem[]): Variant {
  const source = document.cookie === undefined ? 'header' : 'cookie'
  if ((document.cookie === undefined) === (document.header === undefined)) {
    problems.push({ path, message: `found ${document.cookie === undefined ? 'neither' : 'both'} cookie ${document.cookie === undefined ? 'nor' : 'and'} header, allowed: exactly one of them` })
  }
  const field = document.cookie ?? document.header?.toLowerCase() ?? ''
  if (source === 'header' && RESERVED_HEADERS.has(field)) {
    problems.push({ path: `${path}.header`, message: `found ${show(field)}, which cannot be a dimension: ${RESERVED_HEADERS.get(field)}` })
  }
  const negotiate = document.negotiate ?? false
  if (negotiate && field !== 'accept-language') problems.push({ path: `${path}.negotiate`, message: 'found true, allowed: only with "header": "accept-language"' })

  const values = document.values.map((value, index): VariantValue => {
    const place = `${path}.values[${index}]`
    if (typeof value === 'string') return { value, pattern: null, forward: value }
    if (negotiate && value.pattern !== undefined) problems.push({ path: `${place}.pattern`, message: 'not together with negotiate, which looks up the values themselves' })
    const forward = value.forward ?? value.value
    if (source === 'cookie' && !COOKIE_VALUE.test(forward)) {
      problems.push({ path: `${place}.forward`, message: `found ${show(forward)}, allowed: what a cookie can hold, no space, comma, semicolon or backslash` })
    }
    return { value: value.value, pattern: value.pattern === undefined ? null : compile(value.pattern, `${place}.pattern`), forward }
  })
  function compile(written: Pattern, place: string): RegExp | null {
    try {
      const pattern = parsePattern(written, { maxLength: MAX_TEXT, anchored: false, mayBeEmpty: false })
      patterns.push(pattern)
      return searchingRegex(pattern)
    } catch (error) {
      if (!(error instanceof RegexProblem)) throw error
      problems.push({ path: place, message: error.message })
      return null
    }
  }
  // Nginx's map tells values apart without regard to case.
  const seen = new Set<string>()
  values.forEach(({ value }, index) => {
    if (seen.has(value.toLowerCase())) problems.push({ path: `${path}.values[${index}]`, message: `found ${show(value)} twice (case does not matter)` })
    seen.add(value.toLowerCase())
  })
  const fallback = document.default === undefined ? 0 : values.findIndex(({ value }) => value === document.default)
  if (fallback < 0) problems.push({ path: `${path}.default`, message: `found ${show(document.default)}, allowed: ${values.map(({ value }) => show(value)).join(', ')}` })
  return { name: document.name, source, field, negotiate, values, fallback: Math.max(fallback, 0) }
}

/** The writer sees what was forwarded and must come to the same key: a forwarded text selects its own value. */
function checkForwards(variant: Variant, path: string, problems: PolicyProblem[]): void {
  variant.values.forEach(({ value, forward }, index) => {
    const request = {
      method: 'GET', target: '/', host: '', scheme: 'http', guarded: '',
      cookie: variant.source === 'cookie' ? `${variant.field}=${forward}` : '',
      header: () => (variant.source === 'header' ? forward : '')
    }
    const selected = selectVariants(request, { variants: [variant] } as Policy)
    if (selected === value) return
    problems.push({ path: `${path}.values[${index}]`, message: `the app would be shown ${show(forward)}, which selects ${show(selected)} instead of ${show(value)}; give a "forward" that selects ${show(value)}` })
  })
}
