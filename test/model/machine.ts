// A protocol as a state machine: every command is one step, and between any two steps anything else may happen.

export interface Step<State> {
  does: string
  state: State
}

export interface Machine<State> {
  start: State
  /** Everything that can happen next. */
  steps(state: State): Step<State>[]
  /** The first promise that is broken, in words; '' when all are kept. */
  violation(state: State): string
  /** Equal for states from which the same can happen. */
  keyOf(state: State): string
}
