// Time that is up for an answer, and not for the app: a long turn of its own keeps questions from being sent, and answers
// that have long been there from being read, and the timers come before both.

/** Calls `late` after `ms` milliseconds, of which one long turn counts for half at most. Returns what calls it off. */
export function deadline(ms: number, late: () => void): () => void {
  let timer = setTimeout(() => {
    // What has come is read between a timer and an immediate.
    timer = setTimeout(() => setImmediate(late), ms / 2)
  }, ms / 2)
  return () => clearTimeout(timer)
}
