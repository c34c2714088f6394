// How each field is read: what the app wrote, and what it means. Each row says why, with the section that decides.

import { describe, expect, test } from 'vitest'
import { initialAge, parseAge } from '../../node-writer/http/age.js'
import { groupTag, parseCacheGroups, parseGroupInvalidation } from '../../node-writer/http/cache_groups.js'
import { type Directives, forbids, parseCacheControl, permits, secondsOf } from '../../node-writer/http/cache_control.js'
import { joinFields } from '../../node-writer/http/fields.js'
import { parseTargeted, selectDirectives } from '../../node-writer/http/targeted.js'
import { parseVary } from '../../node-writer/http/vary.js'

const NOW = 784111777
const at = (seconds: number) => new Date((NOW + seconds) * 1000).toUTCString()

/** `max-age=60 no-store`: names in their order, with their argument; '!' behind what is not valid. */
function show(directives: Directives | null): string {
  if (directives === null) return 'ignored'
  return [...directives].map(([name, { argument, valid }]) => name + (argument === null ? '' : `=${argument}`) + (valid ? '' : '!')).join(' ')
}

describe('Cache-Control', () => {
  const cases: { id: string; why: string; value: string; expected: string }[] = [
    { id: 'one', why: 'RFC 9111 §5.2', value: 'max-age=60', expected: 'max-age=60' },
    { id: 'several', why: 'RFC 9110 §5.6.1', value: 'public,max-age=60 ,\tno-transform', expected: 'public max-age=60 no-transform' },
    { id: 'empty', why: 'RFC 9110 §5.6.1.2', value: '', expected: '' },
    { id: 'empty members', why: 'RFC 9110 §5.6.1.2', value: ', ,public,,max-age=60,', expected: 'public max-age=60' },
    { id: 'any case', why: 'RFC 9111 §5.2: names have no case', value: 'NO-Store, Max-AGE=60', expected: 'no-store max-age=60' },
    { id: 'quoted', why: 'RFC 9111 §5.2: both forms of an argument', value: 'max-age="60"', expected: 'max-age=60' },
    { id: 'quoted, empty', why: 'an empty quoted-string is an argument', value: 'max-age=""', expected: 'max-age=' },
    { id: 'no argument behind =', why: 'no token, no quoted-string', value: 'max-age=', expected: 'max-age!' },
    { id: 'single quotes', why: 'RFC 9110 §5.6.2: a quote like this is part of a token', value: "max-age='60'", expected: "max-age='60'" },
    { id: 'a comma in quotes', why: 'RFC 9110 §5.6.4', value: 'private="a, no-store", max-age=60', expected: 'private=a, no-store max-age=60' },
    { id: 'a directive in quotes', why: 'RFC 9110 §5.6.4', value: 'x="max-age=3600", max-age=1', expected: 'x=max-age=3600 max-age=1' },
    { id: 'an escape in quotes', why: 'RFC 9110 §5.6.4', value: 'x="a\\", \\b", max-age=1', expected: 'x=a", b max-age=1' },
    { id: 'an escaped backslash', why: 'RFC 9110 §5.6.4', value: 'x="a\\\\", max-age=1', expected: 'x=a\\ max-age=1' },
    { id: 'an unclosed quote', why: 'nothing hides in it and nothing is permitted', value: 'max-age=60, x="no-store, public', expected: 'max-age=60! x! public!' },
    { id: 'no-store behind an unclosed quote', why: 'it still forbids', value: 'x="a, no-store', expected: 'x! no-store!' },
    { id: 'a backslash at the end', why: 'the quote is not closed', value: 'x="a\\', expected: 'x!' },
    { id: 'a quote within a token', why: 'it opens no quoted-string, so nothing hides behind it', value: 'x"a, no-store"', expected: 'x! no-store!' },
    { id: 'a quote behind a blank', why: 'RFC 9111 §5.2: no white space around =', value: 'x= "a, no-store"', expected: 'x! no-store!' },
    { id: 'text behind a quoted-string', why: 'no directive has it', value: 'max-age="60"0', expected: 'max-age!' },
    { id: 'blank before =', why: 'RFC 9111 §5.2', value: 'max-age =60', expected: 'max-age!' },
    { id: 'blank behind =', why: 'RFC 9111 §5.2', value: 'max-age= 60', expected: 'max-age!' },
    { id: 'semicolon', why: 'no separator', value: 'max-age=60; public', expected: 'max-age!' },
    { id: 'blank as a separator', why: 'no separator', value: 'no-cache no-store', expected: 'no-cache!' },
    { id: 'no name', why: 'no token', value: '="a", ;x, max-age=1', expected: 'max-age=1' },
    { id: 'an extension', why: 'RFC 9111 §5.2.3: unknown ones are kept and ignored', value: 'foo, bar=baz', expected: 'foo bar=baz' },
    { id: 'twice the same', why: 'no contradiction', value: 'max-age=60, max-age="60"', expected: 'max-age=60' },
    { id: 'twice, different', why: 'RFC 9111 §4.2.1: considered stale', value: 'max-age=60, max-age=600', expected: 'max-age=60!' },
    { id: 'thrice', why: 'RFC 9111 §4.2.1', value: 'max-age=60, max-age=600, max-age=60', expected: 'max-age=60!' },
    { id: 'with and without names', why: 'it forbids either way', value: 'private, private="a"', expected: 'private!' },
    { id: 'named like a built-in', why: 'a name is only a name', value: '__proto__, constructor=1', expected: '__proto__ constructor=1' },
    { id: 'a vertical tab', why: 'RFC 9110 §5.6.3: no white space', value: 'max-age=60\v', expected: 'max-age!' },
    { id: 'bytes above ASCII', why: 'RFC 9110 §5.6.4: obs-text stands in quotes only', value: 'x="\xe4", max-age=6\xb2', expected: 'x=\xe4 max-age!' }
  ]
  test.each(cases)('$id: $why', ({ value, expected }) => expect(show(parseCacheControl(value))).toBe(expected))

  test('is read in linear time', () => {
    for (const piece of ['x="', '\\', 'a=",', ',', '"', '\t', 'x="\\']) expect(parseCacheControl(piece.repeat(100_000)).size).toBeLessThan(3)
  }, 5000)

  const seconds: [value: string, expected: number | 'invalid' | null][] = [
    ['max-age=0', 0], ['max-age=60', 60], ['max-age=0060', 60], ['max-age="60"', 60], ['public', null],
    // RFC 9111 §1.2.2
    ['max-age=2147483647', 2147483647], ['max-age=2147483648', 2147483648], ['max-age=99999999999', 2147483648], [`max-age=${'9'.repeat(400)}`, 2147483648],
    // RFC 9111 §4.2.1: invalid freshness information, such as a max-age that is no integer, makes a response stale.
    ['max-age', 'invalid'], ['max-age=', 'invalid'], ['max-age=-1', 'invalid'], ['max-age=+1', 'invalid'], ['max-age=1.0', 'invalid'], ['max-age=1.5', 'invalid'], ['max-age=1e3', 'invalid'],
    ['max-age=0x10', 'invalid'], ['max-age=60s', 'invalid'], ['max-age=a60', 'invalid'], ['max-age=" 60"', 'invalid'], ['max-age=\u0663', 'invalid'], ['max-age=1, max-age=2', 'invalid'], ['max-age=x, max-age=60', 'invalid']
  ]
  test.each(seconds)('%.40s is %s', (value, expected) => expect(secondsOf(parseCacheControl(value), 'max-age')).toBe(expected))

  test('what forbids does so however it is written; what permits must be as defined', () => {
    for (const value of ['public', 'Public']) expect(permits(parseCacheControl(value), 'public')).toBe(true)
    for (const value of ['public=1', 'public=""', 'public x', 'public, x="', 'publicity', '']) expect(permits(parseCacheControl(value), 'public')).toBe(false)
    for (const value of ['private', 'private="a"', 'private=a', 'private =', 'private x', 'private, x="', 'x="private, private']) expect(forbids(parseCacheControl(value), 'private')).toBe(true)
    for (const value of ['x="private"', 'privately', 'x-private', 'x=private']) expect(forbids(parseCacheControl(value), 'private')).toBe(false)
  })
})

