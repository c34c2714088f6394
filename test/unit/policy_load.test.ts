// Documents: what `{}` means, what every problem is called, and that a loaded policy works in the core.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { CacheRequest } from '../../njs/core/request.js'
import { resolve } from '../../njs/core/resolve.js'
import { sha256Hex } from '../../node-writer/key.js'
import { loadPolicy, PolicyError } from '../../node-writer/policy/load.js'
import type { PolicyDocument } from '../../node-writer/policy/types.js'

function problemsOf(source: unknown): string[] {
  try {
    loadPolicy(source as PolicyDocument)
  } catch (error) {
    if (error instanceof PolicyError) return error.problems.map(({ path, message }) => `${path}: ${message}`)
    throw error
  }
  return []
}

function request(target: string, fields: Record<string, string> = {}): CacheRequest {
  return { method: 'GET', target, host: fields['host'] ?? 'example.org', scheme: 'http', cookie: fields['cookie'] ?? '', guarded: '', header: (name) => fields[name] ?? '' }
}

describe('an empty policy', () => {
  const policy = loadPolicy({})

  it('is right for an ordinary site', () => {
    expect(policy).toMatchObject({ mode: 'full', scheme: '', hosts: null, maxTargetBytes: 2048, ignore: [], requestNoCache: false, allowedAmbiguities: [], variants: [], ignoreRules: [] })
    expect(policy.query.keep).toBeNull()
    expect(policy.query.sort).toBe(true)
    expect(policy.routes).toEqual([{ match: null, ttlSeconds: null, contentType: 'text/html; charset=utf-8' }])
    expect(policy.keyHead).toBe(`samekey:1${policy.fingerprint}:`)
    expect(policy.fingerprint).toMatch(/^[0-9a-f]{8}$/)
  })

  it('has every default filled in', () => {
    expect(policy.document).toEqual({
      prefix: 'samekey', mode: 'full', scheme: 'request', hosts: [], maxTargetBytes: 2048, ignore: [], allowAmbiguous: [], requestNoCache: false, requestDirectives: false,
      query: { ignore: [], ignoreDefaults: true, sort: true }, cookies: { session: [], sessionDefaults: true, except: [] },
      headers: { unkeyed: [], unkeyedDefaults: true }, variants: [], routes: [],
      responses: { dropCookies: [], tagHeaders: ['Cache-Tag', 'Surrogate-Key'], showTags: false, makeEtag: false, stale: { whileRevalidate: 0, ifError: 0, max: 86400 }, revalidateFor: 3600, maxTtl: 2592000, ttlJitter: 0, earlyRefresh: 0 }
    })
  })

  it('leaves the document that it was given alone', () => {
    const document: PolicyDocument = { query: {} }
    loadPolicy(document)
    expect(document).toEqual({ query: {} })
  })
})

