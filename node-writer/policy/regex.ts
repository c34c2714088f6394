// Patterns that people write, in the part of the regex language that PCRE (njs in Nginx), V8 (Node) and QuickJS read
// alike. Everything else is refused when the policy is loaded: which construct, where, and what to write instead.
// Each refusal below answers a difference that was measured between the engines; docs/policy.md has the grammar.

import { type AST, RegExpParser } from '@eslint-community/regexpp'
import { isNullable } from './regex_nodes.js'
import { boundSteps, type Competition } from './regex_steps.js'
import type { Pattern } from './types.js'

/** A checked pattern. */
export interface PortableRegex {
  /** As it was written. */
  pattern: string
  caseSensitive: boolean
  /** The same without capturing groups: njs and PCRE limit and number them differently, and nobody reads them. */
  source: string
  /**
   * At most so many single-character tests against any text of the length it was checked for, not counting one walk
   * along the text that all patterns share: the end of the one that matches.
   */
  steps: number
  /** About what PCRE needs for it compiled; PCRE refuses more than 64 KiB. */
  bytes: number
}

export interface RegexUse {
  /** Bytes of the longest text it will ever be tested against. */
  maxLength: number
  /** Tested from the start of the text, or anywhere in it. */
  anchored: boolean
  /** Whether it may match the empty text, and so everything. */
  mayBeEmpty: boolean
}

/**
 * Single-character tests that all patterns of one request may need together, whatever the client sends: some 20 ms in
 * the slowest engine (QuickJS), a tenth of where njs gives up, and no more than the page that could be asked for instead.
 */
export const MAX_STEPS = 1_000_000

/** A larger count says the same as `+`, and PCRE copies what is counted. */
const MAX_COUNT = 1000

/** PCRE has a limit too, and nobody reads more. */
const MAX_DEPTH = 20

export const MAX_BYTES = 50_000

/** A pattern outside the grammar. The message names the construct, shows the place and says what to write instead. */
export class RegexProblem extends Error {
  constructor(pattern: string, start: number, end: number, what: string, advice: string) {
    super(`${what} at offset ${start}: ${advice}\n${excerpt(pattern, start, end)}`)
    this.name = 'RegexProblem'
  }
}

export function parsePattern(written: Pattern, use: RegexUse): PortableRegex {
  const pattern = typeof written === 'string' ? written : written.pattern
  const caseSensitive = typeof written === 'string' ? false : (written.caseSensitive ?? false)
  checkCharacters(pattern)
  const ast = parse(pattern)
  checkAlternatives(pattern, ast, 0)
  const bound = boundSteps(ast, caseSensitive, use)
  if (bound.nullable && !use.mayBeEmpty) {
    throw new RegexProblem(pattern, 0, pattern.length, 'a pattern that can match nothing', 'it would match every text; leave it out, or let it require a character')
  }
  if (!(bound.steps <= MAX_STEPS)) throw tooSlow(pattern, bound.steps, bound.competition)
  return { pattern, caseSensitive, source: withoutCaptures(pattern, ast), steps: bound.steps, bytes: sizeOf(ast) }
}

/** One regex that matches from the start of the text where any of the patterns does. */
export function anchoredRegex(patterns: PortableRegex[]): RegExp {
  const sources = patterns.map((pattern) => pattern.source).join('|')
  return new RegExp(`^(?:${sources})`, patterns[0]?.caseSensitive ? '' : 'i')
}

/** A regex that matches anywhere in the text. */
export function searchingRegex(pattern: PortableRegex): RegExp {
  return new RegExp(pattern.source, pattern.caseSensitive ? '' : 'i')
}

// --------------------------------------------------------------------------------------------------------- parsing

function checkCharacters(pattern: string): void {
  const found = /[^ -~]/u.exec(pattern)
  if (found === null) return
  const escaped = [...Buffer.from(found[0], 'utf8')].map((byte) => '%' + byte.toString(16).toUpperCase().padStart(2, '0')).join('')
  throw new RegexProblem(pattern, found.index, found.index + found[0].length, `the character ${JSON.stringify(found[0])}`,
    `a pattern has only printable ASCII, because a canonical target has; write ${escaped}`)
}

