// What a purge request means, and what is wrong with one that means nothing.

import { describe, expect, test } from 'vitest'
import { loadPolicy } from '../../node-writer/policy/load.js'
import type { PolicyDocument } from '../../node-writer/policy/types.js'
import { type PurgePlan, PurgeRequestError, readPurgeRequest } from '../../node-writer/purge_request.js'

const SITE = 'https://example.org'
const https: PolicyDocument = { scheme: 'https' }
const raw: PolicyDocument = { mode: 'raw', scheme: 'https' }

const plan = (request: unknown, document: PolicyDocument = https, site: string | undefined = SITE): PurgePlan => readPurgeRequest(request, loadPolicy(document), site)

describe('what is meant', () => {
  test.each<{ id: string; request: unknown; document?: PolicyDocument; meant: Partial<PurgePlan> }>([
    { id: 'one URL', request: { urls: 'https://a.example/p#top' }, meant: { urls: ['https://a.example/p#top'], bans: [] } },
    { id: 'paths of the site, each once', request: { urls: ['/a', '/b', '/a'] }, meant: { urls: ['https://example.org/a', 'https://example.org/b'] } },
    { id: 'a path under both schemes, where the key tells them apart', request: { urls: '/a' }, document: {}, meant: { urls: ['http://example.org/a', 'https://example.org/a'] } },
    { id: 'another site', request: { urls: '/a', site: 'https://b.example/' }, meant: { urls: ['https://b.example/a'] } },
    { id: 'tags, each once', request: { tags: ['a', 'b', 'a'] }, meant: { bans: [{ kind: 'tag', tags: ['a', 'b'] }] } },
    { id: 'groups are of the site', request: { groups: 'x y', tags: 'a' }, meant: { bans: [{ kind: 'tag', tags: ['a', 'g:https://example.org/x%20y'] }] } },
    { id: 'groups of a named site are of that origin alone', request: { groups: 'x', site: 'http://B.example:8080' }, document: {}, meant: { bans: [{ kind: 'tag', tags: ['g:http://b.example:8080/x'] }] } },
    { id: 'groups of the own site, under both schemes', request: { groups: 'x' }, document: {}, meant: { bans: [{ kind: 'tag', tags: ['g:http://example.org/x', 'g:https://example.org/x'] }] } },
    { id: 'a prefix in the form of keys', request: { prefix: 'HTTPS://Example.ORG:443/%62log/%c3' }, meant: { bans: [{ kind: 'prefix', prefixes: ['https://example.org/blog/%C3'] }] } },
    { id: 'the scheme is the one that keys have', request: { prefix: 'http://example.org/' }, meant: { bans: [{ kind: 'prefix', prefixes: ['https://example.org/'] }] } },
    { id: 'a host', request: { prefix: 'https://example.org' }, meant: { bans: [{ kind: 'prefix', prefixes: ['https://example.org/'] }] } },
    { id: 'ignored arguments are none', request: { prefix: '/a?utm_source=x' }, meant: { bans: [{ kind: 'prefix', prefixes: ['https://example.org/a'] }] } },
    { id: 'the beginning of a query', request: { prefix: '/a?page=' }, meant: { bans: [{ kind: 'prefix', prefixes: ['https://example.org/a?page='] }] } },
    { id: 'a pattern, without captures', request: { pattern: '/(a|b)/\\d+' }, meant: { bans: [{ kind: 'pattern', pattern: '/(?:a|b)/\\d+', caseSensitive: false }] } },
    { id: 'several patterns', request: { pattern: ['/a', { pattern: '/B', caseSensitive: true }] }, meant: { bans: [{ kind: 'pattern', pattern: '/a', caseSensitive: false }, { kind: 'pattern', pattern: '/B', caseSensitive: true }] } },
    { id: 'all is all', request: { all: true, tags: ['a'], prefix: '/b', urls: '/c' }, meant: { all: true, urls: ['https://example.org/c'], bans: [{ kind: 'all' }] } },
    { id: 'an empty list is nothing to do', request: { tags: [] }, meant: { urls: [], bans: [] } },
    { id: 'raw mode: a prefix is no ban', request: { prefix: '/a/' }, document: raw, meant: { prefixes: ['https://example.org/a/'], bans: [] } },
    { id: 'raw mode: all', request: { all: true }, document: raw, meant: { all: true, bans: [] } },
    { id: 'an ambiguity that the policy allows', request: { prefix: '/a//b' }, document: { scheme: 'https', allowAmbiguous: ['empty-segment'] }, meant: { bans: [{ kind: 'prefix', prefixes: ['https://example.org/a//b'] }] } },
    { id: 'who asks', request: { all: true, by: 'deploy' }, meant: { all: true } }
  ])('$id', ({ request, document, meant }) => expect(plan(request, document)).toMatchObject(meant))
})

