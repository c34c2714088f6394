// What can be said of a single node of a pattern: the shortest text it matches, and which characters it takes.

import type { AST } from '@eslint-community/regexpp'

export function isNullable(node: AST.Element): boolean {
  return shortestOf(node) === 0
}

export function shortestOf(node: AST.Element): number {
  if (node.type === 'Quantifier') return node.min * shortestOf(node.element)
  if (node.type === 'Assertion') return 0
  if (node.type !== 'Group' && node.type !== 'CapturingGroup') return 1
  return Math.min(...node.alternatives.map(({ elements }) => elements.reduce((sum, element) => sum + shortestOf(element), 0)))
}

/** Takes exactly one character. */
export function isSingle(node: AST.Element): boolean {
  return node.type === 'Character' || node.type === 'CharacterSet' || node.type === 'CharacterClass'
}

// ------------------------------------------------------------------------------------------------------- characters
// Sets of the 95 printable ASCII characters as bits of a bigint: nothing else is ever tested.

const PRINTABLE = rangeOf(0x20, 0x7e)
const DIGITS = rangeOf(0x30, 0x39)
const WORD = DIGITS | rangeOf(0x41, 0x5a) | rangeOf(0x61, 0x7a) | bit(0x5f)
const UPPER = rangeOf(0x41, 0x5a)

function bit(code: number): bigint {
  return 1n << BigInt(code)
}

function rangeOf(from: number, to: number): bigint {
  return bit(to + 1) - bit(from)
}

export function charactersOf(node: AST.Element | AST.CharacterClass['elements'][number], caseSensitive: boolean): bigint {
  switch (node.type) {
    case 'Character':
      return withOtherCase(bit(node.value), caseSensitive) & PRINTABLE
    case 'CharacterClassRange':
      return withOtherCase(rangeOf(node.min.value, node.max.value), caseSensitive) & PRINTABLE
    case 'CharacterSet': {
      if (node.kind === 'any') return PRINTABLE
      const set = node.kind === 'digit' ? DIGITS : node.kind === 'word' ? WORD : bit(0x20)
      return 'negate' in node && node.negate ? PRINTABLE & ~set : set
    }
    case 'CharacterClass': {
      const set = (node.elements as AST.CharacterClass['elements'][number][]).reduce((sum, element) => sum | charactersOf(element, caseSensitive), 0n)
      return node.negate ? PRINTABLE & ~set : set
    }
    default:
      return PRINTABLE
  }
}

function withOtherCase(set: bigint, caseSensitive: boolean): bigint {
  return caseSensitive ? set : set | ((set & UPPER) << 32n) | ((set >> 32n) & UPPER)
}

/** One of the characters, for a message. */
export function sampleOf(set: bigint): string {
  // A letter tells a reader more than a space does.
  const readable = set & WORD ? set & WORD : set
  for (let code = 0x7e; code >= 0x20; code--) if (readable & bit(code)) return String.fromCharCode(code)
  return ''
}
