// An entry is a response again: whole, not modified, in part, or stale; on every engine, in one item and in two.
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { digestOf, formatMarker, variantKey } from '../../njs/core/vary.js'
import { searchRuleKey } from '../../njs/core/key.js'
import { formatSearchRule, type LearntRule } from '../../njs/core/no_vary_search.js'
import { sha256Hex } from '../../node-writer/key.js'
import { engines } from '../support/engines.js'
import { readFile, type EntryVector } from '../vectors/read_vectors.js'
import { until } from '../support/until.js'
import { CLOCK, HOST, now, startReplayStack, type Entry, type ReplayStack } from './replay_stack.js'
import { showLogsOnFailure } from './stack.js'

const TOKEN = 'AbCdEfGhI-_0'
const MODIFIED = 'Mon, 01 Jan 2024 00:00:00 GMT'
const LATER = 'Tue, 02 Jan 2024 00:00:00 GMT'
const binary = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
const long = Buffer.from('0123456789'.repeat(20))
const validators: [string, string][] = [['Content-Type', 'text/plain'], ['ETag', '"a"'], ['Last-Modified', MODIFIED], ['Date', LATER]]
const page: Entry = { headers: validators, body: '0123456789' }
const zipped: Entry = { headers: [['Content-Type', 'text/html'], ['Content-Encoding', 'gzip'], ['ETag', 'W/"a"'], ['Vary', 'Accept-Encoding']], body: gzipSync(long) }

interface Row {
  id: string
  entry: Entry
  fields?: string[]
  status: number
  body?: string | Buffer
  /** undefined: the field must not be there. */
  headers?: Record<string, string | RegExp | undefined>
  /** Only where the body is in the entry: Nginx's own filter does less. */
  inlineOnly?: true
}

const HIT = /^samekey; hit; ttl=(?:60|59|58)$/
const whole = { 'content-length': '10', 'content-range': undefined, 'accept-ranges': 'bytes' }
const NONE = { 'content-length': undefined, 'content-type': undefined, 'content-encoding': undefined, 'cache-status': HIT }

