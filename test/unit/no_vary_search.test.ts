// What a page declares of its query, and what becomes of later requests to its path: draft-ietf-httpbis-no-vary-search.

import { describe, expect, test } from 'vitest'
import { normaliseTarget } from '../../njs/core/normalise.js'
import { applySearchRule, formatSearchRule, type LearntRule, parseSearchRule, type SearchRule } from '../../njs/core/no_vary_search.js'
import { parseNoVarySearch } from '../../node-writer/http/no_vary_search.js'
import { loadPolicy } from '../../node-writer/policy/load.js'
import type { PolicyDocument } from '../../node-writer/policy/types.js'

describe('the field', () => {
  const cases: { id: string; value: string; expected: SearchRule | null }[] = [
    { id: 'key-order', value: 'key-order', expected: { sort: true, names: [], only: false } },
    { id: 'params', value: 'params', expected: { sort: false, names: [], only: true } },
    { id: 'params, listed', value: 'params=("a" "b")', expected: { sort: false, names: ['a', 'b'], only: false } },
    { id: 'except', value: 'params, except=("x")', expected: { sort: false, names: ['x'], only: true } },
    { id: 'all of it, in another order', value: 'except=("x"), params=?1, key-order', expected: { sort: true, names: ['x'], only: true } },
    { id: 'except nothing', value: 'params, except=()', expected: { sort: false, names: [], only: true } },
    { id: 'unknown members are ignored', value: 'key-order, later=1', expected: { sort: true, names: [], only: false } },
    { id: 'parameters are ignored', value: 'params=("a";x);y', expected: { sort: false, names: ['a'], only: false } },
    { id: 'a name twice', value: 'params=("a" "%61")', expected: { sort: false, names: ['a'], only: false } },
    { id: 'an empty name', value: 'params=("")', expected: { sort: false, names: [''], only: false } },
    { id: 'decoded as in a query', value: 'params=("%C3%A9+%e6%b0%97")', expected: { sort: false, names: ['%C3%A9%20%E6%B0%97'], only: false } },
    { id: 'a space', value: 'params=("a b")', expected: { sort: false, names: ['a%20b'], only: false } },
    { id: 'an equals sign is part of the name', value: 'params=("a=b")', expected: { sort: false, names: ['a=b'], only: false } },
    { id: 'a percent that escapes nothing', value: 'params=("50%")', expected: { sort: false, names: ['50%25'], only: false } },
    ...['', 'unknown-key', 'key-order=?0', 'params=?0', 'params=()', 'key-order="x"', 'key-order=1', 'params="x"', 'params=a', 'params=1', 'params=(a)', 'params=("a" 1)', 'params=("a"), except=("x")', 'params=(), except=()',
      'params=?0, except=("x")', 'params, except=(x)', 'params, except="x"', 'params, except', 'except=("x")', 'except=()', 'Params', 'params=("a"', 'params,', '"a"', `params=(${Array.from({ length: 33 }, (_, i) => `"${i}"`).join(' ')})`]
      .map((value) => ({ id: `says nothing: ${value.slice(0, 40)}`, value, expected: null }))
  ]
  test.each(cases)('$id', ({ value, expected }) => expect(parseNoVarySearch(value)).toEqual(expected))
})

