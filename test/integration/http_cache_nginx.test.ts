// The shared cache of RFC 9111 on every Nginx and engine, Nginx and sidecar together: what one of them alone cannot get
// right. Each row has a page of its own, whose first visit it is.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { searchRuleKey } from '../../njs/core/key.js'
import { sha256Hex } from '../../node-writer/key.js'
import { pageCache } from '../../node-writer/page_cache.js'
import { loadPolicy } from '../../node-writer/policy/load.js'
import type { PolicyDocument } from '../../node-writer/policy/types.js'
import { Store } from '../../node-writer/store.js'
import { engines } from '../support/engines.js'
import { until } from '../support/until.js'
import type { RawResponse } from '../support/raw_http.js'
import { type CacheStack, said, startCacheStack } from './cache_stack.js'
import { showLogsOnFailure } from './stack.js'

const OLD = 'Sat, 01 Jan 2022 00:00:00 GMT'
const MODIFIED = 'Mon, 01 Jan 2024 00:00:00 GMT'
const LATER = 'Tue, 02 Jan 2024 00:00:00 GMT'
const text = 'the page '.repeat(300)

type Page = (req: IncomingMessage, res: ServerResponse) => void
type Header = Record<string, string>

const always = (headers: Header, status = 200): Page => (_, res) => void res.writeHead(status, { 'Content-Type': 'text/html', ...headers }).end(text)
/** As a framework does it: 304 to who names the validator. */
const checking = (headers: Header): Page => (req, res) => {
  const known = headers['ETag'] !== undefined && req.headers['if-none-match']?.includes(headers['ETag'])
  const unmodified = req.headers['if-none-match'] === undefined && headers['Last-Modified'] !== undefined && req.headers['if-modified-since'] === headers['Last-Modified']
  return known || unmodified ? void res.writeHead(304, headers).end() : always(headers)(req, res)
}

const strong = { 'Cache-Control': 'max-age=60', ETag: '"v,1"', Link: '</a.css>; rel=preload' }
const weak = { ...strong, ETag: 'W/"v,1"' }
const dated = { 'Cache-Control': 'max-age=60', 'Last-Modified': MODIFIED }
const neither = { 'Cache-Control': 'max-age=60' }

interface Condition { id: string; why: string; page: Page; asks: string[]; status: number }
const conditions: Condition[] = [
  { id: 'strong', why: 'RFC 9110 §13.1.2', page: always(strong), asks: ['If-None-Match: "v,1"'], status: 304 },
  { id: 'weak-for-strong', why: '§13.1.2: compared weakly', page: always(strong), asks: ['If-None-Match: W/"v,1"'], status: 304 },
  { id: 'strong-for-weak', why: '§13.1.2', page: always(weak), asks: ['If-None-Match: "v,1"'], status: 304 },
  { id: 'list', why: '§13.1.2: any of them', page: always(strong), asks: ['If-None-Match: "a" ,W/"b",\t "v,1" , "c"'], status: 304 },
  { id: 'star', why: '§13.1.2: there is one', page: always(strong), asks: ['If-None-Match: *'], status: 304 },
  { id: 'star-for-nothing', why: '§13.1.2: also without a validator', page: always(neither), asks: ['If-None-Match: *'], status: 304 },
  { id: 'other', why: '§13.1.2', page: always(strong), asks: ['If-None-Match: "v", "1"'], status: 200 },
  { id: 'upper-weak', why: '§8.8.3: W has a case', page: always(strong), asks: ['If-None-Match: w/"v,1"'], status: 200 },
  { id: 'tag-first', why: '§13.1.3: If-Modified-Since is ignored then', page: always({ ...strong, 'Last-Modified': MODIFIED }), asks: ['If-None-Match: "v0"', `If-Modified-Since: ${LATER}`], status: 200 },
  { id: 'same-date', why: '§13.1.3', page: always(dated), asks: [`If-Modified-Since: ${MODIFIED}`], status: 304 },
  { id: 'later', why: '§13.1.3', page: always(dated), asks: [`If-Modified-Since: ${LATER}`], status: 304 },
  { id: 'earlier', why: '§13.1.3', page: always(dated), asks: [`If-Modified-Since: ${OLD}`], status: 200 },
  { id: 'no-date', why: '§13.1.3: ignored', page: always(dated), asks: ['If-Modified-Since: yesterday'], status: 200 },
  { id: 'not-found', why: '§13.2.1: conditions are about a 200', page: always(strong, 404), asks: ['If-None-Match: "v,1"'], status: 404 }
]

