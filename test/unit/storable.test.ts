// Every rule of storable.ts and raw_loss.ts, as a table: what the app said, and what becomes of it. How the fields
// themselves are read is in http_*.test.ts.
import { describe, expect, test } from 'vitest'
import type { ResponseHead } from '../../node-writer/http/fields.js'
import { loadPolicy } from '../../node-writer/policy/load.js'
import type { PolicyDocument } from '../../node-writer/policy/types.js'
import { type Exchange, isGzip, isStorable } from '../../node-writer/storable.js'

const routes = [{ match: '/feed', ttl: 10 }, { match: '/never' }, { match: '/', ttl: 60 }]
const variants: PolicyDocument['variants'] = [{ name: 'language', header: 'Accept-Language', negotiate: true, values: ['en', 'de'] }]
const full = loadPolicy({ routes, variants })
const raw = loadPolicy({ routes, mode: 'raw' })
const dropping = loadPolicy({ routes, responses: { dropCookies: ['visit', 'ab_*'] } })
const guessing = loadPolicy({ responses: { heuristic: { fraction: 0.1, max: 1000 } } })
const serving = loadPolicy({ responses: { stale: { whileRevalidate: 20, ifError: 300, max: 100 }, revalidateFor: 40, maxTtl: 500 } })
const html: [string, string] = ['Content-Type', 'text/html; charset=utf-8']

interface Case {
  id: string
  status?: number
  headers?: [string, string][]
  target?: string
  /** Seconds when it is stored, else `reason` or `reason detail`. */
  expected: number | string
}

/** Sun, 06 Nov 1994 08:49:37 GMT */
const NOW = 784111777
const at = (seconds: number) => new Date((NOW + seconds) * 1000).toUTCString()
const inAnHour = at(3600)
const anHourAgo = at(-3600)
const etag: [string, string] = ['ETag', '"1"']

