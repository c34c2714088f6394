// What is wrong with a policy, all of it at once, each with its place in the document.

export interface PolicyProblem {
  /** Where, as a JSON path: `$.query.only[3]`; `$` for the whole document. */
  path: string
  message: string
}

/** A policy that cannot be used. Thrown when it is loaded, never later. */
export class PolicyError extends Error {
  readonly problems: readonly PolicyProblem[]

  constructor(source: string, problems: PolicyProblem[]) {
    const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`
    super(`${source}: ${count}\n${problems.map(({ path, message }) => `  ${path}: ${message.replaceAll('\n', '\n  ')}`).join('\n')}`)
    this.name = 'PolicyError'
    this.problems = problems
  }
}

/** The value as JSON, shortened: a message is read by a person. */
export function show(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value)
  return text.length <= 60 ? text : text.slice(0, 57) + '...'
}

/** The known name that is nearest to a misspelt one, or null when none is near. */
export function nearest(name: string, known: string[]): string | null {
  const limit = Math.max(2, Math.floor(name.length / 3))
  const ranked = known.map((candidate) => ({ candidate, distance: editDistance(name.toLowerCase(), candidate.toLowerCase()) })).sort((a, b) => a.distance - b.distance)
  const best = ranked[0]
  return best !== undefined && best.distance <= limit ? best.candidate : null
}

/** Levenshtein, row by row. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min((row[j] as number) + 1, (next[j - 1] as number) + 1, (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length] as number
}