function parse(pattern: string): AST.Pattern {
  try {
    return new RegExpParser().parsePattern(pattern, 0, pattern.length, { unicode: false })
  } catch (error) {
    const { index, message } = error as { index: number; message: string }
    const reason = message.replace(/^Invalid regular expression: .*\/[a-z]*: /, '').toLowerCase()
    // PCRE reads some of these, (?>a) and (?i) for example, but V8 does not.
    if (reason === 'invalid group') throw new RegexProblem(pattern, Math.max(0, index - 1), index + 2, 'a special group', 'the engines differ; write (?:...)')
    // The parser is past what it complains of then.
    const start = /repeat|out of order/.test(reason) ? index - 1 : index
    throw new RegexProblem(pattern, start, start + 1, 'no valid regex', reason)
  }
}

type Branch = AST.Pattern | AST.Group | AST.CapturingGroup

function checkAlternatives(pattern: string, branch: Branch, depth: number): void {
  if (depth > MAX_DEPTH) throw new RegexProblem(pattern, branch.start, branch.start + 1, 'a deeply nested group', `nest at most ${MAX_DEPTH} groups`)
  for (const alternative of branch.alternatives) {
    alternative.elements.forEach((element, index) => checkElement(pattern, element, alternative, index, depth))
  }
}

function checkElement(pattern: string, node: AST.Element, alternative: AST.Alternative, index: number, depth: number): void {
  const refuse = (what: string, advice: string, at: { start: number; end: number } = node): never => {
    throw new RegexProblem(pattern, at.start, at.end, what, advice)
  }
  switch (node.type) {
    case 'Assertion':
      if (node.kind === 'lookahead' || node.kind === 'lookbehind') refuse(`a ${node.kind}`, 'the engines differ; write several patterns, or a class such as [^/]')
      if (node.kind === 'start' && !(index === 0 && alternative.parent.type === 'Pattern')) refuse('a ^ that is not at the start', 'remove it, or write \\^ for the character')
      if (node.kind === 'end' && index !== alternative.elements.length - 1) refuse('a $ that is not at the end', 'remove it, or write \\$ for the character')
      return
    case 'Backreference':
      return refuse(`the back-reference ${node.raw}`, 'the engines differ; write out what it stands for')
    case 'Group':
      if (node.modifiers !== null) refuse('inline flags', 'use {"pattern": "...", "caseSensitive": true}')
      return checkAlternatives(pattern, node, depth + 1)
    case 'CapturingGroup':
      if (node.name !== null) refuse('a named group', 'write (?:...)')
      return checkAlternatives(pattern, node, depth + 1)
    case 'Quantifier':
      if (node.min > MAX_COUNT || (node.max !== Infinity && node.max > MAX_COUNT)) refuse('a large count', `write at most ${MAX_COUNT}, or + or *`)
      if (node.max === 0) refuse('a count of zero', 'remove what is never there')
      checkElement(pattern, node.element, alternative, index, depth)
      if (isNullable(node.element)) refuse('a repetition of something that can be empty', 'the engines stop it differently; remove one of the two quantifiers')
      return
    case 'CharacterClass':
      return checkClass(pattern, node)
    case 'CharacterSet':
      return // . \d \w \s and their opposites: equal on printable ASCII
    case 'Character':
      return checkCharacter(pattern, node)
    default:
      return refuse('an unknown construct', 'it is not in the portable grammar')
  }
}