describe('what means nothing is refused as a whole, with its place', () => {
  test.each<{ id: string; request: unknown; document?: PolicyDocument; path: string; problem: RegExp }>([
    { id: 'no object', request: 'x', path: '$', problem: /expected an object/ },
    { id: 'null', request: null, path: '$', problem: /expected an object/ },
    { id: 'a list', request: ['/a'], path: '$', problem: /expected an object/ },
    { id: 'nothing', request: {}, path: '$', problem: /nothing to purge/ },
    { id: 'only who asks', request: { by: 'me', site: SITE }, path: '$', problem: /nothing to purge/ },
    { id: 'all: false', request: { all: false }, path: '$', problem: /nothing to purge/ },
    { id: 'a misspelt field', request: { tag: 'a' }, path: '$', problem: /no "tag"; did you mean tags\?/ },
    { id: 'all that is no truth value', request: { all: 1 }, path: '$.all', problem: /true or false/ },
    { id: 'a number among the tags', request: { tags: ['a', 7] }, path: '$.tags[1]', problem: /a text, got 7/ },
    { id: 'an object for a tag', request: { tags: { a: 1 } }, path: '$.tags', problem: /a text/ },
    { id: 'a tag with a space', request: { tags: 'a b' }, path: '$.tags', problem: /from ! to ~/ },
    { id: 'a tag that is too long', request: { tags: ['x'.repeat(129)] }, path: '$.tags[0]', problem: /1 to 128/ },
    { id: 'no URL', request: { urls: ['example.org/p'] }, path: '$.urls[0]', problem: /absolute http or https URL/ },
    { id: 'another scheme', request: { urls: ['ftp://example.org/'] }, path: '$.urls[0]', problem: /absolute http or https URL/ },
    { id: 'a prefix that is none', request: { prefix: 'blog/' }, path: '$.prefix', problem: /absolute http or https URL/ },
    { id: 'a prefix under which nothing is stored', request: { prefix: '/a//b' }, path: '$.prefix', problem: /empty-segment/ },
    { id: 'a prefix of no host', request: { prefix: 'https://a..b/' }, path: '$.prefix', problem: /expected a host/ },
    { id: 'a site that is none', request: { urls: '/a', site: 'example.org' }, path: '$.site', problem: /https:\/\/host/ },
    { id: 'a site with a path', request: { urls: '/a', site: 'https://example.org/shop' }, path: '$.site', problem: /https:\/\/host/ },
    { id: 'a pattern that is none', request: { pattern: ['/a', '/('] }, path: '$.pattern[1]', problem: /no valid regex/ },
    { id: 'a pattern outside the grammar', request: { pattern: '/(?=a)' }, path: '$.pattern', problem: /lookahead/ },
    { id: 'a pattern that matches everything', request: { pattern: '.*' }, path: '$.pattern', problem: /can match nothing/ },
    { id: 'a pattern that could stall Nginx', request: { pattern: '.*a.*a.*b' }, path: '$.pattern', problem: /steps/ },
    { id: 'a pattern that is too slow for a list of them', request: { pattern: '/.*foo|/.*bar|/.*baz' }, path: '$.pattern', problem: /could take 1[0-9]{4} steps, and 16384 are/ },
    { id: 'a pattern with a space', request: { pattern: '/a b' }, path: '$.pattern', problem: /%20/ },
    { id: 'a pattern with another field', request: { pattern: { pattern: '/a', flags: 'i' } }, path: '$.pattern', problem: /expected a regex/ },
    { id: 'raw mode: tags', request: { urls: '/a', tags: ['a'] }, document: raw, path: '$.tags', problem: /raw entry .* mode "full"/ },
    { id: 'raw mode: a pattern', request: { pattern: '/a' }, document: raw, path: '$.pattern', problem: /raw entry/ },
    { id: 'raw mode: groups', request: { groups: ['a'] }, document: raw, path: '$.groups', problem: /raw entry/ },
    { id: 'who asks, as a number', request: { all: true, by: 7 }, path: '$.by', problem: /a text/ }
  ])('$id', ({ request, document, path, problem }) => {
    const refused = (() => { try { return plan(request, document) } catch (error) { return error } })()
    expect(refused).toBeInstanceOf(PurgeRequestError)
    expect(refused).toMatchObject({ path, problem: expect.stringMatching(problem) })
  })

  test('a path without a site', () => {
    expect(() => readPurgeRequest({ prefix: ['https://a.example/', '/a'] }, loadPolicy({}), undefined)).toThrow(/\$\.prefix\[1\]: which site/)
  })
})
