// One thing that the doctor looked at. Each id stands in docs/command-line.md, and in a test that makes it fail.

export type CheckId =
  | 'policy'
  | 'memcached-answers'
  | 'memcached-version'
  | 'memcached-cas'
  | 'memcached-works'
  | 'memcached-item-size'
  | 'memcached-evictions'
  | 'memcached-connections'
  | 'memcached-exposed'
  | 'ban-list'
  | 'nginx-found'
  | 'nginx-version'
  | 'njs-found'
  | 'njs-version'
  | 'nginx-accepts'
  | 'nginx-memcached'
  | 'nginx-serves'
  | 'files-there'
  | 'files-policy'
  | 'files-current'
  | 'files-memcached'
  | 'site-answers'
  | 'site-looks-up'
  | 'site-stores'
  | 'site-agrees'
  | 'site-purgeable'
  | 'site-hits'

export interface Check {
  id: CheckId
  /** 'warn': it works, and could be better or cannot be told. 'fail': pages are not served from the cache, or not safely. */
  status: 'ok' | 'warn' | 'fail'
  /** The server, folder or URL that it is about. */
  on: string | null
  text: string
  /** What to do; null when all is well. */
  todo: string | null
}

/** What one file looks at; told one by one, because some take their time. */
export type Checks = AsyncGenerator<Check, void, void>

export function ok(id: CheckId, on: string | null, text: string): Check {
  return { id, status: 'ok', on, text, todo: null }
}

export function warn(id: CheckId, on: string | null, text: string, todo: string): Check {
  return { id, status: 'warn', on, text, todo }
}

export function fail(id: CheckId, on: string | null, text: string, todo: string): Check {
  return { id, status: 'fail', on, text, todo }
}

/** Whether a dotted version is at least another; '1.10' is after '1.9'. */
export function isAtLeast(version: string, least: string): boolean {
  const [a, b] = [version, least].map((text) => text.split('.').map((part) => parseInt(part, 10) || 0)) as [number[], number[]]
  const differing = b.findIndex((part, i) => (a[i] ?? 0) !== part)
  return differing < 0 || (a[differing] ?? 0) > (b[differing] as number)
}
