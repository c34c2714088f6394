// A backtracking matcher as the engines have one, without any of their short cuts, that counts its single-character
// tests: what the bound in node-writer/policy/regex_steps.ts is measured against. Counts, not times.

import { type AST, RegExpParser } from '@eslint-community/regexpp'

export class TooManySteps extends Error {}

/** Tests until the pattern has matched or failed at every start. Throws TooManySteps beyond `limit`. */
export function countSteps(source: string, text: string, options: { anchored: boolean; ignoreCase: boolean; limit: number }): number {
  const pattern = new RegExpParser().parsePattern(source, 0, source.length, { unicode: false })
  const starts = options.anchored ? [0] : Array.from({ length: text.length + 1 }, (_, index) => index)
  let steps = 0

  function step(): void {
    if (++steps > options.limit) throw new TooManySteps(`more than ${options.limit} steps for ${source} on ${JSON.stringify(text)}`)
  }

  type Next = (at: number) => boolean

  function branch(node: AST.Pattern | AST.Group | AST.CapturingGroup | AST.LookaheadAssertion, at: number, next: Next): boolean {
    return node.alternatives.some((alternative) => sequence(alternative.elements, 0, at, next))
  }

  function sequence(nodes: AST.Element[], index: number, at: number, next: Next): boolean {
    const node = nodes[index]
    return node === undefined ? next(at) : element(node, at, (after) => sequence(nodes, index + 1, after, next))
  }

  function element(node: AST.Element, at: number, next: Next): boolean {
    if (node.type === 'Quantifier') return repeat(node, 0, at, next)
    if (node.type === 'Group' || node.type === 'CapturingGroup') return branch(node, at, next)
    step()
    if (node.type === 'Assertion') return holds(node, at) && next(at)
    return at < text.length && single(node, text.charAt(at)) && next(at + 1)
  }

  function repeat(node: AST.Quantifier, done: number, at: number, next: Next): boolean {
    const again = (): boolean => done < node.max && element(node.element, at, (after) => repeat(node, done + 1, after, next))
    if (done < node.min) return again()
    return node.greedy ? again() || next(at) : next(at) || again()
  }

  function holds(node: AST.Assertion, at: number): boolean {
    if (node.kind === 'start') return at === 0
    if (node.kind === 'end') return at === text.length
    if (node.kind === 'lookahead') return branch(node, at, () => true) !== node.negate
    const boundary = /\w/.test(text.charAt(at - 1)) !== /\w/.test(text.charAt(at))
    return node.kind === 'word' && boundary !== node.negate
  }

  function single(node: AST.Element, character: string): boolean {
    return new RegExp(`^${node.raw}$`, options.ignoreCase ? 'i' : '').test(character)
  }

  for (const start of starts) if (branch(pattern, start, () => true)) break
  return steps
}
