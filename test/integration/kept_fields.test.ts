// The table "what is kept of a response" in the README, row by row: what the app sends, and what a hit has of it.

import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { PolicyDocument } from '../../node-writer/policy/types.js'
import { engines } from '../support/engines.js'
import type { RawResponse } from '../support/raw_http.js'
import { type CacheStack, said, startCacheStack } from './cache_stack.js'

const DATE = new Date(Math.floor(Date.now() / 1000) * 1000 - 10_000).toUTCString()
const text = 'the page '.repeat(300)
const html = 'text/html; charset=utf-8'
const fresh = { 'Content-Type': html, 'Cache-Control': 'max-age=600' }

type Header = Record<string, string | string[]>
interface Answer { status?: number; header: Header; body?: string | Buffer }
interface Case extends Answer {
  /** Of a hit; null: the response is not stored. */
  full: ((hit: RawResponse, isOldNjs: boolean) => void) | null
  raw: ((hit: RawResponse) => void) | null
}

const has = (name: string, value: string | undefined) => (hit: RawResponse) => expect([name, hit.header(name.toLowerCase())]).toEqual([name, value])
const values = (hit: RawResponse, name: string): string[] => hit.headers.filter(([other]) => other.toLowerCase() === name).map(([, value]) => value)

/** By the first cell of the row; several responses where one cannot show it. */
const rows: Record<string, Case[]> = {
  status: [
    { header: fresh, full: ({ status }) => expect(status).toBe(200), raw: ({ status }) => expect(status).toBe(200) },
    { status: 404, header: fresh, full: ({ status, reason }) => expect([status, reason]).toEqual([404, 'Not Found']), raw: null },
    { status: 301, header: { ...fresh, Location: '/elsewhere?a=b' }, full: has('Location', '/elsewhere?a=b'), raw: null }
  ],
  body: [
    { header: fresh, full: ({ body }) => expect(body.toString()).toBe(text), raw: ({ body }) => expect(body.toString()).toBe(text) },
    { header: fresh, body: '', full: ({ body }) => expect(body.length).toBe(0), raw: ({ body }) => expect(body.length).toBe(0) },
    { header: { ...fresh, 'Content-Encoding': 'gzip' }, body: gzipSync(text), full: ({ body }) => expect(body.toString()).toBe(text), raw: ({ body }) => expect(body.toString()).toBe(text) }
  ],
  'Content-Type': [
    { header: fresh, full: has('Content-Type', html), raw: has('Content-Type', html) },
    { header: { ...fresh, 'Content-Type': 'image/svg+xml' }, full: has('Content-Type', 'image/svg+xml'), raw: null }
  ],
  'every end-to-end field, repeated ones too': [
    { header: { ...fresh, 'X-Powered-By': 'an app' }, full: has('X-Powered-By', 'an app'), raw: has('X-Powered-By', undefined) },
    {
      header: { ...fresh, Link: ['</a>; rel=preload', '</b>; rel=preload'], 'X-Odd': 'a "b", c=d; e' },
      full: (hit) => expect([values(hit, 'link'), values(hit, 'x-odd')]).toEqual([['</a>; rel=preload', '</b>; rel=preload'], ['a "b", c=d; e']]),
      raw: null
    }
  ],
  '`Date`, `Server`': [
    {
      header: { ...fresh, Date: DATE, Server: 'an app' },
      full: (hit, isOldNjs) => {
        expect([values(hit, 'date').length, values(hit, 'server').length]).toEqual([1, 1])
        if (isOldNjs) expect(hit.header('date')).not.toBe(DATE)
        else expect([hit.header('date'), hit.header('server')]).toEqual([DATE, 'an app'])
      },
      raw: (hit) => expect(hit.header('server')).toMatch(/^nginx/)
    }
  ],
  '`Set-Cookie`': [
    { header: { ...fresh, 'Set-Cookie': 'own=1' }, full: null, raw: null },
    { header: { ...fresh, 'Set-Cookie': ['visit=1; Path=/', 'visit=2'] }, full: has('Set-Cookie', undefined), raw: has('Set-Cookie', undefined) },
    { header: { ...fresh, 'Set-Cookie': ['visit=1', 'own=1'] }, full: null, raw: null }
  ],
  '`ETag`': [
    { header: { ...fresh, ETag: '"v"' }, full: has('ETag', 'W/"v"'), raw: has('ETag', undefined) },
    { header: { ...fresh, ETag: '"v"' }, body: 'short', full: has('ETag', '"v"'), raw: has('ETag', undefined) },
    { header: { ...fresh, ETag: '"v"', 'Cache-Control': 'max-age=600, no-transform' }, full: has('ETag', '"v"'), raw: has('ETag', undefined) }
  ],
  '`Age`': [
    {
      header: { ...fresh, Age: '100' },
      full: (hit) => {
        expect(Number(hit.header('age'))).toBeGreaterThanOrEqual(100)
        expect(Number(/ttl=(\d+)/.exec(said(hit))?.[1])).toBeLessThanOrEqual(500)
      },
      raw: has('Age', undefined)
    }
  ],
  'hop-by-hop fields, trailers': [
    {
      header: { ...fresh, Connection: 'X-Hop', 'X-Hop': 'one', 'Keep-Alive': 'timeout=9', Trailer: 'X-Trailer', 'Transfer-Encoding': 'chunked' },
      full: (hit) => expect(['x-hop', 'keep-alive', 'trailer', 'x-trailer'].map((name) => hit.header(name))).toEqual([undefined, undefined, undefined, undefined]),
      raw: (hit) => expect(['x-hop', 'keep-alive', 'trailer', 'x-trailer'].map((name) => hit.header(name))).toEqual([undefined, undefined, undefined, undefined])
    }
  ]
}

const all = Object.entries(rows).flatMap(([row, cases]) => cases.map((each, number) => ({ row, number, target: `/${Object.keys(rows).indexOf(row)}/${number}`, ...each })))

function app(req: IncomingMessage, res: ServerResponse): void {
  const { status = 200, header, body = text } = all.find(({ target }) => target === req.url) as Answer
  res.writeHead(status, header)
  if (header['Trailer'] !== undefined) res.addTrailers({ 'X-Trailer': 'late' })
  res.end(body)
}

test('the README has these rows and no other', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const table = /\| what is kept of a response \|.*\n\|[-|]+\|\n((?:\|.*\n)+)/.exec(readme)?.[1] as string
  expect(table.trim().split('\n').map((line) => (line.split(' | ')[0] as string).slice(2))).toEqual(Object.keys(rows))
})

describe.each(engines.flatMap((engine) => (['full', 'raw'] as const).map((mode) => ({ id: `${engine.id}, ${mode}`, engine, mode }))))('$id', ({ engine, mode }) => {
  let cache: CacheStack
  beforeAll(async () => {
    const policy: PolicyDocument = { mode, responses: { dropCookies: ['visit'] }, routes: [{ match: '/', type: html }] }
    cache = await startCacheStack(engine, policy, app)
  })
  afterAll(() => cache?.stop())

  test.each(all)('$row ($number)', async ({ target, [mode]: check }) => {
    await cache.send(target)
    if (check === null) {
      // Nobody is served what is not there: the app is asked each time.
      const asked = cache.asked.length
      expect(said(await cache.send(target))).toMatch(/^samekey; fwd=uri-miss; detail=/)
      expect(cache.asked.length).toBe(asked + 1)
    } else check(await cache.hit(target), engine.id === 'njs-0.7.9')
  })
})