describe('a loaded policy in resolve()', () => {
  const cases: { id: string; policy: PolicyDocument; target: string; fields?: Record<string, string>; gives: string }[] = [
    { id: 'tracking arguments are not part of the page', policy: {}, target: '/a?utm_source=x&b=1&gclid=y', gives: '/a?b=1' },
    { id: 'what an app could have named itself is kept', policy: {}, target: '/a?ref=1&sid=2&session=3&source=4&campaign=5&pk_id=6', gives: '/a?campaign=5&pk_id=6&ref=1&session=3&sid=2&source=4' },
    { id: 'default list off', policy: { query: { ignoreDefaults: false } }, target: '/a?gclid=y', gives: '/a?gclid=y' },
    { id: 'names are compared decoded', policy: { query: { ignore: ['my name', 'caf\u00e9', '50%', 'a+b'] } }, target: '/a?my+name=1&my%20name=2&caf%c3%a9=3&50%25=4&a%2bb=5&x=6', gives: '/a?x=6' },
    { id: 'and not more than that', policy: { query: { ignore: ['a.b', 'my name'] } }, target: '/a?axb=1&myname=2', gives: '/a?axb=1&myname=2' },
    { id: 'prefixes', policy: { query: { ignore: ['x_*'] } }, target: '/a?x_=1&x_y=2&x=3&ax_y=4', gives: '/a?ax_y=4&x=3' },
    { id: 'only', policy: { query: { only: ['page', 'f_*'] } }, target: '/a?page=1&pages=2&f_a=3&utm_source=4', gives: '/a?f_a=3&page=1' },
    { id: 'only tracking, if wanted', policy: { query: { only: ['utm_source'] } }, target: '/a?utm_source=4&x=1', gives: '/a?utm_source=4' },
    { id: 'only nothing', policy: { query: { only: [] } }, target: '/a?x=1&=2', gives: '/a' },
    { id: 'unsorted', policy: { query: { sort: false } }, target: '/a?b=1&a=2', gives: '/a?b=1&a=2' },
    { id: 'ignored', policy: { ignore: ['/admin'] }, target: '/ADMIN/x', gives: '!ignored' },
    { id: 'ignored, case-sensitive', policy: { ignore: ['/x', { pattern: '/Admin', caseSensitive: true }] }, target: '/admin', gives: '/admin' },
    { id: 'two kinds of ignored', policy: { ignore: ['/x', { pattern: '/Admin', caseSensitive: true }] }, target: '/X', gives: '!ignored' },
    { id: 'a session', policy: {}, target: '/', fields: { cookie: 'a=1; connect.sid=s%3Ax' }, gives: '!cookie' },
    { id: 'a session of one\'s own', policy: { cookies: { session: ['member_*'] } }, target: '/', fields: { cookie: 'member_3=1' }, gives: '!cookie' },
    { id: 'only one\'s own sessions', policy: { cookies: { session: ['member_*'], sessionDefaults: false } }, target: '/', fields: { cookie: 'PHPSESSID=1' }, gives: '/' },
    { id: 'no session cookies at all', policy: { cookies: { sessionDefaults: false } }, target: '/', fields: { cookie: 'PHPSESSID=1' }, gives: '/' },
    { id: 'an exception', policy: { cookies: { except: ['chat_session'] } }, target: '/', fields: { cookie: 'chat_session=1' }, gives: '/' },
    { id: 'a host', policy: { hosts: ['example.org', '*.example.org'] }, target: '/', fields: { host: 'WWW.example.org' }, gives: '/' },
    { id: 'another host', policy: { hosts: ['example.org'] }, target: '/', fields: { host: 'example.org.evil.test' }, gives: '!host' },
    { id: 'an allowed ambiguity', policy: { allowAmbiguous: ['semicolon'] }, target: '/a;b', gives: '/a;b' },
    { id: 'no-cache', policy: { requestNoCache: true }, target: '/', fields: { 'cache-control': 'max-age=0, no-cache' }, gives: '!request-no-cache' },
    { id: 'too long', policy: { maxTargetBytes: 64 }, target: '/' + 'a'.repeat(64), gives: '!too-long' }
  ]
  it.each(cases)('$id', ({ policy, target, fields, gives }) => {
    const verdict = resolve(request(target, fields), loadPolicy(policy), sha256Hex)
    expect(verdict.bypass === '' ? verdict.forward : '!' + verdict.bypass).toBe(gives)
  })

  it('maps variants to their values, and what is forwarded to the same values', () => {
    const policy = loadPolicy({
      variants: [
        { name: 'language', header: 'Accept-Language', negotiate: true, values: ['en', 'de'] },
        { name: 'device', header: 'User-Agent', values: [{ value: 'phone', pattern: 'Android.*Mobile|iPhone', forward: 'iPhone' }, 'desktop'], default: 'desktop' },
        { name: 'currency', cookie: 'cur', values: ['EUR', 'USD'] }
      ]
    })
    const variantsOf = (fields: Record<string, string>): string => resolve(request('/', fields), policy, sha256Hex).variants
    expect(variantsOf({})).toBe('en,desktop,EUR')
    expect(variantsOf({ 'accept-language': 'de-AT, en;q=0.5', 'user-agent': 'Mozilla (iPhone; x)', cookie: 'a=1; cur=USD' })).toBe('de,phone,USD')
    expect(variantsOf({ 'accept-language': 'de', 'user-agent': 'iPhone', cookie: 'cur=USD' })).toBe('de,phone,USD')
    expect(variantsOf({ 'user-agent': 'desktop' })).toBe('en,desktop,EUR')
  })

  it('tells which ignore pattern decided', () => {
    const { ignoreRules } = loadPolicy({ ignore: ['/a', { pattern: '/B', caseSensitive: true }] })
    expect(ignoreRules.map(({ pattern, regex }) => [pattern, regex.test('/A'), regex.test('/B'), regex.test('/b')])).toEqual([['/a', true, false, false], ['/B', false, true, false]])
  })
})