describe('targeted fields', () => {
  const cases: { id: string; why: string; value: string; expected: string }[] = [
    { id: 'seconds', why: 'RFC 9213 §2.1: an Integer', value: 'max-age=60', expected: 'max-age=60' },
    { id: 'huge', why: 'RFC 9651 §3.3.1: up to 15 digits', value: 'max-age=999999999999999', expected: 'max-age=999999999999999' },
    { id: 'too huge', why: 'RFC 9651 §4.2.4', value: 'max-age=9999999999999999', expected: 'ignored' },
    { id: 'negative', why: 'no delta-seconds', value: 'max-age=-1', expected: 'ignored' },
    { id: 'decimal', why: 'RFC 9213 §2.1: not coerced', value: 'max-age=1.5', expected: 'ignored' },
    { id: 'whole decimal', why: 'the library reads 60.0 as it reads 60', value: 'max-age=60.0', expected: 'max-age=60' },
    { id: 'a string', why: 'RFC 9213 §2.1: another type', value: 'max-age="60"', expected: 'ignored' },
    { id: 'no value', why: 'true is no Integer', value: 'max-age', expected: 'ignored' },
    { id: 'an inner list', why: 'another type', value: 'max-age=(60)', expected: 'ignored' },
    { id: 'flags', why: 'RFC 9213 §2.1: true', value: 'no-store, private, public=?1', expected: 'no-store private public' },
    { id: 'false', why: 'another value than true', value: 'no-store=?0', expected: 'ignored' },
    { id: 'field names', why: 'RFC 9213 §2.1: a String', value: 'no-cache="a, b"', expected: 'no-cache=a, b' },
    { id: 'parameters', why: 'RFC 9213 §2.1: ignored', value: 'max-age=60;x=1, no-store;y', expected: 'max-age=60 no-store' },
    { id: 'the last of two', why: 'RFC 9651 §4.2.2', value: 'max-age=60, max-age=5', expected: 'max-age=5' },
    { id: 'an extension', why: 'RFC 9111 §5.2.3', value: 'none, x=1.5', expected: 'none x' },
    { id: 'empty', why: 'RFC 9213 §2.1: ignored', value: '', expected: 'ignored' },
    { id: 'upper case', why: 'RFC 9651 §3.1.2: a key is lower case', value: 'Max-Age=60', expected: 'ignored' },
    { id: 'a comma at the end', why: 'RFC 9651 §4.2.2', value: 'max-age=60,', expected: 'ignored' },
    { id: 'no field', why: 'RFC 9651 §4.2', value: 'max-age=60, &&&', expected: 'ignored' },
    { id: 'blank before =', why: 'RFC 9651 §4.2.2', value: 'max-age =60', expected: 'ignored' }
  ]
  test.each(cases)('$id: $why', ({ value, expected }) => expect(show(parseTargeted(value))).toBe(expected))

  // RFC 9213 §2.2
  test.each([
    [[['CDN-Cache-Control', 'max-age=1'], ['Cache-Control', 'max-age=2'], ['Samekey-Cache-Control', 'max-age=3']], 'samekey-cache-control', 'max-age=3'],
    [[['CDN-Cache-Control', 'max-age=1'], ['Cache-Control', 'max-age=2'], ['Samekey-Cache-Control', '']], 'cdn-cache-control', 'max-age=1'],
    [[['CDN-Cache-Control', 'max-age=x!'], ['Cache-Control', 'max-age=2']], 'cache-control', 'max-age=2'],
    [[['cdn-cache-control', 'max-age=1'], ['CDN-Cache-Control', 'no-store']], 'cdn-cache-control', 'max-age=1 no-store'],
    [[], 'cache-control', '']
  ] as [[string, string][], string, string][])('of %j it is %s', (lines, field, expected) => {
    const chosen = selectDirectives(joinFields(lines))
    expect([chosen.field, show(chosen.directives), chosen.given]).toEqual([field, expected, lines.length > 0])
  })
})