/** What the app of the engine under test was asked. */
let asks: IncomingMessage[] = []
/** Until then the second answer of `held` does not come. */
let release = Promise.resolve()
let letGo = (): void => {}

const pages: Record<string, Page> = {
  ...Object.fromEntries(conditions.map(({ id, page }) => [id, page])),
  whole: always(strong),
  // Stored as it is: gzip has nothing to do with it.
  plain: always({ ...strong, 'Cache-Control': 'max-age=60, no-transform', 'Content-Length': String(text.length) }),
  public: always({ 'Cache-Control': 'public, s-maxage=60, must-revalidate' }),
  private: (req, res) => (req.headers.range === undefined ? always({ 'Cache-Control': 'private', ETag: '"v"' })(req, res) : void res.writeHead(206, { 'Cache-Control': 'private', 'Content-Range': 'bytes 0-3/2700' }).end('the ')),
  checked: checking({ 'Cache-Control': 'no-cache', ETag: '"v1"' }),
  rewritten: (req, res) => (req.headers['if-none-match'] === undefined ? always({ 'Cache-Control': 'no-cache', ETag: '"v1"' })(req, res) : void res.writeHead(304, { ETag: '"v2"' }).end()),
  search: (req, res) => always({ 'Cache-Control': 'max-age=60', 'No-Vary-Search': 'params=("from" "page*")', 'X-Asked': req.url as string })(req, res),
  order: (req, res) => always({ 'Cache-Control': 'max-age=60', 'No-Vary-Search': 'key-order', 'X-Asked': req.url as string })(req, res),
  only: (req, res) => always({ 'Cache-Control': 'max-age=60', 'No-Vary-Search': 'params, except=("id" "utm_source")', 'X-Asked': req.url as string })(req, res),
  asked: (req, res) => checking({ 'Cache-Control': 'no-cache', ETag: '"v1"', 'No-Vary-Search': 'params=("from")' })(req, res),
  taken: (req, res) => always({ 'Cache-Control': 'max-age=60', ...(req.url?.includes('plain') ? {} : { 'No-Vary-Search': 'params=("from")' }) })(req, res),
  counted: (req, res) => {
    const number = String(asksOf(req.url as string).length)
    always({ 'Cache-Control': 'no-cache', ETag: `"${number}"`, 'X-Number': number })(req, res)
  },
  encoded: always({ 'Cache-Control': 'max-age=60', Vary: 'accept-encoding' }),
  languages: (req, res) => always({ 'Cache-Control': 'max-age=60', Vary: 'Accept-Language', 'X-Language': req.headers['accept-language'] as string })(req, res),
  'star-vary': always({ 'Cache-Control': 'max-age=60', Vary: 'X-Tint, *' }),
  tints: always({ 'Cache-Control': 'max-age=60', Vary: 'X-Tint' }),
  posted: (req, res) => {
    if (req.method === 'GET') return always(strong)(req, res)
    const elsewhere = req.url === '/posted/elsewhere'
    res.writeHead(201, { Location: elsewhere ? 'http://other.test/whole/other' : '/whole/location', 'Content-Location': '/whole/content' }).end()
  },
  grouped: (req, res) => {
    if (req.method === 'POST') return void res.writeHead(204, { 'Cache-Group-Invalidation': '"a"' }).end()
    const groups = ((req.url as string).split('/')[2] as string).split('-').map((name) => `"${name}"`)
    always({ 'Cache-Control': 'max-age=600', 'Cache-Groups': groups.join(', ') })(req, res)
  },
  held: (req, res) => {
    const number = asksOf(req.url as string).length
    const answer = () => always({ 'Cache-Control': number === 1 ? 'max-age=1, stale-while-revalidate=600' : 'max-age=600', 'X-Number': String(number) })(req, res)
    if (number === 1) answer()
    else void release.then(answer)
  },
  silent: (req, res) => (asksOf(req.url as string).length === 1 ? always({ 'Cache-Control': 'max-age=1, stale-if-error=600' })(req, res) : undefined),
  away: always({ 'Cache-Control': 'max-age=1' }),
  strict: always({ 'Cache-Control': 'max-age=1, must-revalidate', ETag: '"v1"' }),
  said: always({ 'Cache-Control': 'max-age=1, stale-if-error=0', ETag: '"v1"' })
}

