// What a run says to a reader: how many of each kind passed, by category, and every test that did not, with the reason
// why that is a choice (choices.json) or the word OPEN.

import { type Choices, reasonOf } from './choices.js'
import type { Outcome } from './one_run.js'
import type { Kind } from './suite.js'

export const KINDS: readonly Kind[] = ['required', 'optimal', 'check']

export const isPassed = ({ verdict }: Outcome): boolean => verdict === 'pass' || verdict === 'yes'

/** A check has no right answer: it is reported, and never a failure. */
export const failuresOf = (outcomes: readonly Outcome[]): Outcome[] => outcomes.filter((outcome) => outcome.kind !== 'check' && !isPassed(outcome))

export function report(title: string, outcomes: readonly Outcome[], choices: Choices): string {
  const failures = failuresOf(outcomes)
  const open = failures.filter(({ id }) => reasonOf(id, choices) === undefined)
  return [
    title,
    '',
    scoreTable(outcomes),
    '',
    ...(failures.length === 0 ? ['Nothing failed.'] : ['Failed:', ...failures.flatMap((outcome) => describe(outcome, reasonOf(outcome.id, choices) ?? 'OPEN'))]),
    '',
    `Checks answered no: ${outcomes.filter((outcome) => outcome.kind === 'check' && !isPassed(outcome)).map(({ id }) => id).join(' ') || 'none'}`,
    '',
    `${title}: ${KINDS.map((kind) => `${kind} ${score(outcomes, kind)}`).join(', ')}; ${open.length} OPEN`,
    ''
  ].join('\n')
}

/** `passed/all` of a kind; '' when there are none. */
export function score(outcomes: readonly Outcome[], kind: Kind): string {
  const ofKind = outcomes.filter((outcome) => outcome.kind === kind)
  return ofKind.length === 0 ? '' : `${ofKind.filter(isPassed).length}/${ofKind.length}`
}

function scoreTable(outcomes: readonly Outcome[]): string {
  const categories = [...new Set(outcomes.map(({ category }) => category))]
  const row = (name: string, of: readonly Outcome[]): string => name.padEnd(24) + KINDS.map((kind) => score(of, kind).padStart(10)).join('')
  return [
    'category'.padEnd(24) + KINDS.map((kind) => kind.padStart(10)).join(''),
    ...categories.map((name) => row(name, outcomes.filter(({ category }) => category === name))),
    row('all', outcomes)
  ].join('\n')
}

function describe({ id, kind, name, verdict, seen }: Outcome, why: string): string[] {
  // A dependency that failed has its own line with what was seen.
  const what = verdict === 'dependency_fail' ? 'a test that it depends on failed' : seen
  return [`  ${id} (${kind}): ${name}`, `      seen: ${verdict === 'setup_fail' ? 'before it could say anything: ' : ''}${what}`, `      why:  ${why}`]
}