describe('Age', () => {
  test.each([
    [undefined, 0], ['', 0], ['0', 0], ['7', 7], ['007', 7], [' 7', 7],
    // RFC 9111 §5.1: the first member of a list; what is no non-negative integer is ignored.
    ['7, 0', 7], ['0, 7', 0], [', 7', 7], ['7,x', 7], ['x, 7', 0], ['-7', 0], ['7.0', 0], ['7;a=1', 0], ['"7"', 0], ['abc', 0],
    // RFC 9111 §1.2.2
    ['2147483648', 2 ** 31], ['99999999999', 2 ** 31]
  ])('%j is %d', (value, expected) => expect(parseAge(value)).toBe(expected))

  // RFC 9111 §4.2.3
  const cases: { id: string; headers: [string, string][]; delay?: number; expected: number }[] = [
    { id: 'nothing said', headers: [], expected: 0 },
    { id: 'Age', headers: [['Age', '7']], expected: 7 },
    { id: 'Age and the time that the response took', headers: [['Age', '7']], delay: 3, expected: 10 },
    { id: 'the time that the response took', headers: [], delay: 3, expected: 3 },
    { id: 'apparent age', headers: [['Date', at(-7)]], expected: 7 },
    { id: 'the greater of both', headers: [['Date', at(-7)], ['Age', '5']], delay: 1, expected: 7 },
    { id: 'Date in the future', headers: [['Date', at(7)], ['Age', '5']], expected: 5 },
    { id: 'Date that is none', headers: [['Date', 'yesterday'], ['Age', '5']], expected: 5 },
    { id: 'Date twice', headers: [['Date', at(-7)], ['Date', at(-7)]], expected: 0 },
    { id: 'a clock that was set back', headers: [], delay: -3, expected: 0 }
  ]
  test.each(cases)('$id: $expected', ({ headers, delay = 0, expected }) => {
    expect(initialAge(joinFields(headers), { requestedAt: NOW - delay, receivedAt: NOW })).toBe(expected)
  })
})

