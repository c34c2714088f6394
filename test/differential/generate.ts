// Responses as apps, frameworks and proxies send them, and worse: mostly one or two odd things at a time, so that a
// difference has few possible causes.

import { type Random, seeded } from '../fuzz/random.js'

export interface GeneratedResponse {
  status: number
  headers: [string, string][]
  /** Whether the request had an Authorization field. */
  authorized: boolean
}

/** Sun, 06 Nov 1994 08:49:37 GMT: when every response is received. */
export const NOW = 784111777

const at = (seconds: number): string => new Date((NOW + seconds) * 1000).toUTCString()

const STATUSES = [200, 200, 200, 200, 200, 203, 204, 206, 299, 300, 301, 302, 303, 304, 307, 308, 400, 403, 404, 405, 410, 412, 414, 416, 418, 429, 500, 501, 502, 503, 599]
const PLAIN = ['max-age=60', 'max-age=0', 's-maxage=30', 'public', 'private', 'no-store', 'no-cache', 'must-revalidate', 'proxy-revalidate', 'must-understand', 'immutable', 'no-transform', 'stale-while-revalidate=20', 'stale-if-error=20', 'foo', 'bar=baz']
const ODD = [
  'Max-Age=60', 'NO-STORE', 'Private', 'PUBLIC', 'max-age="60"', 'max-age=\'60\'', 'max-age=-60', 'max-age=+60', 'max-age=60.5', 'max-age=60s', 'max-age=s60', 'max-age=', 'max-age', 'max-age =60', 'max-age= 60', 'max-age=0060', 'max-age=99999999999', 'max-age=2147483648',
  's-maxage=', 's-maxage=x', 's-maxage="30"', 's-maxage=30.0', 'public=1', 'must-revalidate=1', 'must-understand=1', 'private="x-user"', 'private="a, b"', 'no-cache="set-cookie"', 'no-store =1', 'no-store x', 'private;', 'no-cache x', 'x="max-age=3600, public"', 'x="no-store, private"', 'x="a', '"', ' ', ''
]
const DATES = [at(0), at(-10), at(-100), at(100), at(3600), 'Sunday, 06-Nov-94 08:59:37 GMT', 'Sun Nov  6 08:59:37 1994', 'SUN, 06 NOV 1994 08:59:37 gmt', '0', '', '-1', 'Sun, 06 Nov 1994 08:59:37 UTC', 'Sun 06 Nov 1994 08:59:37 GMT', 'Sun, 6 Nov 1994 08:59:37 GMT', '1994-11-06T08:59:37Z', '6 Nov 2094', 'Fri, 31 Dec 9999 23:59:59 GMT']
const AGES = ['0', '10', '100', '-10', '10.5', 'x', '10, 0', ', 10', '99999999999', '10s']
const VARIES = ['Accept-Encoding', 'Accept-Language', 'accept, user-agent', '*', 'accept, *', '', 'a b', 'a, b, c, d, e']
const TARGETED = ['max-age=90', 'no-store', 'private', 'max-age=90;x=1', 'Max-Age=90', 'max-age=x', 'max-age="90"', '', 'max-age=0']

export function* responses(seed: number, count: number): Generator<GeneratedResponse> {
  const random = seeded(seed)
  for (let i = 0; i < count; i++) yield response(random)
}

function response(random: Random): GeneratedResponse {
  const headers: [string, string][] = []
  function sometimes(probability: number, name: string, values: readonly string[]): void {
    if (random.chance(probability)) headers.push([name, random.pick(values)])
  }
  if (random.chance(0.85)) {
    const members = Array.from({ length: random.below(4) }, () => random.pick(random.chance(0.25) ? ODD : PLAIN))
    const split = random.chance(0.1) ? random.below(members.length + 1) : members.length
    for (const line of [members.slice(0, split), members.slice(split)]) {
      if (line.length > 0 || random.chance(0.02)) headers.push(['Cache-Control', line.join(random.pick([', ', ',', ' , ']))])
    }
  }
  sometimes(0.25, 'Expires', random.chance(0.5) ? DATES.slice(0, 5) : DATES)
  sometimes(0.03, 'Expires', DATES)
  sometimes(0.3, 'Date', random.chance(0.7) ? [at(0)] : DATES)
  sometimes(0.15, 'Age', random.chance(0.5) ? AGES.slice(0, 3) : AGES)
  sometimes(0.05, 'Pragma', ['no-cache', 'No-Cache', 'no-cachet', 'x'])
  sometimes(0.1, 'Vary', VARIES)
  sometimes(0.05, 'Set-Cookie', ['a=1'])
  sometimes(0.3, 'ETag', ['"1"', 'W/"1"', '1'])
  sometimes(0.1, 'Last-Modified', [at(-1000), 'x'])
  sometimes(0.05, 'CDN-Cache-Control', TARGETED)
  return { status: random.pick(random.chance(0.6) ? [200] : STATUSES), headers, authorized: random.chance(0.1) }
}