describe('routes and headers', () => {
  it('routes match from the start, the last one everything', () => {
    const { routes } = loadPolicy({ routes: [{ match: '/feed', ttl: 60, type: 'application/atom+xml' }, { match: '/.*' }] })
    expect(routes.map(({ ttlSeconds, contentType }) => [ttlSeconds, contentType])).toEqual([[60, 'application/atom+xml'], [null, 'text/html; charset=utf-8'], [null, 'text/html; charset=utf-8']])
    expect(routes[0]?.match?.test('/Feed/1')).toBe(true)
    expect(routes[0]?.match?.test('/a/feed')).toBe(false)
    expect(routes[2]?.match).toBeNull()
  })

  it('unkeyed fields: lower case, once, without those of variants', () => {
    const { unkeyedHeaders } = loadPolicy({ headers: { unkeyed: ['X-Country', 'x-forwarded-host'] }, variants: [{ name: 'htmx', header: 'HX-Request', values: ['false', 'true'] }] })
    expect(unkeyedHeaders).toContain('x-country')
    expect(unkeyedHeaders.filter((name) => name === 'x-forwarded-host')).toHaveLength(1)
    expect(unkeyedHeaders).not.toContain('hx-request')
    expect(loadPolicy({ headers: { unkeyed: ['X-Country'], unkeyedDefaults: false } }).unkeyedHeaders).toEqual(['x-country'])
    expect(loadPolicy({}).unkeyedHeaders.filter((name) => name !== name.toLowerCase())).toEqual([])
  })
})