const cases: Case[] = [
  // Status
  { id: 'ok', expected: 60 },
  { id: 'ok by another route', target: '/feed.xml', expected: 10 },
  { id: 'non-authoritative', status: 203, expected: 60 },
  { id: 'no content', status: 204, expected: 60 },
  { id: 'partial content', status: 206, headers: [['Cache-Control', 'max-age=9']], expected: 'status 206' },
  { id: 'moved', status: 301, expected: 60 },
  { id: 'found', status: 302, expected: 'status 302' },
  { id: 'found with freshness', status: 302, headers: [['Cache-Control', 'max-age=9']], expected: 9 },
  { id: 'found, public lets the route say how long', status: 302, headers: [['Cache-Control', 'public']], expected: 60 },
  { id: 'found, public alone is no freshness', status: 302, target: '/never', headers: [['Cache-Control', 'public']], expected: 'no-freshness' },
  { id: 'not modified', status: 304, headers: [['Cache-Control', 'max-age=9']], expected: 'status 304' },
  { id: 'temporary redirect', status: 307, expected: 'status 307' },
  { id: 'temporary redirect with freshness', status: 307, headers: [['Expires', inAnHour]], expected: 3600 },
  { id: 'permanent redirect', status: 308, expected: 60 },
  { id: 'forbidden', status: 403, expected: 'status 403' },
  { id: 'forbidden with freshness', status: 403, headers: [['Cache-Control', 'max-age=9']], expected: 9 },
  { id: 'a status that nobody knows, with freshness', status: 299, headers: [['Cache-Control', 'max-age=9']], expected: 9 },
  { id: 'a status that nobody knows', status: 299, expected: 'status 299' },
  { id: 'no status of HTTP', status: 600, headers: [['Cache-Control', 'max-age=9']], expected: 'status 600' },
  { id: 'interim', status: 103, headers: [['Cache-Control', 'max-age=9']], expected: 'status 103' },
  { id: 'precondition failed', status: 412, headers: [['Cache-Control', 'max-age=9']], expected: 'status 412' },
  { id: 'range not satisfiable', status: 416, headers: [['Cache-Control', 'max-age=9']], expected: 'status 416' },
  { id: 'too many requests', status: 429, headers: [['Cache-Control', 'max-age=9']], expected: 'status 429' },
  { id: 'network authentication required', status: 511, headers: [['Cache-Control', 'max-age=9']], expected: 'status 511' },
  { id: 'not found', status: 404, expected: 60 },
  { id: 'gone', status: 410, expected: 60 },
  { id: 'method not allowed', status: 405, expected: 'status 405' },
  { id: 'server error', status: 500, expected: 'status 500' },
  { id: 'server error with freshness', status: 500, headers: [['Cache-Control', 'max-age=9']], expected: 9 },
  { id: 'unavailable', status: 503, expected: 'status 503' },

  // Cache-Control
  { id: 'max-age', headers: [['Cache-Control', 'public, max-age=9']], expected: 9 },
  { id: 's-maxage wins', headers: [['cache-control', 'max-age=9, s-maxage=5']], expected: 5 },
  { id: 'any case', headers: [['CACHE-CONTROL', 'Max-Age=9']], expected: 9 },
  { id: 'two fields', headers: [['Cache-Control', 'public'], ['Cache-Control', 'max-age=9']], expected: 9 },
  { id: 'max-age 0', headers: [['Cache-Control', 'max-age=0']], expected: 'expired' },
  { id: 'max-age that is no number', headers: [['Cache-Control', 'max-age=soon']], expected: 'expired max-age' },
  { id: 'negative max-age', headers: [['Cache-Control', 'max-age=-5']], expected: 'expired max-age' },
  { id: 'stale-while-revalidate is no freshness', headers: [['Cache-Control', 'max-age=0, stale-while-revalidate=600']], expected: 0 },
  { id: 'immutable is no freshness', headers: [['Cache-Control', 'immutable']], expected: 60 },
  { id: 'age counts', headers: [['Cache-Control', 'max-age=9'], ['Age', '4']], expected: 5 },
  { id: 'age over', headers: [['Cache-Control', 'max-age=9'], ['Age', '9']], expected: 'expired' },
  { id: 'expires', headers: [['Expires', inAnHour], ['Date', at(0)]], expected: 3600 },
  { id: 'expired', headers: [['Expires', anHourAgo]], expected: 'expired' },
  { id: 'expires 0', headers: [['Expires', '0']], expected: 'expired expires' },
  { id: 'two dates in Expires', headers: [['Expires', inAnHour], ['Expires', inAnHour]], expected: 'expired expires' },
  { id: 'last-modified is no freshness', target: '/never', headers: [['Last-Modified', 'Mon, 01 Jan 2001 00:00:00 GMT']], expected: 'no-freshness' },
  { id: 'no freshness at all', target: '/never', expected: 'no-freshness' },
  { id: 'no-store', headers: [['Cache-Control', 'max-age=9, no-store']], expected: 'no-store' },
  { id: 'No-Store in any case', headers: [['Cache-Control', 'No-Store']], expected: 'no-store' },
  { id: 'private', headers: [['Cache-Control', 'private, max-age=9']], expected: 'private' },
  { id: 'private with names', headers: [['Cache-Control', 'private="x-user", max-age=9']], expected: 'private' },
  { id: 'no-cache', headers: [['Cache-Control', 'no-cache']], expected: 'no-cache' },
  { id: 'a directive that only sounds so', headers: [['Cache-Control', 'max-age=9, no-storex, semi-private']], expected: 9 },
  { id: 'no-cache with a validator', headers: [['Cache-Control', 'no-cache, max-age=9'], etag], expected: 0 },
  { id: 'max-age 0 with a validator', headers: [['Cache-Control', 'max-age=0'], ['Last-Modified', anHourAgo]], expected: 0 },
  { id: 'an ETag that is none', headers: [['Cache-Control', 'max-age=0'], ['ETag', '1']], expected: 'expired' },
  { id: 'found, no-cache with a validator', status: 302, headers: [['Cache-Control', 'no-cache'], etag], expected: 'status 302' },
  { id: 'must-understand', headers: [['Cache-Control', 'must-understand, no-store, max-age=9']], expected: 9 },
  { id: 'must-understand without no-store', headers: [['Cache-Control', 'must-understand, max-age=9']], expected: 9 },
  { id: 'must-understand of an unknown status', status: 299, headers: [['Cache-Control', 'must-understand, max-age=9']], expected: 'status 299' },
  { id: 'must-understand with an argument', headers: [['Cache-Control', 'must-understand=1, no-store, max-age=9']], expected: 'no-store' },
  { id: 'targeted before Cache-Control', headers: [['CDN-Cache-Control', 'max-age=9'], ['Cache-Control', 'no-store']], expected: 9 },
  { id: 'our own targeted field first', headers: [['CDN-Cache-Control', 'max-age=9'], ['Samekey-Cache-Control', 'max-age=5']], expected: 5 },
  { id: 'targeted no-store', headers: [['Samekey-Cache-Control', 'no-store'], ['Cache-Control', 'max-age=9']], expected: 'no-store' },
  { id: 'targeted beside Expires', headers: [['CDN-Cache-Control', 'must-revalidate'], ['Expires', inAnHour]], expected: 60 },
  { id: 'pragma', headers: [['Pragma', 'no-cache']], expected: 'no-cache pragma' },
  { id: 'pragma beside Cache-Control', headers: [['Pragma', 'no-cache'], ['Cache-Control', 'max-age=9']], expected: 9 },

  // Whose it is
  { id: 'set-cookie', headers: [['Set-Cookie', 'a=1'], ['Cache-Control', 'public, max-age=9']], expected: 'set-cookie' },
  { id: 'vary on nothing', headers: [['Vary', '']], expected: 60 },
  { id: 'vary star', headers: [['Vary', '*']], expected: 'vary *' },
  { id: 'vary star among others', headers: [['Vary', 'Accept-Encoding, *']], expected: 'vary *' },
  { id: 'vary on what Nginx removes', headers: [['Vary', 'Accept-Encoding, Cookie'], ['vary', 'X-Forwarded-Host']], expected: 60 },
  { id: 'vary on a dimension', headers: [['Vary', 'accept-language']], expected: 60 },
  { id: 'vary on something else', headers: [['Vary', 'Accept-Encoding'], ['Vary', 'User-Agent']], expected: '60 user-agent' },
  { id: 'vary on four other fields', headers: [['Vary', 'd, C, b, A']], expected: '60 a,b,c,d' },
  { id: 'vary on five other fields', headers: [['Vary', 'a, b, c, d, e']], expected: 'vary a, b, c, d, e' },
  { id: 'vary on no field name', headers: [['Vary', 'a b']], expected: 'vary a b' },
  { id: 'x-accel-redirect', headers: [['X-Accel-Redirect', '/file']], expected: 'x-accel-redirect' },

  // Form
  { id: 'gzip', headers: [['Content-Encoding', 'GZIP']], expected: 60 },
  { id: 'brotli', headers: [['Content-Encoding', 'br']], expected: 60 },
  { id: 'gzip twice', headers: [['Content-Encoding', 'gzip, gzip']], expected: 60 },
  { id: 'latin1 in a field', headers: [['X-City', 'K\u00f6ln']], expected: 'header-bytes X-City' },
  { id: 'a tab in a field', headers: [['X-City', 'a\tb']], expected: 60 },
  { id: 'much header', headers: [['X-Much', 'x'.repeat(65_000)]], expected: 60 },
  { id: 'too much header', headers: [['X-A', 'x'.repeat(40_000)], ['X-B', 'x'.repeat(26_000)]], expected: 'header-too-large' },
  { id: 'named like a built-in', headers: [['__proto__', '1'], ['constructor', '2']], expected: 60 },
]

