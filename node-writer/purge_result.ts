// What a purge comes to.

export interface PurgeResult {
  /** The absolute URLs that were purged and the keys of each; none for an URL that the policy never looks up. */
  pages: { url: string; keys: string[] }[]
  /** How many items there were to delete. */
  deleted: number
  /** What was put into the ban list, each in its canonical form. */
  bans: { kind: 'tag' | 'prefix' | 'pattern' | 'all'; value: string }[]
  /** The clock after the bans: what is rendered from now on carries this or a later one. '' without bans. */
  clock: string
}

export interface PurgeFailure {
  /** The item that could not be changed; '' when the server could not list its keys. */
  key: string
  /** As in Nginx's `server` directive. */
  server: string
  error: Error
}

/** At least one server did not acknowledge: pages may still be served from it. Asking again is harmless. */
export class PurgeError extends Error {
  override name = 'PurgeError'
  constructor(
    /** What was purged nevertheless. */
    readonly result: PurgeResult,
    /** What was not, and why. */
    readonly failures: readonly PurgeFailure[]
  ) {
    const servers = [...new Set(failures.map(({ server }) => server))].join(', ')
    super(`purge: not acknowledged by ${servers}: ${(failures[0] as PurgeFailure).error.message}`)
  }
}
