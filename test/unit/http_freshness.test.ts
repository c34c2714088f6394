// For how long a response may be used: RFC 9111 §4.2, RFC 5861, as a table.

import { expect, test } from 'vitest'
import { joinFields } from '../../node-writer/http/fields.js'
import { freshness, type FreshnessDefaults } from '../../node-writer/http/freshness.js'

const NOW = 784111777
const at = (seconds: number) => new Date((NOW + seconds) * 1000).toUTCString()
const none: FreshnessDefaults = { ttlSeconds: null, heuristic: null, whileRevalidateSeconds: 0, ifErrorSeconds: 0, staleMaxSeconds: 86400 }
const agreed: FreshnessDefaults = { ...none, ttlSeconds: 30, whileRevalidateSeconds: 5, ifErrorSeconds: 50, staleMaxSeconds: 100 }

interface Case {
  id: string
  why: string
  headers: [string, string][]
  defaults?: FreshnessDefaults
  /** `source lifetime`, `!` when it is invalid; then `+refresh`, `+error`; then `must` when stale use is forbidden. */
  expected: string
}
const control = (value: string): [string, string][] => [['Cache-Control', value]]

const cases: Case[] = [
  { id: 'max-age', why: '§4.2.1', headers: control('max-age=9'), expected: 'max-age 9 +0 +0' },
  { id: 's-maxage', why: '§4.2.1: before max-age', headers: control('max-age=9, s-maxage=5'), expected: 's-maxage 5 +0 +0 must' },
  { id: 's-maxage 0', why: '§4.2.1: also when it is 0', headers: control('max-age=9, s-maxage=0'), expected: 's-maxage 0 +0 +0 must' },
  { id: 's-maxage that is no number', why: '§4.2.1: invalid is stale, not absent', headers: control('max-age=9, s-maxage=x'), expected: 's-maxage! 0 +0 +0 must' },
  { id: 'max-age before Expires', why: '§5.3', headers: [...control('max-age=9'), ['Expires', at(99)]], expected: 'max-age 9 +0 +0' },
  { id: 'Expires', why: '§4.2.1: minus Date', headers: [['Expires', at(99)], ['Date', at(-1)]], expected: 'expires 100 +0 +0' },
  { id: 'Expires without Date', why: 'RFC 9110 §6.6.1: it was received now', headers: [['Expires', at(99)]], expected: 'expires 99 +0 +0' },
  { id: 'Expires with another Date than ours', why: '§4.2.1: a clock that is wrong does not matter', headers: [['Expires', at(1099)], ['Date', at(1000)]], expected: 'expires 99 +0 +0' },
  { id: 'Expires in RFC 850 format', why: 'RFC 9110 §5.6.7', headers: [['Expires', 'Sunday, 06-Nov-94 08:49:47 GMT']], expected: 'expires 10 +0 +0' },
  { id: 'Expires in asctime format', why: 'RFC 9110 §5.6.7', headers: [['Expires', 'Sun Nov  6 08:49:47 1994']], expected: 'expires 10 +0 +0' },
  { id: 'Expires in any case', why: '§4.2', headers: [['Expires', 'SUN, 06 nov 1994 08:49:47 gmt']], expected: 'expires 10 +0 +0' },
  { id: 'Expires far away', why: '§1.2.2', headers: [['Expires', 'Fri, 31 Dec 9999 23:59:59 GMT']], expected: 'expires 2147483648 +0 +0' },
  { id: 'Expires in the past', why: '§4.2', headers: [['Expires', at(-1)]], expected: 'expires 0 +0 +0' },
  ...['0', '', '-1', 'now', '3600', 'Sun, 06 Nov 1994 08:49:47 UTC', 'Sun, 06 Nov 1994 08:49:47 +0000', 'Sun, 06 Nov 1994 08:49:47', 'Sun 06 Nov 1994 08:49:47 GMT', 'Sun, 6 Nov 1994 08:49:47 GMT', 'Sun, 06 Nov 94 08:49:47 GMT', 'Sun, 06-Nov-1994 08:49:47 GMT',
    'Sun, 06  Nov 1994 08:49:47 GMT', 'Sun, 06 Nov 1994 8:49:47 GMT', 'Sun, 06 Nov 1994 08.49.47 GMT', 'Sun, 06 November 1994 08:49:47 GMT', 'Wed, 30 Feb 2050 08:49:47 GMT', 'Sun, 06 Nov 1994 24:49:47 GMT', '1994-11-06T08:49:47Z', `${at(99)}, ${at(99)}`]
    .map((value): Case => ({ id: `Expires: ${value}`, why: '§5.3: invalid dates are in the past', headers: [['Expires', value]], expected: 'expires! 0 +0 +0' })),
  { id: 'nothing', why: '§4.2.1', headers: [], expected: 'unknown 0 +0 +0' },
  { id: 'immutable', why: 'RFC 8246 §2: it gives no lifetime', headers: control('immutable'), expected: 'unknown 0 +0 +0' },

  { id: 'targeted', why: 'RFC 9213 §2.2: Cache-Control is ignored', headers: [...control('max-age=9, must-revalidate'), ['CDN-Cache-Control', 'max-age=5']], expected: 'max-age 5 +0 +0' },
  { id: 'targeted without freshness', why: 'RFC 9213 §2.2: so is Expires', headers: [['Expires', at(99)], ['CDN-Cache-Control', 'public']], expected: 'unknown 0 +0 +0' },
  { id: 'targeted and Pragma', why: 'it says enough', headers: [['Pragma', 'no-cache'], ['CDN-Cache-Control', 'max-age=5']], expected: 'max-age 5 +0 +0' },

  { id: 'no-cache', why: '§5.2.2.4', headers: control('no-cache, max-age=9, stale-if-error=60'), defaults: agreed, expected: 'max-age 0 +0 +0 must' },
  { id: 'no-cache with names', why: '§5.2.2.4: may be handled as without', headers: control('no-cache="set-cookie", max-age=9'), expected: 'max-age 0 +0 +0 must' },
  { id: 'no-cache, badly written', why: 'it forbids all the same', headers: control('no-cache =x, max-age=9'), expected: 'max-age 0 +0 +0 must' },
  { id: 'Pragma', why: '§5.4', headers: [['Pragma', 'x, No-Cache'], ['Expires', at(99)]], expected: 'expires 0 +0 +0 must' },
  { id: 'Pragma beside Cache-Control', why: '§5.4', headers: [['Pragma', 'no-cache'], ...control('max-age=9')], expected: 'max-age 9 +0 +0' },
  { id: 'Pragma that only sounds so', why: '§5.4', headers: [['Pragma', 'no-cachet'], ['Expires', at(9)]], expected: 'expires 9 +0 +0' },

  { id: 'stale-while-revalidate', why: 'RFC 5861 §3', headers: control('max-age=9, stale-while-revalidate=60'), expected: 'max-age 9 +60 +0' },
  { id: 'stale-if-error', why: 'RFC 5861 §4', headers: control('max-age=9, stale-if-error=60'), expected: 'max-age 9 +0 +60' },
  { id: 'both with s-maxage', why: '§5.2.2.10 forbids what they do not permit', headers: control('s-maxage=9, stale-while-revalidate=60'), defaults: agreed, expected: 's-maxage 9 +60 +0 must' },
  { id: 'with must-revalidate', why: '§5.2.2.2', headers: control('max-age=9, must-revalidate, stale-while-revalidate=60, stale-if-error=60'), defaults: agreed, expected: 'max-age 9 +0 +0 must' },
  { id: 'with proxy-revalidate', why: '§5.2.2.8', headers: control('max-age=9, proxy-revalidate, stale-if-error=60'), defaults: agreed, expected: 'max-age 9 +0 +0 must' },
  { id: 'that is no number', why: 'it permits nothing', headers: control('max-age=9, stale-while-revalidate=x, stale-if-error'), defaults: agreed, expected: 'max-age 9 +0 +0' },
  { id: 'the policy\'s', why: '§4.2.4: an out-of-band contract', headers: control('max-age=9'), defaults: agreed, expected: 'max-age 9 +5 +50' },
  { id: 'the policy\'s, with s-maxage', why: '§5.2.2.10', headers: control('s-maxage=9'), defaults: agreed, expected: 's-maxage 9 +0 +0 must' },
  { id: 'the policy\'s, overridden', why: 'what the response says counts', headers: control('max-age=9, stale-if-error=0'), defaults: agreed, expected: 'max-age 9 +5 +0' },
  { id: 'the policy\'s cap', why: 'whatever the response says', headers: control('max-age=9, stale-while-revalidate=999, stale-if-error=999'), defaults: agreed, expected: 'max-age 9 +100 +100' },
  { id: 'the policy\'s lifetime', why: '§4.2.2', headers: [], defaults: agreed, expected: 'default 30 +5 +50' },
  { id: 'an explicit one that is invalid', why: '§4.2.2: heuristics only without any', headers: control('max-age=x'), defaults: agreed, expected: 'max-age! 0 +5 +50' }
]