const rows: Row[] = [
  { id: 'a page', entry: page, status: 200, body: '0123456789', headers: { ...whole, 'cache-status': HIT, etag: '"a"', 'last-modified': MODIFIED, age: /^[012]$/ } },
  { id: 'its age when it came counts', entry: { ...page, initialAge: 30, storedAt: now() - 5, freshUntil: now() + 600 }, status: 200, headers: { age: /^(?:3[5-9]|[4-9]\d)$/ } },
  { id: 'a clock put back makes no negative age', entry: { ...page, storedAt: now() + 500 }, status: 200, headers: { age: '0' } },
  { id: 'binary', entry: { body: binary }, status: 200, body: binary },
  { id: 'empty', entry: { body: '' }, status: 200, body: '', headers: { 'content-length': '0' } },
  { id: 'no type', entry: { headers: [] }, status: 200, body: 'stored', headers: { 'content-type': undefined } },
  { id: 'repeated fields', entry: { headers: [['Link', '<a>'], ['Link', '<b>'], ['X-A', '1']] }, status: 200, headers: { link: '<a>, <b>', 'x-a': '1' } },
  { id: 'repeated Vary', entry: { headers: [['X-A', '1'], ['Vary', 'X-A'], ['Vary', 'X-B']] }, status: 200, headers: { vary: 'X-A, X-B' } },
  { id: 'not found', entry: { status: 404, body: 'no such page' }, status: 404, body: 'no such page', headers: { 'accept-ranges': undefined, 'cache-status': HIT } },
  { id: 'gone', entry: { status: 410, body: 'gone' }, status: 410, body: 'gone' },
  // Conditions
  { id: 'the same entity tag', entry: page, fields: ['If-None-Match: "a"'], status: 304, body: '', headers: { ...NONE, etag: '"a"', 'last-modified': undefined, age: /^[012]$/ } },
  { id: 'a weak one', entry: page, fields: ['If-None-Match: W/"a"'], status: 304, headers: NONE },
  { id: 'a list with it', entry: page, fields: ['If-None-Match: "x,y" ,, W/"b",\t"a"'], status: 304, headers: NONE },
  { id: 'any', entry: page, fields: ['If-None-Match: *'], status: 304, headers: NONE },
  { id: 'another', entry: page, fields: ['If-None-Match: "b"'], status: 200, body: '0123456789' },
  { id: 'not quoted', entry: page, fields: ['If-None-Match: a'], status: 200 },
  { id: 'not modified since', entry: page, fields: [`If-Modified-Since: ${MODIFIED}`], status: 304, headers: NONE },
  { id: 'in RFC 850 form', entry: page, fields: ['If-Modified-Since: Monday, 01-Jan-24 00:00:00 GMT'], status: 304 },
  { id: 'modified since', entry: page, fields: ['If-Modified-Since: Sun, 31 Dec 2023 23:59:59 GMT'], status: 200 },
  { id: 'no date', entry: page, fields: ['If-Modified-Since: yesterday'], status: 200 },
  { id: 'another tag, but not modified since', entry: page, fields: ['If-None-Match: "b"', `If-Modified-Since: ${LATER}`], status: 200 },
  { id: 'a 304 keeps what caches need', entry: { headers: [['Cache-Control', 'max-age=60'], ['Vary', 'X-A'], ['Expires', LATER], ['Content-Location', '/x'], ['X-B', '1'], ['Last-Modified', MODIFIED]] }, fields: [`If-Modified-Since: ${LATER}`], status: 304, headers: { 'cache-control': 'max-age=60', vary: 'X-A', expires: LATER, 'content-location': '/x', 'x-b': undefined, 'last-modified': MODIFIED } },
  { id: 'a 404 has no conditions', entry: { status: 404, body: 'none', headers: validators }, fields: ['If-None-Match: *'], status: 404, body: 'none' },
  { id: 'compressed', entry: zipped, fields: ['If-None-Match: "a"', 'Accept-Encoding: gzip'], status: 304, headers: { ...NONE, vary: 'Accept-Encoding' } },
  // Ranges
  { id: 'from the start', entry: page, fields: ['Range: bytes=0-3'], status: 206, body: '0123', headers: { 'content-range': 'bytes 0-3/10', 'content-length': '4', 'cache-status': HIT } },
  { id: 'to the end', entry: page, fields: ['Range: bytes=7-'], status: 206, body: '789', headers: { 'content-range': 'bytes 7-9/10' } },
  { id: 'beyond the end', entry: page, fields: ['Range: bytes=7-100'], status: 206, body: '789' },
  { id: 'the last', entry: page, fields: ['Range: bytes=-2'], status: 206, body: '89', headers: { 'content-range': 'bytes 8-9/10' } },
  { id: 'more than all of the last', entry: page, fields: ['Range: bytes=-20'], status: 206, body: '0123456789', headers: { 'content-range': 'bytes 0-9/10' } },
  { id: 'not there', entry: page, fields: ['Range: bytes=10-'], status: 416, headers: { 'content-range': 'bytes */10', etag: undefined } },
  { id: 'the last none', entry: page, fields: ['Range: bytes=-0'], status: 416 },
  { id: 'two', entry: page, fields: ['Range: bytes=0-1,4-5'], status: 200, body: '0123456789', headers: whole },
  { id: 'backwards', entry: page, fields: ['Range: bytes=4-2'], status: 200, headers: whole },
  { id: 'another unit', entry: page, fields: ['Range: lines=0-1'], status: 200, headers: whole },
  { id: 'nonsense', entry: page, fields: ['Range: bytes=x'], status: 200, headers: whole },
  { id: 'a huge number', entry: page, fields: ['Range: bytes=2-99999999999999999999999'], status: 206, body: '23456789', inlineOnly: true },
  { id: 'none of an empty page', entry: { body: '' }, fields: ['Range: bytes=0-'], status: 416, headers: { 'content-range': 'bytes */0' } },
  { id: 'if it is the same', entry: page, fields: ['Range: bytes=0-1', 'If-Range: "a"'], status: 206, body: '01', inlineOnly: true },
  { id: 'if it is of that date', entry: page, fields: ['Range: bytes=0-1', `If-Range: ${MODIFIED}`], status: 206, body: '01', inlineOnly: true },
  { id: 'not if it is another', entry: page, fields: ['Range: bytes=0-1', 'If-Range: "b"'], status: 200, body: '0123456789', headers: whole },
  { id: 'not if it is weak', entry: { ...page, headers: [['ETag', 'W/"a"']] }, fields: ['Range: bytes=0-1', 'If-Range: W/"a"'], status: 200 },
  { id: 'the condition before the range', entry: page, fields: ['Range: bytes=0-1', 'If-None-Match: "a"'], status: 304 },
  { id: 'of a 404', entry: { status: 404, body: '0123456789' }, fields: ['Range: bytes=0-1'], status: 404, body: '0123456789' },
  { id: 'of the compressed bytes', entry: zipped, fields: ['Range: bytes=0-9', 'Accept-Encoding: br, gzip'], status: 206, body: gzipSync(long).subarray(0, 10), headers: { 'content-encoding': 'gzip' } },
  { id: 'compressed for who cannot take it', entry: zipped, fields: ['Range: bytes=0-9'], status: 200, body: long, headers: { 'content-encoding': undefined } },
  { id: 'compressed for who refuses it', entry: zipped, fields: ['Range: bytes=0-9', 'Accept-Encoding: gzip;q=0'], status: 200, body: long },
  { id: 'precondition for the origin', entry: page, fields: ['If-Match: "a"'], status: 200, body: 'app', headers: { 'cache-status': 'samekey; fwd=request; detail=precondition' } }
]