const rawCases: Case[] = [
  { id: 'gzip', headers: [html, ['Content-Encoding', 'gzip']], expected: 60 },
  { id: 'brotli', headers: [html, ['Content-Encoding', 'br']], expected: 'content-encoding br' },
  { id: 'the type of the route', headers: [html], expected: 60 },
  { id: 'the same type otherwise written', headers: [['content-type', 'Text/HTML;CHARSET="UTF-8"']], expected: 60 },
  { id: 'another charset', headers: [['Content-Type', 'text/html; charset=latin1']], expected: 'raw-type text/html; charset=latin1' },
  { id: 'another type', headers: [['Content-Type', 'application/json']], expected: 'raw-type application/json' },
  { id: 'no type', headers: [], expected: 'raw-type' },
  { id: 'not found', status: 404, headers: [html], expected: 'raw-status 404' },
  { id: 'what Nginx writes or only saves work', headers: [html, ['Date', 'x'], ['Server', 'x'], ['X-Powered-By', 'x'], ['ETag', '"1"'], ['Last-Modified', 'x'], ['Cache-Control', 'max-age=9'], ['Content-Length', '1'], ['Connection', 'close'], ['Vary', 'accept-encoding']], expected: 9 },
  { id: 'a dependency that caches must know', headers: [html, ['Vary', 'Cookie']], expected: 'raw-header Vary' },
  { id: 'content security policy', headers: [html, ['Content-Security-Policy', 'default-src *']], expected: 'raw-header Content-Security-Policy' },
  { id: 'content disposition', headers: [html, ['Content-Disposition', 'attachment']], expected: 'raw-header Content-Disposition' },
]