describe('what is wrong is said with its place, what was found and what is allowed', () => {
  const cases: { id: string; document: unknown; problems: string[] }[] = [
    { id: 'no object', document: [], problems: ['$: found [], allowed: an object'] },
    { id: 'an unknown name', document: { ingore: [] }, problems: ['$.ingore: unknown; did you mean "ignore"?'] },
    { id: 'a quite unknown name', document: { query: { zzzzzzzz: 1 } }, problems: ['$.query.zzzzzzzz: unknown; known are ignore, ignoreDefaults, only, sort'] },
    { id: 'a name that is no identifier', document: { 'a/b': 1 }, problems: ['$["a/b"]: unknown; known are $schema, prefix, mode, scheme, hosts, maxTargetBytes, ignore, allowAmbiguous, requestNoCache, requestDirectives, query, cookies, headers, variants, responses, routes'] },
    { id: 'a prefix', document: { prefix: 'a b' }, problems: ['$.prefix: found "a b", allowed: 1 to 24 of A-Z a-z 0-9 _ . -'] },
    { id: 'a long prefix', document: { prefix: 'p'.repeat(25) }, problems: [`$.prefix: found "${'p'.repeat(25)}", allowed: 1 to 24 of A-Z a-z 0-9 _ . -`] },
    { id: 'a mode', document: { mode: 'fast' }, problems: ['$.mode: found "fast", allowed: "full", "raw"'] },
    { id: 'a number', document: { maxTargetBytes: 9000 }, problems: ['$.maxTargetBytes: found 9000, allowed: a whole number from 64 to 8000'] },
    { id: 'a fraction', document: { maxTargetBytes: 100.5 }, problems: ['$.maxTargetBytes: found 100.5, allowed: a whole number from 64 to 8000'] },
    { id: 'a text for a truth', document: { query: { sort: 'yes' } }, problems: ['$.query.sort: found "yes", allowed: true or false'] },
    { id: 'a text for a list', document: { ignore: '/admin' }, problems: ['$.ignore: found "/admin", allowed: a list'] },
    { id: 'null', document: { query: null }, problems: ['$.query: found null, allowed: an object'] },
    { id: 'a star in the middle of an argument', document: { query: { only: ['a', 'b', 'c', 'd*e'] } }, problems: ['$.query.only[3]: found "d*e", allowed: a decoded name, with * only at its end'] },
    { id: 'a star alone', document: { query: { ignore: ['*'] } }, problems: ['$.query.ignore[0]: found "*", allowed: a decoded name, with * only at its end'] },
    { id: 'an argument twice', document: { query: { only: ['a', 'a'] } }, problems: ['$.query.only: items 1 and 0 are the same, found "a" twice'] },
    { id: 'a star in the middle of a cookie', document: { cookies: { session: ['a*b'] } }, problems: ['$.cookies.session[0]: found "a*b", allowed: a cookie name, with * only at its start or end'] },
    { id: 'an ambiguity', document: { allowAmbiguous: ['slash'] }, problems: ['$.allowAmbiguous[0]: found "slash", allowed: "backslash", "bad-escape", "dot-segment", "double-encoding", "empty-segment", "encoded-backslash", "encoded-control", "encoded-slash", "semicolon"'] },
    { id: 'a URL for a host', document: { hosts: ['https://example.org'] }, problems: ['$.hosts[0]: found "https://example.org", allowed: a host such as example.org, *.example.org, localhost:8080 or [::1]:8080'] },
    { id: 'an international host', document: { hosts: ['m\u00fcnchen.de'] }, problems: ['$.hosts[0]: found "m\u00fcnchen.de", allowed: a host such as example.org, *.example.org, localhost:8080 or [::1]:8080'] },
    { id: 'a star in the middle of a host', document: { hosts: ['a.*.org'] }, problems: ['$.hosts[0]: found "a.*.org", allowed: a host such as example.org, *.example.org, localhost:8080 or [::1]:8080'] },
    { id: 'a default port', document: { hosts: ['a.org:443'] }, problems: ['$.hosts[0]: found "a.org:443"; leave out the scheme\'s own port, as the key does'] },
    { id: 'only and ignore', document: { query: { only: ['a'], ignore: ['b'] } }, problems: ['$.query: found both only and ignore, allowed: one of them; with only, all other arguments are ignored already'] },
    { id: 'a pattern without a pattern', document: { ignore: [{ patern: 'x' }] }, problems: ['$.ignore[0]: found {"patern":"x"}, where "pattern" is missing', '$.ignore[0].patern: unknown; did you mean "pattern"?'] },
    { id: 'an empty pattern', document: { ignore: [''] }, problems: ['$.ignore[0]: found "", allowed: at least 1 characters'] },
    { id: 'a number for a pattern', document: { routes: [{ match: 3 }] }, problems: ['$.routes[0].match: found 3, allowed: a pattern, or {"pattern": "...", "caseSensitive": true}'] },
    { id: 'a regex outside the grammar', document: { ignore: ['/a', '/x(?=a)'] }, problems: ['$.ignore[1]: a lookahead at offset 2: the engines differ; write several patterns, or a class such as [^/]\n    /x(?=a)\n      ^^^^^'] },
    { id: 'a regex of a route', document: { routes: [{ match: '/a' }, { match: '\\h' }] }, problems: ['$.routes[1].match: the escape \\h at offset 0: only punctuation, d, w, s and b follow a backslash; write h\n    \\h\n    ^^'] },
    { id: 'a header that Nginx sets', document: { headers: { unkeyed: ['Host', 'X-Forwarded-Proto'] } }, problems: ['$.headers.unkeyed[0]: found "Host", which cannot be removed: the host is always part of the key', '$.headers.unkeyed[1]: found "X-Forwarded-Proto", which cannot be removed: Nginx sets it itself'] },
    { id: 'a header with a line break', document: { headers: { unkeyed: ['X-A\r\nX-B'] } }, problems: ['$.headers.unkeyed[0]: found "X-A\\r\\nX-B", allowed: a field name of A-Z a-z 0-9 _ -'] },
    { id: 'a content type with a line break', document: { routes: [{ match: '/', type: 'text/html\n' }] }, problems: ['$.routes[0].type: found "text/html\\n", allowed: a media type such as text/html; charset=utf-8'] },
    { id: 'a content type that Nginx would expand', document: { routes: [{ match: '/', type: 'text/$host' }] }, problems: ['$.routes[0].type: found "text/$host", allowed: a media type such as text/html; charset=utf-8'] },
    { id: 'a time to live', document: { routes: [{ match: '/', ttl: 0 }] }, problems: ['$.routes[0].ttl: found 0, allowed: a whole number of seconds from 1 to 31536000 (a year)'] },
    { id: 'one value', document: { variants: [{ name: 'x', cookie: 'x', values: ['a'] }] }, problems: ['$.variants[0].values: found 1 items, allowed: at least 2'] },
    { id: 'a value', document: { variants: [{ name: 'x', cookie: 'x', values: ['a', 'b c'] }] }, problems: ['$.variants[0].values[1]: found "b c", allowed: 1 to 16 of A-Z a-z 0-9 _ -, or an object with a value'] },
    { id: 'a value twice', document: { variants: [{ name: 'x', cookie: 'x', values: ['a', 'A'] }] }, problems: ['$.variants[0].values[1]: found "A" twice (case does not matter)'] },
    { id: 'neither cookie nor header', document: { variants: [{ name: 'x', values: ['a', 'b'] }] }, problems: ['$.variants[0]: found neither cookie nor header, allowed: exactly one of them'] },
    { id: 'both cookie and header', document: { variants: [{ name: 'x', cookie: 'c', header: 'x-h', values: ['a', 'b'] }] }, problems: ['$.variants[0]: found both cookie and header, allowed: exactly one of them'] },
    { id: 'a default that is none', document: { variants: [{ name: 'x', cookie: 'c', values: ['a', 'b'], default: 'c' }] }, problems: ['$.variants[0].default: found "c", allowed: "a", "b"'] },
    { id: 'negotiation of something else', document: { variants: [{ name: 'x', header: 'accept', negotiate: true, values: ['a', 'b'] }] }, problems: ['$.variants[0].negotiate: found true, allowed: only with "header": "accept-language"'] },
    { id: 'negotiation by pattern', document: { variants: [{ name: 'x', header: 'accept-language', negotiate: true, values: ['de', { value: 'en', pattern: 'en' }] }] }, problems: ['$.variants[0].values[1].pattern: not together with negotiate, which looks up the values themselves'] },
    { id: 'a forward that selects another value', document: { variants: [{ name: 'device', header: 'user-agent', values: ['desktop', { value: 'phone', pattern: 'iPhone' }] }] }, problems: ['$.variants[0].values[1]: the app would be shown "phone", which selects "desktop" instead of "phone"; give a "forward" that selects "phone"'] },
    { id: 'a forward that Nginx would expand', document: { variants: [{ name: 'x', header: 'x-h', values: ['a', { value: 'b', pattern: 'b', forward: '$host b' }] }] }, problems: ['$.variants[0].values[1].forward: found "$host b", allowed: up to 200 printable ASCII characters without $ and " (for a cookie also without space, comma, semicolon and backslash)'] },
    { id: 'a forward that ends a cookie', document: { variants: [{ name: 'x', cookie: 'c', values: ['a', { value: 'b', pattern: 'b', forward: 'b; admin=1' }] }] }, problems: ['$.variants[0].values[1].forward: found "b; admin=1", allowed: what a cookie can hold, no space, comma, semicolon or backslash'] },
    { id: 'a reserved header', document: { variants: [{ name: 'x', header: 'Cookie', values: ['a', 'b'] }] }, problems: ['$.variants[0].header: found "cookie", which cannot be a dimension: cookies are removed, except those of variants'] },
    { id: 'two dimensions from one place', document: { variants: [{ name: 'x', cookie: 'c', values: ['a', 'b'] }, { name: 'X', cookie: 'c', values: ['a', 'b'] }] }, problems: ['$.variants[1].name: found "X", which another dimension has already', '$.variants[1].cookie: found "c", which dimension "x" reads already'] },
    { id: 'too many combinations', document: { variants: [0, 1, 2].map((n) => ({ name: `v${n}`, cookie: `c${n}`, values: ['a', 'b', 'c', 'd', 'e'] })) }, problems: ['$.variants: found 125 combinations of values, allowed: at most 64, because each URL can be stored that many times'] },
    { id: 'patterns that are slow together', document: { maxTargetBytes: 8000, ignore: Array.from({ length: 8 }, (_, n) => `.*\\.(?:jpg|jpeg|gif|png|js|x${n})$`) }, problems: ['$: all patterns together could take 1,296,160 steps a request, allowed: 1,000,000; ".*\\\\.(?:jpg|jpeg|gif|png|js|x0)$" alone could take 160,020'] },
    { id: 'patterns that are large together', document: { ignore: [`/(?:[a-z]x){1000}`, '/(?:[a-z]y){1000}'] }, problems: ['$: all patterns together are too large for PCRE: about 108,048 bytes, allowed: 50,000; use fewer classes and counts'] }
  ]
  it.each(cases)('$id', ({ document, problems }) => expect(problemsOf(document)).toEqual(problems))

  it('all at once', () => {
    expect(problemsOf({ ignore: ['(', '\\h'], hosts: ['a:80'], query: { only: [], ignore: ['x'] }, headers: { unkeyed: ['te'] } }).map((problem) => problem.split(':')[0])).toEqual(
      ['$.ignore[0]', '$.ignore[1]', '$.hosts[0]', '$.headers.unkeyed[0]', '$.query'])
  })

  it('of shape and of meaning, without what would follow from the first', () => {
    expect(problemsOf({ mod: 1, 'a"b': 2, hosts: ['a:80'], ignore: ['(', 3], routes: [{ match: '(' }] }).map((problem) => problem.split(':')[0])).toEqual(
      ['$.mod', '$["a\\"b"]', '$.ignore[1]', '$.routes[0].match', '$.hosts[0]'])
  })

  it('in one message', () => {
    expect(() => loadPolicy({ mode: 'x', ignore: ['\\h'] } as never)).toThrow('policy: 2 problems\n  $.mode: found "x", allowed: "full", "raw"\n  $.ignore[0]: the escape \\h at offset 0: only punctuation, d, w, s and b follow a backslash; write h\n      \\h\n      ^^')
  })
})

