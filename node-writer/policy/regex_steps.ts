// How long a backtracking engine can work on a pattern, whatever the text: an upper bound, computed before the
// pattern is ever used, because a client chooses the text and neither Node nor QuickJS stops by itself.
//
// A repetition is deterministic when the character after it tells whether to go on: then a wrong choice fails at
// once, and the engine walks the text once. Where what is repeated and what may follow can begin alike, each length
// is a choice, and choices multiply. The unit is one test of one character.

import type { AST } from '@eslint-community/regexpp'
import { charactersOf, isNullable, isSingle, sampleOf, shortestOf } from './regex_nodes.js'

export interface StepBound {
  steps: number
  /** The empty text matches. */
  nullable: boolean
  /** The two places whose choices cost most; null when no choice is left open. */
  competition: Competition | null
}

/** Two places of a pattern that can take the same character. */
export interface Competition {
  first: AST.Node
  second: AST.Node
  character: string
}

/** Which characters can be next, and where in the pattern they stand. */
interface Place {
  characters: bigint
  node: AST.Node
}

/** What may come after a node. */
interface Follow {
  places: Place[]
  /** Tests until it is known that none of them is there. */
  heads: number
}

/** What a node costs: at most `fixed + perCharacter * length` tests, and what follows is entered `ways` times. */
interface Work {
  ways: number
  fixed: number
  perCharacter: number
  /** Each way ends at another position. */
  distinct: boolean
}

const NOTHING: Work = { ways: 1, fixed: 0, perCharacter: 0, distinct: true }

/** So many rounds are counted one by one; more are counted by the characters that they need. */
const FEW = 16

type Branch = AST.Pattern | AST.Group | AST.CapturingGroup