const exchange = { requestedAt: NOW, receivedAt: NOW }

function outcome(head: ResponseHead, target: string, policy: typeof full, more: Partial<Exchange> = {}): number | string {
  const verdict = isStorable(head, target, policy, { ...exchange, ...more })
  if (!verdict.store) return `${verdict.reason} ${verdict.detail}`.trim()
  return verdict.varyNames.length === 0 ? verdict.freshSeconds : `${verdict.freshSeconds} ${verdict.varyNames.join(',')}`
}

describe('full mode', () => {
  test.each(cases)('$id: $expected', ({ status = 200, headers = [], target = '/page', expected }) => {
    expect(outcome({ status, headers }, target, full)).toBe(expected)
  })
})

describe('raw mode', () => {
  test.each(rawCases)('$id: $expected', ({ status = 200, headers = [], target = '/page', expected }) => {
    expect(outcome({ status, headers }, target, raw)).toBe(expected)
  })
})

// RFC 9111 §3, §3.5
describe('the request', () => {
  const cases: { id: string; method?: string; authorized?: boolean; control: string; expected: number | string }[] = [
    { id: 'HEAD', method: 'HEAD', control: 'max-age=9', expected: 'method HEAD' },
    { id: 'POST', method: 'POST', control: 'max-age=9', expected: 'method POST' },
    { id: 'credentials', authorized: true, control: 'max-age=9', expected: 'authorization' },
    { id: 'credentials, public', authorized: true, control: 'max-age=9, public', expected: 9 },
    { id: 'credentials, s-maxage', authorized: true, control: 's-maxage=9', expected: 9 },
    { id: 'credentials, must-revalidate', authorized: true, control: 'max-age=9, must-revalidate', expected: 9 },
    { id: 'credentials, proxy-revalidate', authorized: true, control: 'max-age=9, proxy-revalidate', expected: 'authorization' },
    { id: 'credentials, public with an argument', authorized: true, control: 'max-age=9, public=1', expected: 'authorization' },
    { id: 'credentials, s-maxage that is no number', authorized: true, control: 's-maxage=x', expected: 'authorization' }
  ]
  test.each(cases)('$id: $expected', ({ control, expected, ...more }) => {
    expect(outcome({ status: 200, headers: [['Cache-Control', control]] }, '/page', full, more)).toBe(expected)
  })
})