describe('Vary', () => {
  test.each([
    ['', ''], ['Accept', 'accept'], ['b , A,b', 'a,b'], [', ,a,', 'a'], ['\ta\t,\tb', 'a,b'],
    ['*', '*'], ['a, *', '*'], ['*, a', '*'], [', *', '*'], ['*,*', '*'], ['a b, *', '*'],
    ['a b', 'invalid: a b'], ['a, "b"', 'invalid: "b"'], ['a;q=1', 'invalid: a;q=1'], ['a:', 'invalid: a:'], ['\xe4', 'invalid: \xe4'],
    // RFC 9110 §5.6.2: a token may hold a star.
    ['a*', 'a*'], ['**', '**']
  ])('%j is %j', (value, expected) => {
    const vary = parseVary(value)
    expect(vary.kind === 'star' ? '*' : vary.kind === 'invalid' ? `invalid: ${vary.member}` : vary.names.join(',')).toBe(expected)
  })
})

describe('Cache-Groups', () => {
  test.each([
    ['"a"', ['a']], ['"a", "B b"', ['a', 'B b']], ['"a", "a"', ['a']], ['"a";x=1', ['a']], ['""', ['']],
    // RFC 9651 §4.2: the whole field is ignored.
    ['a', []], ['"a", b', []], ['"a" "b"', []], ['("a")', []], ['"a",', []], ['1', []], ['', []]
  ])('%.40s', (value, expected) => expect(parseCacheGroups(value)).toEqual(expected))

  // RFC 9875 §3
  test.each([['POST', ['a']], ['PUT', ['a']], ['DELETE', ['a']], ['PURGE', ['a']], ['GET', []], ['HEAD', []], ['OPTIONS', []], ['TRACE', []]])('a response to %s invalidates %j', (method, expected) => {
    expect(parseGroupInvalidation(method, '"a"')).toEqual(expected)
  })

  test('each group has a tag of its own, which an entry can carry', () => {
    const groups = ['a', 'A', 'a b', 'a,b', 'a%20b', 'a"b', 'a\\b', '', ' ', '-', 'g:', 'http://x/']
    const tags = ['https://a.example', 'https://a.example:8443'].flatMap((origin) => groups.map((group) => groupTag(group, origin)))
    expect(new Set(tags).size).toBe(2 * groups.length)
    for (const tag of tags) expect(tag).toMatch(/^[!-+\--~]+$/)
  })
})