/** Literals, and escapes of punctuation: a letter or digit after a backslash means something else in each engine. */
function checkCharacter(pattern: string, node: AST.Character): void {
  const bare = node.raw.length === 1
  if (bare && '{}]'.includes(node.raw)) {
    throw new RegexProblem(pattern, node.start, node.end, `a bare ${node.raw}`, `PCRE may read it as part of a count or class; write \\${node.raw}`)
  }
  if (!bare && !/^\\[!-/:-@[-`{-~]$/.test(node.raw)) {
    const instead = node.value > 0x20 && node.value < 0x7f ? `write ${String.fromCharCode(node.value)}` : 'a canonical target has no such character'
    throw new RegexProblem(pattern, node.start, node.end, `the escape ${node.raw}`, `only punctuation, d, w, s and b follow a backslash; ${instead}`)
  }
  if (node.raw === '\\') {
    throw new RegexProblem(pattern, node.start, node.end, 'a bare backslash', 'write \\\\')
  }
}

function checkClass(pattern: string, node: AST.CharacterClass): void {
  const refuse = (at: { start: number; end: number }, what: string, advice: string): never => {
    throw new RegexProblem(pattern, at.start, at.end, what, advice)
  }
  if (node.elements.length === 0) refuse(node, `the class ${node.raw}`, 'PCRE reads the ] as a character; write \\] for it')
  if (/^\[([:.=]).*\1\]$/.test(node.raw)) refuse(node, `the class ${node.raw}`, `PCRE reads it as a POSIX class; put another character than ${node.raw.charAt(1)} first`)
  node.elements.forEach((element, index) => {
    if (element.type === 'CharacterClassRange') {
      for (const end of [element.min, element.max]) checkClassCharacter(end)
      return
    }
    if (element.type === 'Character') {
      checkClassCharacter(element)
      // [\w-.] and [a-\d]: PCRE sees an impossible range, V8 three characters. At an end a hyphen is only a hyphen.
      const before = node.elements[index - 1]
      const after = node.elements[index + 1]
      if (element.raw === '-' && before !== undefined && after !== undefined && (before.type !== 'Character' || after.type !== 'Character')) {
        refuse({ start: before.start, end: after.end }, 'a hyphen beside an escape or a range', 'write \\- or put it last in the class')
      }
      return
    }
    if (element.type !== 'CharacterSet') refuse(element, 'an unknown construct in a class', 'it is not in the portable grammar')
  })
  function checkClassCharacter(character: AST.Character): void {
    if (character.raw === '[') refuse(character, 'a bare [ in a class', 'PCRE may read a POSIX class such as [:alpha:]; write \\[, or a-z for letters')
    if (character.raw === '\\b') refuse(character, 'the escape \\b in a class', 'it is a backspace there, which no canonical target has')
    if (!'{}]'.includes(character.raw)) checkCharacter(pattern, character)
  }
}

// -------------------------------------------------------------------------------------------------------- compiling

function withoutCaptures(pattern: string, ast: AST.Pattern): string {
  const opened: number[] = []
  const visit = (branch: Branch): void => branch.alternatives.forEach((alternative) => alternative.elements.forEach(visitElement))
  const visitElement = (node: AST.Element): void => {
    if (node.type === 'CapturingGroup') opened.push(node.start)
    if (node.type === 'CapturingGroup' || node.type === 'Group') visit(node)
    if (node.type === 'Quantifier') visitElement(node.element)
  }
  visit(ast)
  let source = ''
  let from = 0
  for (const start of opened) {
    source += pattern.slice(from, start) + '(?:'
    from = start + 1
  }
  return source + pattern.slice(from)
}

function sizeOf(branch: Branch): number {
  const sizeOfElement = (node: AST.Element): number => {
    if (node.type === 'Group' || node.type === 'CapturingGroup') return sizeOf(node)
    if (node.type === 'CharacterClass') return 40
    if (node.type !== 'Quantifier') return 4
    const simple = node.element.type !== 'Group' && node.element.type !== 'CapturingGroup'
    // PCRE repeats a counted group in its code, a counted character not.
    return simple ? 2 * sizeOfElement(node.element) : sizeOfElement(node.element) * Math.max(node.min, node.max === Infinity ? 1 : node.max) + 10
  }
  return branch.alternatives.reduce((sum, alternative) => sum + 10 + alternative.elements.reduce((inner, node) => inner + sizeOfElement(node), 0), 0)
}

// --------------------------------------------------------------------------------------------------------- messages

function tooSlow(pattern: string, steps: number, competition: Competition | null): RegexProblem {
  const count = steps > Number.MAX_SAFE_INTEGER ? 'more than 9,007,199,254,740,991' : Math.ceil(steps).toLocaleString('en-US')
  const limit = `it could take ${count} steps, and ${MAX_STEPS.toLocaleString('en-US')} are allowed`
  if (competition === null) return new RegexProblem(pattern, 0, pattern.length, 'a pattern that is too large', `${limit}; split it up or shorten it`)
  const { first, second, character } = competition
  const rivals = first === second ? `${place(first)} competes with its own next round` : `${place(first)} and ${place(second)} compete`
  return new RegexProblem(pattern, first.start, Math.max(first.end, second.end), 'a repetition that can be slow',
    `${rivals} for ${JSON.stringify(character)}: ${limit}; let the first exclude what the second begins with, as in [^/]*/`)
}

function place(node: { raw: string; start: number }): string {
  return `${JSON.stringify(node.raw)} at ${node.start}`
}

const EXCERPT = 60

/** The part of the pattern around the place, and carets under it. */
function excerpt(pattern: string, start: number, end: number): string {
  const from = Math.max(0, Math.min(start - 20, pattern.length - EXCERPT))
  const to = Math.min(pattern.length, from + EXCERPT)
  const carets = '^'.repeat(Math.max(1, Math.min(end, to) - start))
  return `    ${pattern.slice(from, to)}\n    ${' '.repeat(start - from)}${carets}`
}