describe('a request', () => {
  const cases: { id: string; field: string; policy?: PolicyDocument; same: string[]; becomes: string }[] = [
    { id: 'key-order', field: 'key-order', policy: { query: { sort: false } }, same: ['/p?b=1&a=2&a=1', '/p?a=2&b=1&a=1', '/p?a=2&a=1&b=1'], becomes: '/p?a=2&a=1&b=1' },
    { id: 'some are ignored', field: 'params=("a" "c d")', same: ['/p?a=1&b=2', '/p?b=2&c+d=3', '/p?b=2', '/p?%61&b=2&c%20d', '/p?b=2&&a'], becomes: '/p?b=2' },
    { id: 'no argument is left', field: 'params=("a")', same: ['/p?a=1', '/p', '/p?', '/p?a'], becomes: '/p' },
    { id: 'all but one are ignored', field: 'params, except=("id")', same: ['/p?id=1&x=2', '/p?x&id=1', '/p?id=1'], becomes: '/p?id=1' },
    { id: 'all are ignored', field: 'params', same: ['/p?a=1', '/p', '/p?b&c'], becomes: '/p' },
    { id: 'bytes beyond ASCII', field: 'params=("%C3%A9")', same: ['/p?%c3%a9=1', '/p?%C3%A9', '/p'], becomes: '/p' },
    { id: 'on top of what the policy drops', field: 'params=("a")', same: ['/p?utm_source=x&a=1&b=2', '/p?b=2'], becomes: '/p?b=2' },
    { id: 'the policy still sorts', field: 'params=("c")', same: ['/p?b=1&a=2&c=3', '/p?a=2&b=1'], becomes: '/p?a=2&b=1' },
    { id: 'except cannot bring back what the policy drops', field: 'params, except=("utm_source" "b")', same: ['/p?utm_source=x&b=1', '/p?b=1&a=2'], becomes: '/p?b=1' }
  ]
  test.each(cases)('$id: $field', ({ field, policy = {}, same, becomes }) => {
    const rule = parseNoVarySearch(field) as SearchRule
    const loaded = loadPolicy(policy)
    for (const target of same) expect(applySearchRule(normaliseTarget(target, loaded).text, rule)).toBe(becomes)
  })

  test.each([
    ['params=("a")', '/p?b=1', '/p?b=2'], ['params=("a")', '/p?A=1', '/p?A=2'], ['params=("a")', '/p?aa=1', '/p'], ['params=("a")', '/p?a=1', '/q?a=1'],
    ['key-order', '/p?a=1&a=2', '/p?a=2&a=1'], ['params, except=("id")', '/p?id=1', '/p?id=2'], ['params, except=("id")', '/p?id=1&id=2', '/p?id=2&id=1'], ['params=("")', '/p?=1&a', '/p?=1'], ['params=("c")', '/p?a&b', '/p?b&a']
  ])('with %s %s and %s are two pages', (field, left, right) => {
    const rule = parseNoVarySearch(field) as SearchRule
    const policy = loadPolicy({ query: { sort: false } })
    expect(applySearchRule(normaliseTarget(left, policy).text, rule)).not.toBe(applySearchRule(normaliseTarget(right, policy).text, rule))
  })
})

describe('a stored rule', () => {
  const token = 'AbCdEfGhI-_0'
  const rules: LearntRule[] = [{ token, sort: true, names: [], only: false }, { token, sort: false, names: ['a', '', '=b', 'c%20d', '%25'], only: true }, { token, sort: true, names: Array.from({ length: 32 }, (_, i) => `n${i}`), only: false }]
  test.each(rules)('is read back: %j', (rule) => expect(parseSearchRule(formatSearchRule(rule))).toEqual(rule))

  test('is not stored when it is long', () => expect(formatSearchRule({ token, sort: false, names: ['x'.repeat(5000)], only: false })).toBe(''))

  test.each([
    '', 'SKN1 sd =a\n', 'SKN2 sd =a\n', ...['sd', 'xd\n', 'sx\n', 'sd a\n', 'sd  =a\n', 'sd =a\n\n', 'sd =\u00e4\n', 'sd =a \n', `sd${' =a'.repeat(33)}\n`, `sd =${'a'.repeat(5000)}\n`].map((text) => `SKN2 ${token} ${text}`),
    'SKN2 AbCdEfGhI-_ sd =a\n', 'SKN2 AbCdEfGhI-_01 sd =a\n', 'SKN2 AbCdEfGhI-;0 sd =a\n'
  ])('%.40j is none', (text) => {
    expect(parseSearchRule(text)).toBeNull()
  })
})