describe('cookies that the policy drops', () => {
  const cases: { id: string; cookies: string[]; expected: string | [string, string][] }[] = [
    { id: 'one of them', cookies: ['visit=1; Path=/'], expected: [['X-A', '1']] },
    { id: 'with blanks around its name', cookies: [' visit =1'], expected: [['X-A', '1']] },
    { id: 'all of them', cookies: ['visit=1', 'ab_button=red'], expected: [['X-A', '1']] },
    { id: 'one of them and another', cookies: ['visit=1', 'session=2'], expected: 'set-cookie' },
    { id: 'in other case', cookies: ['Visit=1'], expected: 'set-cookie' },
    { id: 'its name in the value', cookies: ['session=visit=1'], expected: 'set-cookie' },
    { id: 'its name in an attribute', cookies: ['session; visit=1'], expected: 'set-cookie' },
    { id: 'no name', cookies: ['visit'], expected: 'set-cookie' },
    { id: 'no name, and one character more', cookies: ['visits'], expected: 'set-cookie' },
    { id: 'empty', cookies: [''], expected: 'set-cookie' }
  ]
  test.each(cases)('$id', ({ cookies, expected }) => {
    const headers: ResponseHead['headers'] = [...cookies.map((value): [string, string] => ['set-COOKIE', value]), ['X-A', '1']]
    const verdict = isStorable({ status: 200, headers }, '/page', dropping, exchange)
    expect(verdict.store ? verdict.fields : verdict.reason).toEqual(expected)
  })
})

// RFC 9111 §4.2.2, with 10% and at most 1000 seconds
describe('heuristic freshness', () => {
  const cases: { id: string; status?: number; headers: [string, string][]; expected: number | string }[] = [
    { id: 'a tenth of its age', headers: [['Last-Modified', anHourAgo]], expected: 360 },
    { id: 'of the time until Date', headers: [['Last-Modified', anHourAgo], ['Date', at(-1800)]], expected: 0 },
    { id: 'at most', headers: [['Last-Modified', at(-100_000)]], expected: 1000 },
    { id: 'modified in the future', headers: [['Last-Modified', inAnHour]], expected: 0 },
    { id: 'no date', headers: [['Last-Modified', 'yesterday']], expected: 'no-freshness' },
    { id: 'a status that does not allow it', status: 302, headers: [['Last-Modified', anHourAgo]], expected: 'status 302' },
    { id: 'unless it is public', status: 302, headers: [['Last-Modified', anHourAgo], ['Cache-Control', 'public']], expected: 360 },
    { id: 'explicit freshness wins', headers: [['Last-Modified', anHourAgo], ['Cache-Control', 'max-age=9']], expected: 9 },
    { id: 'also when it is invalid', headers: [['Last-Modified', anHourAgo], ['Cache-Control', 'max-age=x']], expected: 0 }
  ]
  test.each(cases)('$id: $expected', ({ status = 200, headers, expected }) => {
    expect(outcome({ status, headers }, '/page', guessing)).toBe(expected)
  })
})