test.each(cases)('$id: $why', ({ headers, defaults = none, expected }) => {
  const found = freshness(200, joinFields(headers), { requestedAt: NOW, receivedAt: NOW }, defaults)
  const text = `${found.source}${found.invalid ? '!' : ''} ${found.lifetimeSeconds} +${found.refreshSeconds} +${found.errorSeconds}${found.mustRevalidate ? ' must' : ''}`
  expect(text).toBe(expected)
})

// RFC 9111 §4.2.4: "unless the cache is disconnected"
const disconnected: Case[] = [
  { id: 'nothing said', why: 'the policy\'s cap', headers: control('max-age=9'), expected: '86400' },
  { id: 'the policy\'s cap', why: 'whatever was agreed for errors', headers: control('max-age=9'), defaults: agreed, expected: '100' },
  { id: 'stale-if-error', why: 'RFC 5861 §4: to it this is an error', headers: control('max-age=9, stale-if-error=60'), expected: '60' },
  { id: 'stale-if-error=0', why: 'RFC 5861 §4', headers: control('max-age=9, stale-if-error=0'), expected: '0' },
  ...['must-revalidate', 'proxy-revalidate', 'no-cache', 's-maxage=9'].map((directive): Case =>
    ({ id: directive, why: '§4.2.4 names it', headers: control(`max-age=9, ${directive}`), expected: '0' }))
]

test.each(disconnected)('the app cannot be reached, $id: $why', ({ headers, defaults = none, expected }) => {
  expect(String(freshness(200, joinFields(headers), { requestedAt: NOW, receivedAt: NOW }, defaults).unreachableSeconds)).toBe(expected)
})
