// What goes into memcached for a response, item by item.
import { createHash } from 'node:crypto'
import { gunzipSync, gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { parseHead } from '../../njs/core/entry.js'
import type { ResponseHead } from '../../node-writer/http/fields.js'
import { isTooLong, encodeEntry as encode, type Item } from '../../node-writer/encode_entry.js'
import { loadPolicy } from '../../node-writer/policy/load.js'

const full = loadPolicy({})
const raw = loadPolicy({ mode: 'raw' })
const options = { key: `${full.keyHead}http://x/`, times: { receivedAt: 1700000000, initialAge: 7, freshUntil: 1700000060, refreshUntil: 1700000060, errorUntil: 1700000060 }, compress: true, maxItemBytes: 1024 * 1024 }
const page = Buffer.from('<p>again and again</p>'.repeat(200))

async function encodeEntry(...parameters: Parameters<typeof encode>): Promise<Item[]> {
  const items = await encode(...parameters)
  if (items === null) throw new Error('too large')
  return items
}

const headOf = (status: number, ...headers: [string, string][]): ResponseHead => ({ status, headers })

/** The head of the entry, and its body as it follows or is pointed at. */
function decode(items: Item[]): { headers: [string, string][]; body: Buffer; bodyKey: string } {
  const { value } = items[items.length - 1] as Item
  const bytes = Number(value.toString('latin1', 8, 13))
  const head = parseHead(value.toString('latin1', 0, bytes), value.length)
  if (head === null) throw new Error('unreadable')
  return { headers: head.headers, bodyKey: head.bodyKey, body: head.bodyKey === '' ? value.subarray(bytes) : (items[0] as Item).value }
}

interface Row { id: string; headers: [string, string][]; body?: Buffer; compress?: boolean; gzip: boolean; expected: [string, string][] }

const html: [string, string] = ['Content-Type', 'text/html']
const vary: [string, string] = ['Vary', 'Accept-Encoding']
const coded: [string, string] = ['Content-Encoding', 'gzip']

const rows: Row[] = [
  { id: 'text is compressed', headers: [html], gzip: true, expected: [html, coded, vary] },
  { id: 'a strong ETag becomes weak', headers: [html, ['etag', '"1"']], gzip: true, expected: [html, coded, ['etag', 'W/"1"'], vary] },
  { id: 'a weak ETag stays', headers: [html, ['ETag', 'W/"1"']], gzip: true, expected: [html, coded, ['ETag', 'W/"1"'], vary] },
  { id: 'Vary is not repeated', headers: [html, ['Vary', 'Cookie, accept-encoding']], gzip: true, expected: [html, coded, ['Vary', 'Cookie, accept-encoding']] },
  { id: 'Vary is one field', headers: [html, ['Vary', 'Cookie'], ['vary', ''], ['vary', 'Accept-Language']], gzip: true, expected: [html, coded, ['Vary', 'Cookie, Accept-Language, Accept-Encoding']] },
  { id: 'also where nothing is added to it', headers: [['Vary', 'Cookie'], ['Vary', 'X-A']], gzip: false, expected: [['Vary', 'Cookie, X-A']] },
  { id: 'small text stays as it is', headers: [html, ['ETag', '"1"']], body: Buffer.from('hi'), gzip: false, expected: [html, ['ETag', '"1"']] },
  { id: 'compression is off', headers: [html], compress: false, gzip: false, expected: [html, vary] },
  { id: 'an image stays', headers: [['Content-Type', 'image/png'], ['ETag', '"1"']], gzip: false, expected: [['Content-Type', 'image/png'], ['ETag', '"1"']] },
  { id: 'no type', headers: [], gzip: false, expected: [] },
  { id: 'no-transform', headers: [html, ['Cache-Control', 'max-age=9, no-transform']], gzip: false, expected: [html, ['Cache-Control', 'max-age=9, no-transform']] },
  { id: 'a digest of the content', headers: [html, ['Content-Digest', 'sha-256=:x:']], gzip: false, expected: [html, ['Content-Digest', 'sha-256=:x:']] },
  { id: 'already gzip', headers: [html, coded, ['ETag', '"gz"']], body: gzipSync(page), gzip: true, expected: [html, coded, ['ETag', '"gz"'], vary] },
  { id: 'what is not of the page is left out', headers: [['Date', 'x'], ['Server', 'y'], ['Cache-Status', 'samekey; fwd=stale'], ['Cache-Status', 'other; hit'], ['Age', '3'], ['X-Accel-Expires', '9'], ['Connection', 'close'], ['Content-Length', '4400'], ['Transfer-Encoding', 'chunked'], ['X-Kept', '1']], gzip: false, expected: [['Date', 'x'], ['Server', 'y'], ['Cache-Status', 'other; hit'], ['X-Kept', '1']] },
]

describe('full mode', () => {
  test.each(rows)('$id', async ({ headers, body = page, compress = true, gzip, expected }) => {
    const { headers: got, body: stored } = decode(await encodeEntry(headOf(200, ...headers), body, full, { ...options, compress }))
    expect(got).toEqual(expected)
    const wasGzip = headers.some(([name]) => name === 'Content-Encoding')
    expect(gzip && !wasGzip ? gunzipSync(stored) : stored).toEqual(body)
  })

  test('one item up to 200 KiB, head included', async () => {
    const body = (bytes: number) => Buffer.alloc(bytes, 7)
    const one = await encodeEntry(headOf(200), body(200 * 1024 - 100), full, options)
    expect(one.map(({ key }) => key)).toEqual([options.key])
    const two = await encodeEntry(headOf(200), body(200 * 1024), full, options)
    expect(two).toHaveLength(2)
  })

  test('two items: the body first, named by its content and within a key', async () => {
    const body = Buffer.alloc(300_000, 1)
    const [bodyItem, headItem] = await encodeEntry(headOf(200), body, full, options) as [Item, Item]
    expect(bodyItem.key).toBe(`${full.keyHead}#b:${createHash('sha256').update(body).digest('base64url')}`)
    expect(bodyItem.key).toMatch(/^[!-~]{1,250}$/)
    expect(headItem.key).toBe(options.key)
    expect(decode([bodyItem, headItem]).bodyKey).toBe(bodyItem.key)
    expect([bodyItem.gzip, headItem.gzip]).toEqual([false, false])
  })

  test.each([[301, 'moved', 2], [308, '', 2], [404, '', 2], [404, 'not here', 1], [204, '', 1], [200, '', 1]])('%d with the body %j takes %d items', async (status, body, items) => {
    expect(await encodeEntry(headOf(status), Buffer.from(body), full, options)).toHaveLength(items)
  })

  test('times are written as they are', async () => {
    const [item] = await encodeEntry(headOf(200), Buffer.from('x'), full, options) as [Item]
    const [, , , , storedAt, initialAge, freshUntil] = (item.value.toString('latin1').split('\n')[0] as string).split(' ').map(Number)
    expect([storedAt, initialAge, freshUntil]).toEqual([1700000000, 7, 1700000060])
  })
})

test('a body over the item limit is none, unless it gets smaller', async () => {
  expect(await encode(headOf(200), page, full, { ...options, maxItemBytes: page.length - 1 })).toBeNull()
  expect(await encode(headOf(200, html), page, full, { ...options, maxItemBytes: page.length - 1 })).toHaveLength(1)
})

test.each<{ id: string; fields: [string, string][]; compress: boolean; is: boolean }>([
  { id: 'a picture over the limit', fields: [['Content-Type', 'image/png'], ['Content-Length', '101']], compress: true, is: true },
  { id: 'a picture within it', fields: [['Content-Type', 'image/png'], ['Content-Length', '100']], compress: true, is: false },
  { id: 'a text, which gets shorter', fields: [['Content-Type', 'text/html'], ['Content-Length', '101']], compress: true, is: false },
  { id: 'a text that is stored plain', fields: [['Content-Type', 'text/html'], ['Content-Length', '101']], compress: false, is: true },
  { id: 'a text in gzip already', fields: [['Content-Type', 'text/html'], ['Content-Encoding', 'gzip'], ['Content-Length', '101']], compress: true, is: true },
  { id: 'a length that is not said', fields: [['Content-Type', 'image/png']], compress: true, is: false }
])('announced too long: $id', ({ fields, compress, is }) => {
  expect(isTooLong({ status: 200, headers: fields }, { compress, maxItemBytes: 100 })).toBe(is)
})

describe('raw mode', () => {
  test.each([['text', html, true], ['an image', ['Content-Type', 'image/png'] as [string, string], false]])('%s', async (_, type, gzip) => {
    const [item, ...more] = await encodeEntry(headOf(200, type), page, raw, options) as [Item]
    expect(more).toEqual([])
    expect(item.gzip).toBe(gzip)
    expect(gzip ? gunzipSync(item.value) : item.value).toEqual(page)
  })

  test('gzip of the app is marked as such', async () => {
    const body = gzipSync(page)
    expect(await encodeEntry(headOf(200, html, coded), body, raw, options)).toEqual([{ key: options.key, value: body, gzip: true }])
  })
})
