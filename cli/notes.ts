// Trouble comes with every request; a person wants to read of it once.

const QUIET_MS = 1000
const MAX_KINDS = 100

/** Writes the first text of a kind, and then at most one a second, with the number of those that were left out. */
export function createNotes(write: (text: string) => void, now: () => number = Date.now): (kind: string, text: string) => void {
  const told = new Map<string, { at: number; leftOut: number }>()
  return (kind, text) => {
    const last = told.get(kind)
    if (last !== undefined && now() - last.at < QUIET_MS) return void last.leftOut++
    if (told.size >= MAX_KINDS) told.clear()
    told.set(kind, { at: now(), leftOut: 0 })
    write(last === undefined || last.leftOut === 0 ? text : `${text} (and ${last.leftOut} more like it)`)
  }
}

/** What went wrong in a line of Nginx's error log; undefined for warnings, which are about buffers. */
export function nginxTrouble(line: string): string | undefined {
  return / \[(?:error|crit|alert|emerg)\] [^:]*: (?:\*[0-9]+ )?(.*?)(?: while |, client: |$)/.exec(line)?.[1]
}