// [fresh, usable while revalidating, usable on errors, kept]; the policy says 20, 300, at most 100 stale, 40, at most 500
describe('how long it is of use', () => {
  const cases: { id: string; headers: [string, string][]; expected: number[] | string }[] = [
    { id: 'the policy\'s times, capped', headers: [['Cache-Control', 'max-age=10']], expected: [10, 30, 110, 110] },
    { id: 'its own times', headers: [['Cache-Control', 'max-age=10, stale-while-revalidate=5, stale-if-error=6']], expected: [10, 15, 16, 16] },
    { id: 'its own times, capped', headers: [['Cache-Control', 'max-age=10, stale-while-revalidate=999, stale-if-error=999']], expected: [10, 110, 110, 110] },
    { id: 'not when the app fails', headers: [['Cache-Control', 'max-age=10, stale-if-error=0']], expected: [10, 30, 10, 30] },
    { id: 'never fresh', headers: [['Cache-Control', 'max-age=0, stale-while-revalidate=0, stale-if-error=0']], expected: 'expired' },
    { id: 'kept longer for revalidation', headers: [['Cache-Control', 'max-age=10'], etag], expected: [10, 30, 110, 150] },
    { id: 'never longer than the policy says', headers: [['Cache-Control', 'max-age=9999'], etag], expected: [9999, 10019, 10099, 500] },
    { id: 'must-revalidate', headers: [['Cache-Control', 'max-age=10, must-revalidate, stale-if-error=60']], expected: [10, 10, 10, 10] },
    { id: 'its age counts', headers: [['Cache-Control', 'max-age=10'], ['Age', '4']], expected: [6, 26, 106, 106] },
    { id: 'its age counts when it is stale', headers: [['Cache-Control', 'max-age=10'], ['Age', '15']], expected: [0, 15, 95, 95] },
    { id: 'only to be revalidated', headers: [['Cache-Control', 'no-cache'], etag], expected: [0, 0, 0, 40] },
    { id: 'only for errors', headers: [['Cache-Control', 'max-age=0, stale-while-revalidate=0, stale-if-error=60']], expected: [0, 0, 60, 60] },
    { id: 'older than all of it', headers: [['Cache-Control', 'max-age=10'], ['Age', '110']], expected: 'expired' }
  ]
  test.each(cases)('$id', ({ headers, expected }) => {
    const verdict = isStorable({ status: 200, headers }, '/page', serving, exchange)
    expect(verdict.store ? [verdict.freshSeconds, verdict.refreshSeconds, verdict.errorSeconds, verdict.itemTtlSeconds] : verdict.reason).toEqual(expected)
  })

  // RFC 9111 §4.2.4
  test.each([
    { id: 'kept for when the app cannot be reached', control: 'max-age=10', expected: 10 + 86400 },
    { id: 'never fresh, not kept', control: 'max-age=0', expected: 'expired' },
    { id: 'must-revalidate', control: 'max-age=10, must-revalidate', expected: 10 },
    { id: 's-maxage', control: 's-maxage=10', expected: 10 },
    { id: 'stale-if-error says for how long', control: 'max-age=10, stale-if-error=5', expected: 15 }
  ])('the policy says nothing, $id', ({ control, expected }) => {
    const verdict = isStorable({ status: 200, headers: [['Cache-Control', control]] }, '/page', loadPolicy({}), exchange)
    expect(verdict.store ? verdict.itemTtlSeconds : verdict.reason).toBe(expected)
  })

  test('a raw entry ends with its freshness', () => {
    const headers: [string, string][] = [html, ['Cache-Control', 'max-age=10, stale-if-error=60'], etag]
    expect(isStorable({ status: 200, headers }, '/page', raw, exchange)).toMatchObject({ freshSeconds: 10, refreshSeconds: 10, errorSeconds: 10, itemTtlSeconds: 10 })
  })
})

describe('a body that is said to be gzip', () => {
  const head: ResponseHead = { status: 200, headers: [['content-encoding', 'gzip']] }
  test.each([
    ['is', Buffer.from('1f8b0800000000000003cb48cdc9c907008610a63605000000', 'hex'), true],
    ['is plain text', Buffer.from('a longer text than gzip has bytes'), false],
    ['is empty', Buffer.alloc(0), false],
    ['is cut off', Buffer.from('1f8b08', 'hex'), false],
  ])('%s', (_, body, expected) => {
    expect(isGzip(head, body)).toBe(expected)
    expect(isGzip({ status: 200, headers: [] }, body)).toBe(true)
    expect(isGzip({ status: 200, headers: [['content-encoding', 'br']] }, body)).toBe(true)
  })
})
