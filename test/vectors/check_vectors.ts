// What it means that a vector holds. Used wherever vectors run: each check returns a sentence per failure.

import type { EntryHead } from '../../njs/core/entry.js'
import type { Verdict } from '../../njs/core/resolve.js'
import type { EntryVector, GoldenKey, Group, HttpVector, Vector } from './read_vectors.js'

/** Compares only what the vector names; a vector that names no bypass expects none. */
export function checkVector(vector: Vector, verdict: Verdict, keyHead: string): string[] {
  const expected: Record<string, string> = { bypass: '', detail: '', ...vector.out }
  const page = verdict.key.startsWith(keyHead) ? verdict.key.slice(keyHead.length) : verdict.key
  const actual: Record<string, string> = { ...verdict, page }
  return Object.keys(expected)
    .filter((name) => actual[name] !== expected[name])
    .map((name) => `${vector.id}: ${name} is ${JSON.stringify(actual[name])}, expected ${JSON.stringify(expected[name])}: ${vector.why}`)
}

export function checkGroup(group: Group, verdicts: Verdict[]): string[] {
  const keys = verdicts.map((verdict) => verdict.key)
  if (keys.includes('')) return [`${group.id}: member ${keys.indexOf('')} is bypassed (${verdicts[keys.indexOf('')]?.bypass})`]
  const count = new Set(keys).size
  const wanted = group.same !== undefined ? 1 : keys.length
  return count === wanted ? [] : [`${group.id}: ${count} keys, expected ${wanted}: ${group.why} ${JSON.stringify(keys)}`]
}

export function checkGolden(golden: GoldenKey, verdict: Verdict): string[] {
  return verdict.key === golden.key ? [] : [`${golden.id}: the key is ${JSON.stringify(verdict.key)}, was ${JSON.stringify(golden.key)}: ${golden.why}`]
}

export function checkHttp(vector: HttpVector, result: string): string[] {
  return result === vector.out ? [] : [`${vector.id}: ${JSON.stringify(result)}, expected ${JSON.stringify(vector.out)}: ${vector.why}`]
}

const ENTRY_MEMBERS = ['status', 'bodyBytes', 'storedAt', 'initialAge', 'freshUntil', 'refreshUntil', 'errorUntil', 'bodyKey', 'clock', 'tags', 'headers'] as const

export function checkEntry(vector: EntryVector, head: EntryHead | null): string[] {
  // Field by field: the engines print the members of an object in different orders.
  const text = (value: EntryHead | null) =>
    value === null ? 'null' : JSON.stringify(ENTRY_MEMBERS.map((member) => value[member]))
  return text(head) === text(vector.out) ? [] : [`${vector.id}: ${text(head)}, expected ${text(vector.out)}: ${vector.why}`]
}