describe.each(engines)('$id', (engine) => {
  let replay: ReplayStack
  showLogsOnFailure(() => replay?.stack)
  beforeAll(async () => { replay = await startReplayStack(engine) })
  afterAll(async () => {
    const log = await replay.stack.errorLog()
    await replay.stop()
    expect(log.split('\n').filter((line) => /samekey: |js exception|\[(?:crit|alert|emerg)\]/.test(line))).toEqual([])
  })

  describe.each([{ where: 'one item', apart: false }, { where: 'two items', apart: true }])('$where', ({ where, apart }) => {
    test.each(rows.filter((row) => !apart || row.inlineOnly === undefined))('$id', async ({ id, entry, fields, status, body, headers = {} }) => {
      const target = '/' + encodeURIComponent(where + id).replace(/%/g, 'x')
      await replay.put(target, { ...entry, apart })
      const response = await replay.get(target, fields)
      expect([response.status, response.complete]).toEqual([status, true])
      if (body !== undefined) expect(response.body.equals(Buffer.from(body as string, 'latin1'))).toBe(true)
      for (const [name, value] of Object.entries(headers)) {
        if (value instanceof RegExp) expect(response.header(name), name).toMatch(value)
        else expect(response.header(name), name).toBe(value)
      }
      expect(response.headers.filter(([name]) => /^(?:accept-ranges|content-length|age|cache-status|date|server|vary)$/i.test(name)).map(([name]) => name.toLowerCase()).sort(), 'once each')
        .toEqual([...new Set(response.headers.map(([name]) => name.toLowerCase()).filter((name) => /^(?:accept-ranges|content-length|age|cache-status|date|server|vary)$/.test(name)))].sort())

      const head = await replay.get(target, fields, 'HEAD')
      // RFC 9110 §14.2: a range is for GET.
      const headStatus = status === 206 || status === 416 ? 200 : status
      expect([head.status, head.body.length]).toEqual([headStatus, 0])
      if (headStatus === status && body !== 'app') expect(head.header('content-length')).toBe(response.header('content-length'))
    })
  })

  const redirects = [{ id: '301', status: 301, location: '/there' }, { id: '308', status: 308, location: 'https://example.org/x?y=1' }]
  test.each(redirects)('a redirect $id', async ({ status, location }) => {
    await replay.put(`/redirect-${status}`, { status, body: 'moved', apart: true, headers: [['Location', location]] })
    const response = await replay.get(`/redirect-${status}`)
    expect([response.status, response.header('location'), response.body.toString()]).toEqual([status, location, 'moved'])
    const head = await replay.get(`/redirect-${status}`, [], 'HEAD')
    expect([head.status, head.header('location'), head.header('content-length')]).toEqual([status, location, '5'])
  })

  test('no content', async () => {
    await replay.put('/204', { status: 204, body: '', headers: [['X-A', '1']] })
    const response = await replay.get('/204')
    expect([response.status, response.header('x-a')]).toEqual([204, '1'])
  })

  test('the date of the app, where the engine can', async () => {
    await replay.put('/dated', page)
    const { headers } = await replay.get('/dated')
    const dates = headers.filter(([name]) => name.toLowerCase() === 'date').map(([, value]) => value)
    if (engine.id === 'njs-0.7.9') expect(dates).toHaveLength(1)
    else expect(dates).toEqual([LATER])
  })

  // njs takes the body of a 3xx for a Location, so that it is always apart.
  test.each(['', 'moved'])('a redirect with the body %j', async (body) => {
    await replay.put('/moved', { status: 301, body, headers: [['Content-Type', 'text/plain'], ['ETag', '"a"'], ['Location', '/there']], apart: true })
    const response = await replay.get('/moved', ['If-None-Match: "a"'])
    expect([response.status, response.body.toString(), response.complete]).toEqual([301, body, true])
    for (const [name, value] of Object.entries({ location: '/there', 'content-type': 'text/plain', etag: '"a"', age: /^[012]$/, 'cache-status': HIT })) {
      expect(response.headers.filter(([other]) => other.toLowerCase() === name).map(([, its]) => its), name).toEqual([value instanceof RegExp ? expect.stringMatching(value) : value])
    }
  })

  describe('misses', () => {
    test('nothing there', async () => {
      replay.asked.length = 0
      const response = await replay.get('/nothing?b=2&a=1')
      expect([response.body.toString(), response.header('cache-status')]).toEqual(['app', 'samekey; fwd=uri-miss'])
      expect(replay.asked.map(({ url, headers }) => [url, headers['x-samekey-key'], headers['x-samekey-forward']])).toEqual([['/nothing?a=1&b=2', replay.keyOf('/nothing?a=1&b=2'), 'uri-miss']])
    })

    test('a client cannot say why', async () => {
      replay.asked.length = 0
      await replay.get('/nothing', ['X-Samekey-Forward: refresh'])
      await replay.get('/nothing', ['X-Samekey-Forward: refresh'], 'POST')
      expect(replay.asked.map(({ headers }) => headers['x-samekey-forward'])).toEqual(['uri-miss', undefined])
    })

    test('stale', async () => {
      replay.asked.length = 0
      await replay.put('/stale', { storedAt: now() - 100, freshUntil: now() - 40 })
      const response = await replay.get('/stale')
      expect([response.body.toString(), response.header('cache-status')]).toEqual(['app', 'samekey; fwd=stale'])
      expect(replay.asked[0]?.headers['x-samekey-forward']).toBe('stale')
    })

    test('without a clock', async () => {
      await replay.put('/no-clock', { clock: '' })
      expect((await replay.get('/no-clock')).header('cache-status')).toBe('samekey; fwd=stale; detail=purged')
    })

    test('unreadable', async () => {
      await replay.set(replay.keyOf('/odd'), 'SK3 200 nonsense')
      expect((await replay.get('/odd')).header('cache-status')).toBe('samekey; fwd=uri-miss; detail=unreadable')
    })

    test.each(readFile<EntryVector[]>('entry.json'))('the vector $id', async ({ in: { head, itemBytes }, out }) => {
      // Fresh, not purged, and with the body that the length of the item tells of.
      const own = head.replaceAll('1700000060', '9999999999')
      const clocked = own.replace(/^(SK3 \d{3} )(\d{5})( [^\n]* )- (\S+\n)/, (_, start, bytes, middle, tags) => start + String(Number(bytes) + CLOCK.length - 1).padStart(5, '0') + `${middle}${CLOCK} ${tags}`)
      const size = itemBytes + clocked.length - own.length
      await replay.put('/vector', {})
      await replay.set(replay.keyOf('/vector'), Buffer.from(clocked.padEnd(size, 'x'), 'latin1').subarray(0, size))
      const response = await replay.get('/vector')
      const isHit = response.header('cache-status')?.startsWith('samekey; hit')
      if (out === null) expect([response.status, isHit]).toEqual([200, false])
      // Its body is an item that is not there, or there is no list of that clock.
      else if (out.bodyKey !== '' || out.clock !== '') expect(response.body.toString()).toBe('app')
      else {
        expect([response.status, response.body.length, isHit]).toEqual([out.status, out.bodyBytes, true])
        for (const [name, value] of out.headers) expect(response.headers.some(([other, its]) => other === name && its.includes(value)) || value === '').toBe(true)
      }
    })

    test('the writer knows more', async () => {
      replay.answer((_, res) => void res.setHeader('Cache-Status', 'origin; hit, samekey; fwd=stale; fwd-status=304; stored; ttl=60').end('app'))
      expect((await replay.get('/more')).headers.filter(([name]) => /cache-status/i.test(name)).map(([, value]) => value)).toEqual(['origin; hit, samekey; fwd=stale; fwd-status=304; stored; ttl=60'])
      replay.answer((_, res) => void res.setHeader('Cache-Status', 'not-samekey; hit').end('app'))
      expect((await replay.get('/more')).header('cache-status')).toBe('not-samekey; hit, samekey; fwd=uri-miss')
      replay.answer((_, res) => void res.end('app'))
      expect(await replay.stack.accessLog()).toContain('"cache":"samekey; fwd=stale; fwd-status=304; stored; ttl=60"')
    })

    test("the app's Date and Server", async () => {
      replay.answer((_, res) => void res.setHeader('Date', LATER).setHeader('Server', 'app').end('app'))
      const response = await replay.get('/app')
      expect([response.header('date'), response.header('server')]).toEqual([LATER, 'app'])
      replay.answer((_, res) => void res.end('app'))
    })
  })

  describe('vary', () => {
    const fields = ['accept-language', 'x-a']
    const keyFor = (target: string, values: Record<string, string>) => variantKey(replay.keyOf(target), TOKEN, fields, (name) => values[name] ?? null, sha256Hex)
    async function put(target: string, pages: { values: Record<string, string>; body: string; apart?: boolean }[], known = pages.length) {
      const keys = pages.map(({ values }) => keyFor(target, values))
      await replay.set(replay.keyOf(target), formatMarker({ fields, token: TOKEN, digests: keys.slice(0, known).map(digestOf) }))
      for (const [index, { body, apart = false }] of pages.entries()) {
        await replay.put(target, { body, apart, suffix: (keys[index] as string).slice(replay.keyOf(target).length), headers: [['Vary', 'Accept-Language, X-A'], ['ETag', `"${body}"`]] })
      }
    }
    const english = { values: { 'accept-language': 'en, de;q=0.5', 'x-a': '1' }, body: 'english' }
    const german = { values: { 'accept-language': 'de' }, body: 'german', apart: true }
    const asks = [
      { id: 'the same values', fields: ['Accept-Language: en,de;q=0.5', 'X-A: 1'], body: 'english' },
      { id: 'other blanks and case', fields: ['Accept-Language: EN , de; q=0.5', 'X-A:   1 '], body: 'english' },
      { id: 'one missing', fields: ['Accept-Language: de'], body: 'german' },
      { id: 'one empty', fields: ['Accept-Language: de', 'X-A:'], body: 'app' },
      { id: 'another', fields: ['Accept-Language: fr', 'X-A: 1'], body: 'app' },
      { id: 'none', fields: [], body: 'app' },
      { id: 'repeated', fields: ['Accept-Language: en', 'Accept-Language: de;q=0.5', 'X-A: 1'], body: 'english' },
      { id: 'bytes', fields: ['Accept-Language: de', 'X-A: \u00e4'], body: 'app' }
    ]
    test.each(asks)('$id', async ({ fields, body }) => {
      await put('/vary', [english, german])
      replay.asked.length = 0
      const response = await replay.get('/vary', fields)
      expect([response.body.toString(), response.header('cache-status')]).toEqual([body, body === 'app' ? 'samekey; fwd=vary-miss' : expect.stringMatching(HIT)])
      expect(replay.asked.map(({ headers }) => headers['x-samekey-forward'])).toEqual(body === 'app' ? ['vary-miss'] : [])
      if (body !== 'app') expect((await replay.get('/vary', [...fields, `If-None-Match: "${body}"`])).status).toBe(304)
    })

    test('what the marker does not name is not there', async () => {
      await put('/vary-known', [english, german], 1)
      expect((await replay.get('/vary-known', ['Accept-Language: en,de;q=0.5', 'X-A: 1'])).body.toString()).toBe('english')
      expect((await replay.get('/vary-known', ['Accept-Language: de'])).body.toString()).toBe('app')
    })

    test.each(['', 'b,a', 'A', 'a,b,c,d,e'].map((fields) => `SKV2 ${fields} ${TOKEN}\n`).concat(`SKV2 a ${TOKEN}`, `SKV2 a ${TOKEN}\nx\n`, 'SKV2 a\n'))('a bad marker %j', async (text) => {
      await replay.set(replay.keyOf('/bad-marker'), text)
      expect((await replay.get('/bad-marker')).header('cache-status')).toBe('samekey; fwd=vary-miss')
    })
  })

  describe('what a path declares of its query', () => {
    const put = (target: string, rule: Partial<LearntRule>) => replay.set(searchRuleKey('http', HOST, target, replay.policy, sha256Hex), formatSearchRule({ token: TOKEN, sort: false, names: [], only: false, ...rule }))
    const asks = [
      { id: 'an ignored argument', rule: { names: ['session'] }, stored: '/search?q=1', target: '/search?q=1&session=7' },
      { id: 'all of them', rule: { only: true }, stored: '/search', target: '/search?q=1&session=7' },
      { id: 'all but one', rule: { only: true, names: ['q'] }, stored: '/search?q=1', target: '/search?z=2&q=1' },
      { id: 'in an escaped path', rule: { names: ['x'] }, stored: '/%C3%A4', target: '/%c3%a4?x=1' },
      { id: 'in a long path', rule: { names: ['x'] }, stored: '/' + 'p'.repeat(300), target: `/${'p'.repeat(300)}?x=1` }
    ]
    test.each(asks)('$id', async ({ rule, stored, target }) => {
      await put(stored, rule)
      await replay.put(stored, { body: 'found', rule: TOKEN })
      const response = await replay.get(target)
      expect([response.body.toString(), response.header('cache-status')]).toEqual(['found', expect.stringMatching(HIT)])
    })

    test('a miss has the key and the target of the policy', async () => {
      await put('/none', { names: ['x'] })
      replay.asked.length = 0
      expect((await replay.get('/none?x=1&a=2')).header('cache-status')).toBe('samekey; fwd=uri-miss')
      expect(replay.asked.map(({ url, headers }) => [url, headers['x-samekey-key']])).toEqual([['/none?a=2&x=1', replay.keyOf('/none?x=1&a=2')]])
    })

    test('and what the page varies on', async () => {
      await put('/both', { names: ['x'] })
      const key = variantKey(replay.keyOf('/both'), TOKEN, ['x-a'], () => '1', sha256Hex)
      await replay.set(replay.keyOf('/both'), formatMarker({ fields: ['x-a'], token: TOKEN, digests: [digestOf(key)] }))
      await replay.put('/both', { body: 'found', rule: TOKEN, suffix: key.slice(replay.keyOf('/both').length) })
      expect((await replay.get('/both?x=1', ['X-A: 1'])).body.toString()).toBe('found')
      expect((await replay.get('/both?x=1', ['X-A: 2'])).header('cache-status')).toBe('samekey; fwd=vary-miss')
    })

    // Without the token it was stored before the rule, and another one is of a rule that was lost or changed: a purge did not look there.
    const goodOnlyWith = [
      { id: 'by the rule, without its token', rule: '', target: '/token-a?x=1', found: false },
      { id: 'by the rule, of another', rule: 'lost-and-gone', target: '/token-b?x=1', found: false },
      { id: 'under its own key, of another', rule: 'lost-and-gone', target: '/token-c', found: false },
      { id: 'under its own key, of this one', rule: TOKEN, target: '/token-d', found: true },
      { id: 'under its own key, without', rule: '', target: '/token-e', found: true }
    ]
    test.each(goodOnlyWith)('an entry found $id', async ({ rule, target, found }) => {
      const path = target.split('?')[0] as string
      await put(path, { names: ['x'] })
      await replay.put(path, { body: 'found', rule })
      expect((await replay.get(target)).body.toString()).toBe(found ? 'found' : 'app')
    })

    test('an entry whose rule is gone is not good under its own key', async () => {
      await replay.put('/token-gone', { body: 'found', rule: TOKEN })
      expect((await replay.get('/token-gone')).header('cache-status')).toBe('samekey; fwd=uri-miss')
    })

    test('an entry of an earlier rule does not stand before that of the rule of now', async () => {
      await put('/token-new', { names: ['x'] })
      await replay.put('/token-new?x=1', { body: 'old', rule: 'lost-and-gone' })
      await replay.put('/token-new', { body: 'found', rule: TOKEN })
      expect((await replay.get('/token-new?x=1')).body.toString()).toBe('found')
    })

    test.each([`SKN2 ${TOKEN} xx\n`, 'SKN1 sd =x\n', 'nonsense', `SKV2 x-a ${TOKEN}\n`, ''])('a bad rule %j', async (text) => {
      await replay.set(searchRuleKey('http', HOST, '/bad-rule', replay.policy, sha256Hex), text)
      expect((await replay.get('/bad-rule?x=1')).header('cache-status')).toBe('samekey; fwd=uri-miss')
    })
  })

  describe('stale while it is refreshed', () => {
    test.each(['GET', 'HEAD'])('%s: answered at once, and the app is asked for the whole page', async (method) => {
      const target = `/refresh-${method}?z=1&b=2`
      replay.asked.length = 0
      replay.answer((_, res) => void res.end(Buffer.alloc(2_000_000, 'x')))
      await replay.put(target, { storedAt: now() - 100, freshUntil: now() - 40, refreshUntil: now() + 600, headers: [['ETag', '"a"']] })
      const response = await replay.get(target, ['If-None-Match: "b"', 'X-A: 1', 'Cookie: c=1', 'Forwarded: for=x'], method)
      expect([response.status, response.body.toString(), response.header('cache-status')]).toEqual([200, method === 'GET' ? 'stored' : '', expect.stringMatching(/^samekey; hit; ttl=-4\d$/)])
      await until('the refresh', () => Promise.resolve(replay.asked.length > 0 || undefined))
      const [asked] = replay.asked
      expect([asked?.method, asked?.url]).toEqual(['GET', `/refresh-${method}?b=2&z=1`])
      expect(asked?.headers).toMatchObject({ host: 'site.test', 'x-samekey-forward': 'refresh', 'x-samekey-key': replay.keyOf(target), 'x-a': '1', 'x-forwarded-proto': 'http' })
      for (const name of ['if-none-match', 'cookie', 'forwarded', 'accept-encoding']) expect(asked?.headers[name], name).toBeUndefined()
      replay.answer((_, res) => void res.end('app'))
    })
  })

  test('memcached is away', async () => {
    await replay.stack.stopMemcached()
    const response = await replay.get('/away')
    expect([response.body.toString(), response.header('cache-status')]).toEqual(['app', 'samekey; fwd=uri-miss; detail=memcached-502'])
    await replay.stack.startMemcached()
  })

  // The last: the app does not come back.
  describe('the app is away', () => {
    beforeAll(() => replay.appAway())
    const stale = { storedAt: now() - 100, freshUntil: now() - 40 }
    test.each([false, true])('a stale page is better (in two items: %j)', async (apart) => {
      await replay.put('/rescue', { ...stale, errorUntil: now() + 600, apart })
      const response = await replay.get('/rescue')
      expect([response.status, response.body.toString(), response.header('cache-status')]).toEqual([200, 'stored', expect.stringMatching(/^samekey; fwd=stale; detail=app-away; ttl=-\d+$/)])
      expect((await replay.get('/rescue', ['Range: bytes=0-1'])).body.toString()).toBe('st')
    })
    test('unless it may not be served', async () => {
      await replay.put('/no-rescue', stale)
      const response = await replay.get('/no-rescue')
      expect([response.status, response.header('cache-status')]).toEqual([502, 'samekey; fwd=stale'])
    })
    test('or there is none', async () => {
      const response = await replay.get('/never')
      expect([response.status, response.header('cache-status')]).toEqual([502, 'samekey; fwd=uri-miss'])
    })
    test('a fresh page needs no app', async () => {
      await replay.put('/fresh', page)
      expect((await replay.get('/fresh')).status).toBe(200)
    })
  })
})