describe('files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'samekey-policy-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  const cases: { id: string; text: string; message: string }[] = [
    { id: 'a comma at the end', text: '{\n  "mode": "raw",\n}', message: 'no JSON: property name expected at line 3, column 1' },
    { id: 'a bare word', text: '{"mode": raw}', message: 'no JSON: invalid symbol at line 1, column 10' },
    { id: 'a comment', text: '{\n  // why\n  "mode": "raw" }', message: 'no JSON: invalid comment token at line 2, column 3' },
    { id: 'an end too early', text: '{"hosts": ["a"', message: 'no JSON: close bracket expected at line 1, column 15' },
    { id: 'nothing', text: '', message: 'no JSON: value expected at line 1, column 1' },
    { id: 'something after the end', text: '{} {}', message: 'no JSON: end of file expected at line 1, column 4' }
  ]
  it.each(cases)('$id', ({ id, text, message }) => {
    const path = join(folder, id.replaceAll(' ', '-') + '.json')
    writeFileSync(path, text)
    expect(() => loadPolicy(path)).toThrow(`${path}: 1 problem\n  $: ${message}`)
  })

  it('a missing file', () => {
    const path = join(folder, 'none.json')
    expect(() => loadPolicy(path)).toThrow(`${path}: 1 problem\n  $: there is no such file`)
  })

  it('a folder', () => expect(() => loadPolicy(folder)).toThrow('cannot be read'))

  it('a byte order mark, and the schema for the editor', () => {
    const path = join(folder, 'good.json')
    writeFileSync(path, '\ufeff{"$schema": "./policy.schema.json", "mode": "raw"}')
    expect(loadPolicy(path).mode).toBe('raw')
  })
})
