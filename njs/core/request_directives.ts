// What a client may ask of a cache (RFC 9111 §5.2.1). Any client can make the app work with these, so a policy turns
// them on as a whole or not at all.

export interface RequestDirectives {
  /** §5.2.1.4, and §5.4 Pragma where there is no Cache-Control: nothing without asking the app. */
  noCache: boolean
  /** §5.2.1.5: nothing of this is to be stored. */
  noStore: boolean
  /** §5.2.1.7: nothing from the app. */
  onlyIfCached: boolean
  /** Seconds, at most: how old (§5.2.1.1). Infinity when it does not matter. */
  maxAge: number
  /** Seconds: how long it must still be fresh (§5.2.1.3). */
  minFresh: number
  /** Seconds: how long it may have been stale (§5.2.1.2); -1 when it must be fresh, Infinity for any time. */
  maxStale: number
}

export function parseRequestDirectives(cacheControl: string, pragma: string): RequestDirectives {
  const asked: RequestDirectives = { noCache: false, noStore: false, onlyIfCached: false, maxAge: Infinity, minFresh: 0, maxStale: -1 }
  if (cacheControl === '') {
    asked.noCache = /(?:^|[,\t ])no-cache(?:[,\t ]|$)/.test(pragma.toLowerCase())
    return asked
  }
  const parts = cacheControl.toLowerCase().split(',')
  for (let i = 0; i < parts.length; i++) {
    const match = /^[\t ]*([a-z-]+)[\t ]*(?:=[\t ]*"?([0-9]+)"?)?[\t ]*$/.exec(parts[i] as string)
    if (match === null) continue
    const seconds = match[2] === undefined || match[2] === '' ? -1 : Number(match[2])
    // Of several, the stricter; a value that is missing makes no sense except for max-stale.
    if (match[1] === 'no-cache') asked.noCache = true
    else if (match[1] === 'no-store') asked.noStore = true
    else if (match[1] === 'only-if-cached') asked.onlyIfCached = true
    else if (match[1] === 'max-stale') asked.maxStale = seconds < 0 ? Infinity : seconds
    else if (match[1] === 'max-age' && seconds >= 0) asked.maxAge = Math.min(asked.maxAge, seconds)
    else if (match[1] === 'min-fresh' && seconds >= 0) asked.minFresh = Math.max(asked.minFresh, seconds)
  }
  return asked
}

/**
 * Whether a stored response of this age will do. `ttl` is how long it is still fresh, negative when it is stale;
 * `mayBeStale` is false where the response itself forbids it (RFC 9111 §4.2.4).
 */
export function satisfies(asked: RequestDirectives, age: number, ttl: number, mayBeStale: boolean): boolean {
  if (asked.noCache || age > asked.maxAge) return false
  if (ttl > 0) return ttl >= asked.minFresh
  return mayBeStale && asked.minFresh === 0 && -ttl <= asked.maxStale
}