const document: PolicyDocument = { variants: [{ name: 'language', header: 'Accept-Language', negotiate: true, values: ['en', 'de'] }] }

describe.each(engines)('$id', (engine) => {
  let cache: CacheStack
  beforeAll(async () => {
    release = new Promise((resolve) => (letGo = resolve))
    const app: Page = (req, res) => (pages[(req.url as string).split(/[/?]/)[1] as string] as Page)(req, res)
    cache = await startCacheStack(engine, document, app, { originTimeoutMs: 3000 })
    asks = cache.asked
  })
  afterAll(() => cache?.stop())
  showLogsOnFailure(() => cache?.stack)

  describe('what the client has already, RFC 9111 §4.3.2', () => {
    test.each(conditions)('$id: $why', async ({ id, asks, status }) => {
      const miss = await cache.send(`/${id}`, asks)
      expect([miss.status, miss.body.toString()]).toEqual([status, status === 304 ? '' : text])
      expect(said(miss)).toMatch(new RegExp(`^samekey; fwd=uri-miss; ${status === 304 ? 'fwd-status=200; ' : ''}stored; ttl=(?:60|59)$`))
      // The app was asked for the page, so that there is something to store.
      expect(cache.asked.at(-1)?.headers).not.toHaveProperty('if-none-match')
      expect(cache.asked.at(-1)?.headers).not.toHaveProperty('if-modified-since')
      const whole = await cache.hit(`/${id}`)
      expect(whole.body.toString()).toBe(text)
      // §4.3.2 is the same whoever answers: Nginx, when it is there.
      const hit = await cache.send(`/${id}`, asks)
      expect([hit.status, said(hit)]).toEqual([status, expect.stringMatching(/^samekey; hit; ttl=/)])
      const head = await cache.send(`/${id}`, asks, 'HEAD')
      expect([head.status, head.body.length, said(head)]).toEqual([status, 0, expect.stringMatching(/^samekey; hit; ttl=/)])
      if (status !== 304) return
      // RFC 9110 §15.4.5: what a 200 would have of these, and nothing that describes content.
      for (const response of [miss, hit, head]) {
        expect(kept(response)).toEqual({ ...kept(whole), 'last-modified': whole.header('etag') === undefined ? whole.header('last-modified') : undefined })
        expect(response.headers.filter(([name]) => /^content-(?:type|length|encoding)$/i.test(name))).toEqual([])
      }
      // The writer stores it compressed, and what comes of that.
      for (const response of [hit, head]) expect([response.header('vary'), response.header('etag')]).toEqual([whole.header('vary'), whole.header('etag')])
    })

    test('a HEAD that finds nothing is the app\'s, and brings nothing', async () => {
      expect((await cache.send('/whole/head', ['If-None-Match: "v,1"'], 'HEAD')).status).toBe(200)
      expect(cache.asked.at(-1)?.headers['if-none-match']).toBe('"v,1"')
      expect(said(await cache.send('/whole/head'))).toMatch(/^samekey; fwd=uri-miss; stored; ttl=(?:60|59)$/)
    })

    test('what is not stored is asked for as the client does, once that is known', async () => {
      const first = await cache.send('/private/1', ['Range: bytes=0-3'])
      expect([first.status, said(first)]).toEqual([200, 'samekey; fwd=uri-miss; detail=private'])
      const second = await cache.send('/private/1', ['Range: bytes=0-3'])
      expect([second.status, second.body.toString()]).toEqual([206, 'the '])
      await cache.send('/private/1', ['If-None-Match: "v"'])
      expect(cache.asked.at(-1)?.headers['if-none-match']).toBe('"v"')
    })

    const ranges = [
      { id: 'first', asks: 'bytes=4-7', status: 206, body: 'page', range: 'bytes 4-7/2700' },
      { id: 'last', asks: 'bytes=-5', status: 206, body: 'page ', range: 'bytes 2695-2699/2700' },
      { id: 'all', asks: 'bytes=0-', status: 206, body: text, range: 'bytes 0-2699/2700' },
      { id: 'beyond', asks: 'bytes=2700-', status: 416, body: 'no such range\n', range: 'bytes */2700' },
      { id: 'several', asks: 'bytes=0-1,4-5', status: 200, body: text, range: undefined },
      { id: 'unit', asks: 'pages=1-2', status: 200, body: text, range: undefined }
    ]
    test.each(ranges)('a range of what is not there yet, RFC 9110 §14: $id', async ({ id, asks: range, status, body, range: is }) => {
      const miss = await cache.send(`/plain/${id}`, [`Range: ${range}`])
      expect([miss.status, miss.body.toString(), miss.header('content-range')]).toEqual([status, body, is])
      expect(asks.at(-1)?.headers).not.toHaveProperty('range')
      // The whole is stored, and Nginx cuts it the same way.
      expect((await cache.hit(`/plain/${id}`)).body.toString()).toBe(text)
      const hit = await cache.send(`/plain/${id}`, [`Range: ${range}`])
      expect([hit.status, hit.body.toString(), hit.header('content-range')]).toEqual([status, body, is])
    })

    test('If-Range with another validator: the whole', async () => {
      expect((await cache.send('/plain/other', ['Range: bytes=4-7', 'If-Range: "other"'])).status).toBe(200)
      expect((await cache.send('/plain/same', ['Range: bytes=4-7', 'If-Range: "v,1"'])).status).toBe(206)
    })
  })

  describe('validation, RFC 9111 §4.3', () => {
    test('a 304 freshens, and is told', async () => {
      await cache.send('/checked/1')
      const again = await cache.send('/checked/1')
      expect([again.status, again.body.toString(), said(again)]).toEqual([200, text, expect.stringMatching(/^samekey; fwd=(?:stale|uri-miss); fwd-status=304; stored; ttl=0$/)])
      expect(await cache.stack.accessLog()).toContain(`"cache":"${said(again)}"`)
    })

    test('a client that has it gets the 304, and the app is asked about what is stored', async () => {
      await cache.stale('/checked/2')
      const answer = await cache.send('/checked/2', ['If-None-Match: "v1"'])
      expect([answer.status, answer.body.length, said(answer)]).toEqual([304, 0, 'samekey; fwd=stale; fwd-status=304; stored; ttl=0'])
    })

    test('a HEAD asks as a GET does, and what is stored is fresh again, §4.3.5', async () => {
      await cache.stale('/checked/3')
      const answer = await cache.send('/checked/3', [], 'HEAD')
      expect([answer.status, answer.body.length, answer.header('etag'), said(answer)]).toEqual([200, 0, 'W/"v1"', 'samekey; fwd=stale; fwd-status=304; stored; ttl=0'])
      expect([asks.at(-1)?.method, asks.at(-1)?.headers['if-none-match']]).toEqual(['GET', 'W/"v1", "v1"'])
      // What is new comes whole.
      const before = Number((await cache.stale('/counted/1')).header('x-number'))
      expect((await cache.send('/counted/1', [], 'HEAD')).header('x-number')).toBe(String(before + 1))
      await cache.send('/counted/1')
      expect(asks.at(-1)?.headers['if-none-match']).toBe(`W/"${before + 1}", "${before + 1}"`)
    })

    test('one that names another validator freshens nothing, §4.3.4', async () => {
      const answer = await cache.stale('/rewritten/1')
      expect([answer.status, answer.body.toString(), said(answer)]).toEqual([200, text, 'samekey; fwd=stale; fwd-status=304; detail=other-validator'])
      // What is stored is not the page any more.
      const next = await cache.send('/rewritten/1')
      expect([next.status, said(next)]).toEqual([200, 'samekey; fwd=uri-miss; stored; ttl=0'])
    })
  })

  describe('No-Vary-Search', () => {
    const rows = [
      { id: 'a parameter', first: '/search/1?q=x&from=a', same: '/search/1?q=x&from=b', other: '/search/1?q=y&from=a' },
      { id: 'one that was not there', first: '/search/2?q=x', same: '/search/2?q=x&from=b', other: '/search/2' },
      { id: 'the order', first: '/order/1?q=x&p=1', same: '/order/1?p=1&q=x', other: '/order/1?p=2&q=x' },
      { id: 'all but one', first: '/only/1?id=1&a=1', same: '/only/1?b=7&id=1', other: '/only/1?id=2' },
      // What the policy drops stays dropped, whatever the app declares.
      { id: 'it widens only', first: '/only/2?id=1&utm_source=a', same: '/only/2?utm_source=b&id=1', other: '/only/2?id=2' }
    ]
    test.each(rows)('$id', async ({ first, same, other }) => {
      await cache.send(first)
      await cache.hit(first)
      const found = await cache.send(same)
      expect([said(found), found.header('x-asked')]).toEqual([expect.stringMatching(/^samekey; hit; ttl=/), cache.asked.at(-1)?.url])
      expect(said(await cache.send(other))).toMatch(/^samekey; fwd=uri-miss; stored/)
    })

    test('another path has learnt nothing', async () => {
      await cache.send('/search/3?from=a')
      await cache.hit('/search/3?from=a')
      expect(said(await cache.send('/search/4?from=a'))).toMatch(/^samekey; fwd=uri-miss/)
    })

    test('the writer uses it too: the app is asked whether the page of another query is still the page', async () => {
      await cache.stale('/asked/1?q=x&from=a')
      const answer = await cache.send('/asked/1?q=x&from=b')
      expect([answer.status, said(answer)]).toEqual([200, 'samekey; fwd=stale; fwd-status=304; stored; ttl=0'])
      expect(cache.asked.at(-1)?.headers['if-none-match']).toContain('"v1"')
    })

    test('a page of the path that declares nothing takes it back', async () => {
      await cache.send('/taken/1?from=a')
      await cache.hit('/taken/1?from=b')
      await cache.send('/taken/1?plain=1')
      await cache.hit('/taken/1?plain=1')
      expect(said(await cache.send('/taken/1?from=c'))).toMatch(/^samekey; fwd=uri-miss/)
    })
  })

  describe('a rule that memcached has lost (docs/invalidation.md)', () => {
    // Between the loss and what is learnt again, a purge does not know where else the page lies.
    test.each(['/search/lost?q=x', '/search/lost-too'])('does not bring back what was purged: %s', async (canonical) => {
      const spelling = (from: string) => `${canonical}${canonical.includes('?') ? '&' : '?'}from=${from}`
      const policy = loadPolicy(document)
      const store = new Store({ memcached: cache.stack.memcached[0] as string })
      const admin = pageCache(policy, { memcached: cache.stack.memcached[0] as string })
      try {
        await cache.send(spelling('a'))
        await cache.hit(spelling('a'))
        await cache.hit(canonical)
        expect(await store.delete(searchRuleKey('http', 'site.test', canonical, policy, sha256Hex))).toBe(true)
        await admin.purge(`http://site.test${spelling('b')}`)
        const known = cache.asked.length
        for (const target of [spelling('b'), spelling('b'), canonical, spelling('a')]) await cache.send(target)
        await cache.hit(spelling('b'))
        await cache.hit(canonical)
        const askedSince = new Set(cache.asked.slice(known).map(({ url }) => url))
        for (const target of [canonical, spelling('a'), spelling('b')]) expect(askedSince).toContain((await cache.hit(target)).header('x-asked'))
      } finally {
        await admin.close()
        store.close()
      }
    })
  })

  describe('Vary, RFC 9111 §4.1', () => {
    test('Accept-Encoding does not split: the app was asked without', async () => {
      await cache.send('/encoded/1', ['Accept-Encoding: gzip'])
      for (const coding of ['gzip', 'br, gzip;q=0.5', 'identity']) expect((await cache.hit('/encoded/1', [`Accept-Encoding: ${coding}`])).status).toBe(200)
      expect(asksOf('/encoded/1')).toHaveLength(1)
    })

    test('Accept-Language follows the declared set', async () => {
      await cache.send('/languages/1', ['Accept-Language: de-AT, en;q=0.5'])
      for (const ranges of ['de', 'DE', 'fr, de;q=0.9, en;q=0.1']) expect((await cache.hit('/languages/1', [`Accept-Language: ${ranges}`])).header('x-language')).toBe('de')
      expect(said(await cache.send('/languages/1', ['Accept-Language: en']))).toMatch(/^samekey; fwd=uri-miss; stored/)
      expect(asksOf('/languages/1')).toHaveLength(2)
    })

    test('* is never stored', async () => {
      for (let i = 0; i < 2; i++) expect(said(await cache.send('/star-vary/1'))).toBe('samekey; fwd=uri-miss; detail=vary')
    })

    test('a page has 16 forms at most; the oldest goes', async () => {
      const tints = Array.from({ length: 17 }, (_, i) => [`X-Tint: ${i}`])
      for (const fields of tints) {
        await cache.send('/tints/1', fields)
        await cache.hit('/tints/1', fields)
      }
      expect(said(await cache.send('/tints/1', tints[16]))).toMatch(/^samekey; hit/)
      expect(said(await cache.send('/tints/1', tints[1]))).toMatch(/^samekey; hit/)
      expect(said(await cache.send('/tints/1', tints[0]))).toMatch(/^samekey; fwd=vary-miss; stored/)
    })
  })

  describe('unsafe methods, RFC 9111 §4.4', () => {
    test.each([
      { id: 'its target', forgets: '/posted/1', stays: '/whole/kept' },
      { id: 'Location', forgets: '/whole/location', stays: '/whole/kept' },
      { id: 'Content-Location', forgets: '/whole/content', stays: '/whole/kept' },
      { id: 'not that of another host', posts: '/posted/elsewhere', forgets: '/posted/elsewhere', stays: '/whole/other' }
    ])('$id', async ({ posts = '/posted/1', forgets, stays }) => {
      for (const target of [forgets, stays]) {
        await cache.send(target)
        await cache.hit(target)
      }
      const answer = await cache.send(posts, ['Content-Length: 0'], 'POST')
      expect([answer.status, said(answer)]).toEqual([201, 'samekey; fwd=method; detail=method'])
      expect(said(await cache.send(forgets))).toMatch(/^samekey; fwd=uri-miss; stored/)
      expect(said(await cache.send(stays))).toMatch(/^samekey; hit/)
    })
  })

  test('what was asked for with credentials is nobody else\'s, whatever it says', async () => {
    expect(said(await cache.send('/public/1', ['Authorization: Basic eDp5']))).toBe('samekey; fwd=bypass; detail=authorization')
    expect(said(await cache.send('/public/1'))).toMatch(/^samekey; fwd=uri-miss; stored/)
    await cache.hit('/public/1')
    expect(said(await cache.send('/public/1', ['Authorization: Basic eDp5']))).toBe('samekey; fwd=bypass; detail=authorization')
  })

  test('groups, RFC 9875: what is in one that is named is not served any more', async () => {
    const all = ['/grouped/a', '/grouped/b', '/grouped/a-b']
    for (const page of all) {
      await cache.send(page)
      await cache.hit(page)
    }
    expect((await cache.send('/grouped/none', ['Content-Length: 0'], 'POST')).status).toBe(204)
    // A node may have looked at the list of bans a second ago (docs/invalidation.md).
    await cache.stale('/grouped/a')
    await cache.stale('/grouped/a-b')
    expect(said(await cache.send('/grouped/b'))).toMatch(/^samekey; hit/)
  })

  describe('stale, RFC 5861', () => {
    test('of all that see a stale page one refreshes it', async () => {
      await cache.send('/held/1')
      const stale = await cache.stale('/held/1')
      expect(said(stale)).toMatch(/^samekey; hit; ttl=(?:0|-\d+)$/)
      const all = await Promise.all(Array.from({ length: 10 }, () => cache.send('/held/1')))
      expect(all.map(({ status }) => status)).toEqual(all.map(() => 200))
      await until('the app is asked', async () => asksOf('/held/1').length > 1 || undefined)
      expect(asksOf('/held/1')).toHaveLength(2)
      letGo()
      const next = await until('the new page is there', async () => {
        const response = await cache.send('/held/1')
        return /^samekey; hit; ttl=[1-9]/.test(said(response)) ? response : undefined
      })
      expect(next.header('x-number')).not.toBe('1')
    })

    test('the app does not answer in time', async () => {
      await cache.send('/silent/1')
      const answer = await cache.stale('/silent/1')
      expect([answer.status, answer.body.toString(), said(answer)]).toEqual([200, text, expect.stringMatching(/^samekey; fwd=stale; fwd-status=504; ttl=(?:0|-\d+); detail=stale-if-error$/)])
    })
  })

  // The last one: it takes the app away.
  test('the app cannot be reached, RFC 9111 §4.2.4', async () => {
    for (const page of ['/away/1', '/strict/1', '/said/1']) await cache.send(page)
    for (const page of ['/away/1', '/strict/1', '/said/1']) await cache.stale(page)
    await cache.appAway()
    const stale = await cache.stale('/away/1')
    expect([stale.status, stale.body.toString(), said(stale)]).toEqual([200, text, expect.stringMatching(/^samekey; fwd=stale; fwd-status=502; ttl=(?:0|-\d+); detail=disconnected$/)])
    expect(Number(stale.header('age'))).toBeGreaterThan(0)
    // §5.2.2.2: an error, and 502 says more than 504. RFC 5861 §4: no stale page for an error.
    expect((await cache.stale('/strict/1')).status).toBe(502)
    expect((await cache.stale('/said/1')).status).toBe(502)
    expect(said(await cache.send('/whole/new'))).toMatch(/^samekey; fwd=uri-miss/)
  })
})

const asksOf = (target: string): IncomingMessage[] => asks.filter(({ url }) => url === target)

/** The fields that a 304 has of a 200; an entity tag by what it is compared by. */
function kept(response: RawResponse): Record<string, string | undefined> {
  const names = ['cache-control', 'etag', 'last-modified']
  return Object.fromEntries(names.map((name) => [name, response.header(name)?.replace(/^W\//, '')]))
}