export function boundSteps(pattern: AST.Pattern, caseSensitive: boolean, use: { maxLength: number; anchored: boolean }): StepBound {
  const length = use.maxLength
  const competitions: (Competition & { ways: number })[] = []
  const end: Follow = { places: [], heads: 1 }

  function total(work: Work): number {
    return work.fixed + work.perCharacter * length
  }

  // ------------------------------------------------------------------------------------------------- what comes first

  function firstOf(nodes: AST.Element[], follow: Place[]): Place[] {
    const places: Place[] = []
    for (const node of nodes) {
      places.push(...firstOfElement(node))
      if (!isNullable(node)) return places
    }
    return places.concat(follow)
  }

  function firstOfElement(node: AST.Element): Place[] {
    if (node.type === 'Quantifier') return firstOfElement(node.element).map(({ characters }) => ({ characters, node }))
    if (node.type === 'Group' || node.type === 'CapturingGroup') return node.alternatives.flatMap((alternative) => firstOf(alternative.elements, []))
    if (node.type === 'Assertion') return []
    return [{ characters: charactersOf(node, caseSensitive), node }]
  }

  /** Tests until a text is refused that begins with nothing that could be next. */
  function headsOf(nodes: AST.Element[], follow: number): number {
    return nodes.reduceRight((rest, node) => headsOfElement(node, rest), follow)
  }

  function headsOfElement(node: AST.Element, follow: number): number {
    if (node.type === 'Quantifier') return headsOfElement(node.element, 0) + (node.min === 0 ? follow : 0)
    if (node.type === 'Group' || node.type === 'CapturingGroup') return headsOfBranch(node, follow)
    return node.type === 'Assertion' ? 1 + follow : 1
  }

  function headsOfBranch(branch: Branch, follow: number): number {
    return branch.alternatives.reduce((sum, alternative) => sum + headsOf(alternative.elements, follow), 0)
  }

  // ---------------------------------------------------------------------------------------------------------- the work

  function workOfSequence(nodes: AST.Element[], follow: Follow): Work {
    return worksOfSuffixes(nodes, follow)[0] as Work
  }

  /** The work of the whole sequence, of all but its first node, and so on to nothing. */
  function worksOfSuffixes(nodes: AST.Element[], follow: Follow): Work[] {
    // From the right, because what a node costs depends on what follows it.
    const works: Work[] = [NOTHING]
    let next = follow
    for (let i = nodes.length - 1; i >= 0; i--) {
      const node = nodes[i] as AST.Element
      works.unshift(inSequence(workOfElement(node, next), works, nodes.slice(i + 1)))
      const first = firstOfElement(node)
      next = { places: isNullable(node) ? first.concat(next.places) : first, heads: headsOfElement(node, next.heads) }
    }
    return works
  }

  function inSequence(work: Work, suffixes: Work[], after: AST.Element[]): Work {
    const rest = suffixes[0] as Work
    const ways = work.ways * rest.ways
    // On a single way the parts walk different stretches of the text.
    if (work.ways === 1) return { ways, fixed: work.fixed + rest.fixed, perCharacter: Math.max(work.perCharacter, rest.perCharacter), distinct: rest.distinct }
    const tried = after.length === 0 ? 0 : Math.min(work.ways * total(rest), work.distinct ? sweep(after, suffixes) : Infinity)
    return { ways, fixed: work.fixed + tried, perCharacter: work.perCharacter, distinct: false }
  }

  /**
   * The cost of trying a sequence once at every position of the text. If it begins with single characters of which
   * the first differs from the others, these matches cannot overlap: they take two tests a position, and what comes
   * after them is reached only once in so many characters.
   */
  function sweep(nodes: AST.Element[], suffixes: Work[]): number {
    let literal = 0
    const first = nodes[0] === undefined ? 0n : singleCharacters(nodes[0])
    if (first !== 0n) {
      literal = 1
      while (literal < nodes.length) {
        const next = singleCharacters(nodes[literal] as AST.Element)
        if (next === 0n || (next & first) !== 0n) break
        literal++
      }
    }
    const positions = length + 1
    if (literal === 0) return positions * total(suffixes[0] as Work)
    return 2 * positions + Math.ceil(positions / literal) * total(suffixes[literal] as Work)
  }

  function singleCharacters(node: AST.Element): bigint {
    return isSingle(node) ? charactersOf(node, caseSensitive) : 0n
  }

  function workOfElement(node: AST.Element, follow: Follow): Work {
    if (node.type === 'Quantifier') return workOfRepetition(node, follow)
    if (node.type === 'Group' || node.type === 'CapturingGroup') return workOfBranch(node, follow)
    return { ways: 1, fixed: 1, perCharacter: 0, distinct: true }
  }

  function workOfBranch(branch: Branch, follow: Follow): Work {
    const works = branch.alternatives.map((alternative) => workOfSequence(alternative.elements, follow))
    const firsts = branch.alternatives.map((alternative) => firstOf(alternative.elements, follow.places))
    // Alternatives that can begin alike may all be tried in full; of the others one look decides.
    const result: Work = { ...NOTHING }
    for (const family of families(firsts)) {
      const sum = family.map((index) => works[index] as Work).reduce((a, b) => ({ ways: a.ways + b.ways, fixed: a.fixed + b.fixed, perCharacter: a.perCharacter + b.perCharacter, distinct: false }))
      if (family.length > 1) {
        const [a, b] = family.map((index) => branch.alternatives[index] as AST.Alternative)
        const common = overlap(firsts[family[0] as number] as Place[], firsts[family[1] as number] as Place[])
        if (common !== null) note(a as AST.Node, b as AST.Node, common.characters, sum.ways)
      }
      result.distinct &&= sum.distinct
      result.ways = Math.max(result.ways, sum.ways)
      result.fixed = Math.max(result.fixed, sum.fixed)
      result.perCharacter = Math.max(result.perCharacter, sum.perCharacter)
    }
    result.fixed += headsOfBranch(branch, follow.heads)
    return result
  }

  function workOfRepetition(node: AST.Quantifier, follow: Follow): Work {
    const repeated = firstOfElement(node.element)
    const again = node.max > 1
    const known = competitions.length
    const body = workOfElement(node.element, again ? { places: repeated.concat(follow.places), heads: headsOfElement(node.element, 0) + follow.heads } : follow)
    const shortest = shortestOf(node.element)
    const most = Math.min(node.max, Math.max(node.min, Math.floor(length / shortest)))
    const competing = node.min === node.max ? null : overlap(repeated, follow.places)

    if (body.ways > 1 && most > 1) {
      // Every round multiplies the ways: with two of them, thirty rounds are a thousand million.
      for (const inner of competitions.slice(known)) inner.ways *= Infinity
      const ways = geometricSum(body.ways, node.min, most)
      return { ways, fixed: geometricSum(body.ways, 0, most) * (total(body) + follow.heads), perCharacter: 0, distinct: false }
    }
    const distinct = body.ways === 1
    const ways = competing === null ? body.ways : body.ways * (most - node.min + 1)
    if (competing !== null) note(node, competing.node, competing.characters, ways)
    // A round, and the look at what follows when the engine comes back to it; competing ways are counted by what follows.
    const round = body.fixed + (competing === null ? follow.heads : 0)
    if (most <= FEW) return { ways, fixed: (most + 1) * round, perCharacter: body.perCharacter, distinct }
    return { ways, fixed: round, perCharacter: body.perCharacter + round / shortest, distinct }
  }

  function note(first: AST.Node, second: AST.Node, characters: bigint, ways: number): void {
    competitions.push({ first, second, character: sampleOf(characters), ways })
  }

  // ------------------------------------------------------------------------------------------------------- the pattern

  const steps = pattern.alternatives.reduce((sum, alternative) => {
    const elements = untilSure(alternative.elements)
    const suffixes = worksOfSuffixes(elements, end)
    const first = elements[0]
    const fromStart = use.anchored || (first?.type === 'Assertion' && first.kind === 'start')
    return sum + (fromStart ? total(suffixes[0] as Work) : sweep(elements, suffixes))
  }, 0)
  competitions.sort((a, b) => (a.ways === b.ways ? 0 : b.ways - a.ways))
  return {
    steps,
    nullable: pattern.alternatives.some(({ elements }) => elements.every(isNullable)),
    competition: competitions[0] ?? null
  }
}

/** Without what always matches at the end of a pattern: whoever gets there has matched and never comes back. */
function untilSure(elements: AST.Element[]): AST.Element[] {
  const last = elements[elements.length - 1]
  if (last?.type !== 'Quantifier' || last.min > 1 || !isSingle(last.element)) return elements
  return last.min === 0 ? untilSure(elements.slice(0, -1)) : [...elements.slice(0, -1), last.element]
}

/** Indices of alternatives that are connected by common first characters. */
function families(firsts: Place[][]): number[][] {
  const result: number[][] = []
  firsts.forEach((places, index) => {
    const related = result.filter((family) => family.some((other) => overlap(firsts[other] as Place[], places) !== null))
    for (const family of related) result.splice(result.indexOf(family), 1)
    result.push([...related.flat(), index])
  })
  return result
}

/** The first place of `b` that can take a character which `a` can take, or null. */
function overlap(a: Place[], b: Place[]): Place | null {
  const all = a.reduce((sum, place) => sum | place.characters, 0n)
  const found = b.find((place) => (place.characters & all) !== 0n)
  return found === undefined ? null : { characters: found.characters & all, node: found.node }
}

/** base^from + ... + base^to, or Infinity. */
function geometricSum(base: number, from: number, to: number): number {
  let sum = 0
  for (let exponent = from; exponent <= to && sum < Infinity; exponent++) sum += base ** exponent
  return sum
}
