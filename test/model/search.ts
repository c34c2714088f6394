// Breadth first through every state that can be reached: the first violation found has the shortest way to it.
import type { Machine } from './machine.js'

export interface Found {
  /** How many states there are; as far as the search went when something was found. */
  states: number
  /** '' when every promise is kept in every state. */
  violation: string
  /** What was done, step by step, to get there. */
  trace: string[]
}

/** Throws when there are more than `limit` states: then nothing is proven. */
export function search<State>({ start, steps, violation, keyOf }: Machine<State>, limit = 5_000_000): Found {
  const seen = new Set([keyOf(start)])
  // State by state, with the number of the one before and what was done to it.
  let level: { state: State; id: number }[] = [{ state: start, id: 0 }]
  const before: number[] = [-1]
  const done: string[] = ['']

  while (level.length > 0) {
    const next: typeof level = []
    for (const { state, id } of level) {
      for (const step of steps(state)) {
        const key = keyOf(step.state)
        if (seen.has(key)) continue
        seen.add(key)
        const own = before.push(id) - 1
        done.push(step.does)
        const broken = violation(step.state)
        if (broken !== '') return { states: seen.size, violation: broken, trace: traceTo(own, before, done) }
        next.push({ state: step.state, id: own })
      }
    }
    if (seen.size > limit) throw new Error(`more than ${limit} states`)
    level = next
  }
  return { states: seen.size, violation: '', trace: [] }
}

function traceTo(id: number, before: readonly number[], done: readonly string[]): string[] {
  const trace: string[] = []
  for (let at = id; at > 0; at = before[at] as number) trace.unshift(done[at] as string)
  return trace
}
