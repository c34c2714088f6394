// Every rule of storable.ts and raw_loss.ts, as a table: what the app said, and what becomes of it.
import { describe, expect, test } from 'vitest'
import type { ResponseHead } from '../../node-writer/capture.js'
import { loadPolicy } from '../../node-writer/policy/load.js'
import type { PolicyDocument } from '../../node-writer/policy/types.js'
import { isGzip, isStorable } from '../../node-writer/storable.js'

const routes = [{ match: '/feed', ttl: 10 }, { match: '/never' }, { match: '/', ttl: 60 }]
const variants: PolicyDocument['variants'] = [{ name: 'language', header: 'Accept-Language', negotiate: true, values: ['en', 'de'] }]
const full = loadPolicy({ routes, variants })
const raw = loadPolicy({ routes, mode: 'raw' })
const html: [string, string] = ['Content-Type', 'text/html; charset=utf-8']

interface Case {
  id: string
  status?: number
  headers?: [string, string][]
  target?: string
  /** Seconds when it is stored, else `reason` or `reason detail`. */
  expected: number | string
}

const inAnHour = () => new Date(Date.now() + 3_600_000).toUTCString()
const anHourAgo = () => new Date(Date.now() - 3_600_000).toUTCString()

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
  { id: 'found, public is no freshness', status: 302, headers: [['Cache-Control', 'public']], expected: 'status 302' },
  { id: 'not modified', status: 304, headers: [['Cache-Control', 'max-age=9']], expected: 'status 304' },
  { id: 'temporary redirect', status: 307, expected: 'status 307' },
  { id: 'temporary redirect with freshness', status: 307, headers: [['Expires', inAnHour()]], expected: 3600 },
  { id: 'permanent redirect', status: 308, expected: 60 },
  { id: 'forbidden', status: 403, headers: [['Cache-Control', 'max-age=9']], expected: 'status 403' },
  { id: 'not found', status: 404, expected: 60 },
  { id: 'gone', status: 410, expected: 60 },
  { id: 'method not allowed', status: 405, expected: 'status 405' },
  { id: 'server error', status: 500, headers: [['Cache-Control', 'max-age=9']], expected: 'status 500' },
  { id: 'unavailable', status: 503, expected: 'status 503' },

  // Cache-Control
  { id: 'max-age', headers: [['Cache-Control', 'public, max-age=9']], expected: 9 },
  { id: 's-maxage wins', headers: [['cache-control', 'max-age=9, s-maxage=5']], expected: 5 },
  { id: 'any case', headers: [['CACHE-CONTROL', 'Max-Age=9']], expected: 9 },
  { id: 'two fields', headers: [['Cache-Control', 'public'], ['Cache-Control', 'max-age=9']], expected: 9 },
  { id: 'max-age 0', headers: [['Cache-Control', 'max-age=0']], expected: 'expired' },
  { id: 'max-age that is no number', headers: [['Cache-Control', 'max-age=soon']], expected: 'expired' },
  { id: 'negative max-age', headers: [['Cache-Control', 'max-age=-5']], expected: 'expired' },
  { id: 'stale-while-revalidate is no freshness', headers: [['Cache-Control', 'max-age=0, stale-while-revalidate=600']], expected: 'expired' },
  { id: 'immutable is no freshness', headers: [['Cache-Control', 'immutable']], expected: 60 },
  { id: 'age counts', headers: [['Cache-Control', 'max-age=9'], ['Age', '4']], expected: 5 },
  { id: 'age over', headers: [['Cache-Control', 'max-age=9'], ['Age', '9']], expected: 'expired' },
  { id: 'expires', headers: [['Expires', inAnHour()], ['Date', new Date().toUTCString()]], expected: 3600 },
  { id: 'expired', headers: [['Expires', anHourAgo()]], expected: 'expired' },
  { id: 'expires 0', headers: [['Expires', '0']], expected: 'expired' },
  { id: 'last-modified is no freshness', target: '/never', headers: [['Last-Modified', 'Mon, 01 Jan 2001 00:00:00 GMT']], expected: 'no-freshness' },
  { id: 'no freshness at all', target: '/never', expected: 'no-freshness' },
  { id: 'no-store', headers: [['Cache-Control', 'max-age=9, no-store']], expected: 'no-store' },
  { id: 'No-Store in any case', headers: [['Cache-Control', 'No-Store']], expected: 'no-store' },
  { id: 'private', headers: [['Cache-Control', 'private, max-age=9']], expected: 'private' },
  { id: 'private with names', headers: [['Cache-Control', 'private="x-user", max-age=9']], expected: 'private' },
  { id: 'no-cache', headers: [['Cache-Control', 'no-cache']], expected: 'no-cache' },
  { id: 'a directive that only sounds so', headers: [['Cache-Control', 'max-age=9, no-storex, semi-private']], expected: 9 },
  { id: 'pragma', headers: [['Pragma', 'no-cache']], expected: 'no-cache pragma' },
  { id: 'pragma beside Cache-Control', headers: [['Pragma', 'no-cache'], ['Cache-Control', 'max-age=9']], expected: 9 },

  // Whose it is
  { id: 'set-cookie', headers: [['Set-Cookie', 'a=1'], ['Cache-Control', 'public, max-age=9']], expected: 'set-cookie' },
  { id: 'vary on nothing', headers: [['Vary', '']], expected: 60 },
  { id: 'vary star', headers: [['Vary', '*']], expected: 'vary *' },
  { id: 'vary star among others', headers: [['Vary', 'Accept-Encoding, *']], expected: 'vary *' },
  { id: 'vary on what Nginx removes', headers: [['Vary', 'Accept-Encoding, Cookie'], ['vary', 'X-Forwarded-Host']], expected: 60 },
  { id: 'vary on a dimension', headers: [['Vary', 'accept-language']], expected: 60 },
  { id: 'vary on something else', headers: [['Vary', 'Accept-Encoding'], ['Vary', 'User-Agent']], expected: 'vary user-agent' },
  { id: 'x-accel-redirect', headers: [['X-Accel-Redirect', '/file']], expected: 'x-accel-redirect' },

  // Form
  { id: 'gzip', headers: [['Content-Encoding', 'GZIP']], expected: 60 },
  { id: 'brotli', headers: [['Content-Encoding', 'br']], expected: 'content-encoding br' },
  { id: 'gzip twice', headers: [['Content-Encoding', 'gzip, gzip']], expected: 'content-encoding gzip, gzip' },
  { id: 'latin1 in a field', headers: [['X-City', 'K\u00f6ln']], expected: 'header-bytes X-City' },
  { id: 'a tab in a field', headers: [['X-City', 'a\tb']], expected: 60 },
  { id: 'much header', headers: [['X-Much', 'x'.repeat(65_000)]], expected: 60 },
  { id: 'too much header', headers: [['X-A', 'x'.repeat(40_000)], ['X-B', 'x'.repeat(26_000)]], expected: 'header-too-large' },
  { id: 'named like a built-in', headers: [['__proto__', '1'], ['constructor', '2']], expected: 60 },
]

const rawCases: Case[] = [
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

function outcome(head: ResponseHead, target: string, policy: typeof full): number | string {
  const verdict = isStorable(head, target, policy)
  return verdict.store ? verdict.ttlSeconds : `${verdict.reason} ${verdict.detail}`.trim()
}

describe('full mode', () => {
  test.each(cases)('$id: $expected', ({ status = 200, headers = [], target = '/page', expected }) => {
    const got = outcome({ status, headers }, target, full)
    // A date in a field may lie a second further away than when the table was made.
    if (expected === 3600) expect([3599, 3600, 3598]).toContain(got)
    else expect(got).toBe(expected)
  })
})

describe('raw mode', () => {
  test.each(rawCases)('$id: $expected', ({ status = 200, headers = [], target = '/page', expected }) => {
    expect(outcome({ status, headers }, target, raw)).toBe(expected)
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
  })
})
