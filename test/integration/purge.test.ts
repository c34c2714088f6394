// cache.purge on real memcached servers: what it deletes, what it puts into the ban list, what it leaves alone, and that
// it says so when a server has not acknowledged. What Nginx makes of it: purge_nginx.test.ts.

import { describe, expect, test } from 'vitest'
import { judgeByBans } from '../../njs/core/bans.js'
import { banListKey, createInvalidation } from '../../node-writer/invalidation/invalidation.js'
import { keysOfUrl } from '../../node-writer/key.js'
import { pageCache, type PageCache } from '../../node-writer/page_cache.js'
import { loadPolicy } from '../../node-writer/policy/load.js'
import type { LoadedPolicy, PolicyDocument } from '../../node-writer/policy/types.js'
import type { PurgeError } from '../../node-writer/purge_result.js'
import type { PurgeRecord } from '../../node-writer/purge_record.js'
import type { PurgeRequest } from '../../node-writer/purge_request.js'
import { freePort } from '../support/free_port.js'
import { startMemcached } from '../support/memcached.js'
import { memcached, store } from '../support/memcached_of_file.js'
import { startApp, exchange, plainRequest } from './writer_app.js'

/** Every test has a policy, and so keys, of its own. */
let prefixes = 0

function open(document: PolicyDocument = {}, servers = memcached.address): PageCache {
  return pageCache({ scheme: 'https', hosts: ['example.org'], ...document, prefix: `purge${++prefixes}` }, { memcached: servers })
}

const keyOf = (url: string, policy: LoadedPolicy) => keysOfUrl(url, policy)[0] as string
const put = (key: string) => store.set(key, Buffer.from('x'), { ttlSeconds: 60 })
const has = async (key: string) => (await store.get(key)) !== null
const failure = (purge: Promise<unknown>) => purge.then(() => { throw new Error('it pretended') }, (error: unknown) => error as PurgeError)

describe('bans', () => {
  // An entry from before the purge, as Nginx judges it.
  test.each<{ id: string; request: PurgeRequest; page?: string; tags?: string[]; covered: boolean }>([
    { id: 'its tag', request: { tags: ['other', 'news'] }, tags: ['front', 'news'], covered: true },
    { id: 'another tag', request: { tags: 'new' }, tags: ['news'], covered: false },
    { id: 'its group', request: { groups: 'x y' }, tags: ['g:https://example.org/x%20y'], covered: true },
    { id: 'that group of another origin', request: { groups: 'x', site: 'https://b.example' }, tags: ['g:https://example.org/x'], covered: false },
    { id: 'a prefix as people write it', request: { prefix: '/%62log/' }, page: 'https://example.org/blog/1?a=2', covered: true },
    { id: 'the prefix of another host', request: { prefix: 'https://b.example/blog/' }, page: 'https://example.org/blog/1', covered: false },
    { id: 'a longer prefix', request: { prefix: '/blog/10' }, page: 'https://example.org/blog/1', covered: false },
    { id: 'a pattern', request: { pattern: '/(blog|news)/\\d+$' }, page: 'https://example.org/News/12', covered: true },
    { id: 'a pattern that matches only later', request: { pattern: 'blog' }, page: 'https://example.org/blog', covered: false },
    { id: 'everything', request: { all: true }, covered: true },
    { id: 'nothing', request: { tags: [] }, covered: false },
    { id: 'several things at once', request: { tags: 'a', prefix: '/b', pattern: '/blog' }, page: 'https://example.org/blog', covered: true }
  ])('$id: covered is $covered', async ({ request, page = 'https://example.org/', tags = [], covered }) => {
    const cache = open()
    const before = await createInvalidation(cache.policy, store).lists.clock()
    const result = await cache.purge(request)
    const list = (await store.get(banListKey(cache.policy)))?.value.toString() as string
    expect(judgeByBans(list, before, tags, () => page)).toBe(covered ? 'covered' : 'good')
    // What is rendered from now on is not covered, and carries what the purge says.
    if (result.bans.length > 0) expect(judgeByBans(list, result.clock, tags, () => page)).toBe('good')
    await cache.close()
  })

  test('it says what it did, and who asked', async () => {
    const cache = open()
    const told: PurgeRecord[] = []
    cache.on('purge', (record) => told.push(record))
    const key = keyOf('https://example.org/p', cache.policy)
    await put(key)
    const result = await cache.purge({ urls: '/p', tags: ['a'], prefix: '/b/', by: 'the editor' })
    expect(result).toEqual({
      pages: [{ url: 'https://example.org/p', keys: [key] }], deleted: 1,
      bans: [{ kind: 'tag', value: 'a' }, { kind: 'prefix', value: 'https://example.org/b/' }], clock: expect.stringMatching(/^[\w-]{16}\.2$/)
    })
    expect(told).toEqual([{ time: expect.any(String), ms: expect.any(Number), by: 'the editor', asked: { urls: '/p', tags: ['a'], prefix: '/b/' }, outcome: 'done', ...result, failures: [], error: '' }])
    await cache.close()
  })

  test('a request that means nothing purges nothing, and is told', async () => {
    const cache = open()
    const told: PurgeRecord[] = []
    cache.on('purge', (record) => told.push(record))
    const key = keyOf('https://example.org/p', cache.policy)
    await put(key)
    await expect(cache.purge({ urls: '/p', tags: ['a b'] })).rejects.toMatchObject({ name: 'PurgeRequestError', path: '$.tags[0]' })
    expect(await has(key)).toBe(true)
    expect(await has(banListKey(cache.policy))).toBe(false)
    expect(told).toMatchObject([{ outcome: 'refused', error: expect.stringContaining('$.tags[0]') }])
    await cache.close()
  })

  test('many at once are all in the list', async () => {
    const cache = open()
    await Promise.all(Array.from({ length: 100 }, (_, i) => cache.purge({ tags: `tag${i}` })))
    const list = (await store.get(banListKey(cache.policy)))?.value.toString() as string
    expect(list.match(/^t tag\d+ /gm)).toHaveLength(100)
    await cache.close()
  })
})

describe('pages', () => {
  test('the lease goes with the page, so that nobody waits for a render that will not be stored', async () => {
    const cache = open()
    const key = keyOf('https://example.org/p', cache.policy)
    await put(`${key}#l`)
    expect(await cache.purge('/p')).toMatchObject({ deleted: 0 })
    expect(await has(`${key}#l`)).toBe(false)
    await cache.close()
  })

  test('10,000 of them', async () => {
    const cache = open()
    const urls = Array.from({ length: 10_000 }, (_, i) => `/p${i}`)
    for (const i of [0, 4999, 9999]) await put(keyOf(`https://example.org/p${i}`, cache.policy))
    expect(await cache.purge(urls)).toMatchObject({ deleted: 3 })
    await cache.close()
  })
})

describe('raw mode, by listing the keys', () => {
  const raw: PolicyDocument = { mode: 'raw', variants: [{ name: 'language', cookie: 'lang', values: ['en', 'de'] }] }
  const long = `/blog/${'x'.repeat(300)}`

  test.each<{ id: string; request: PurgeRequest; gone: string[]; left: string[] }>([
    { id: 'a prefix', request: { prefix: '/blog/' }, gone: ['/blog/1', '/blog/a?b=%C3%A9', '/blog/', long], left: ['/blogs', '/', '/news/1'] },
    { id: 'a prefix with an escape', request: { prefix: '/%c3' }, gone: ['/%C3%A9'], left: ['/^C3', '/c3'] },
    { id: 'a prefix beyond what a shortened key shows', request: { prefix: long }, gone: [long, `${long}/1`], left: ['/blog/1'] },
    { id: 'everything', request: { all: true }, gone: ['/blog/1', '/', long], left: [] }
  ])('$id', async ({ request, gone, left }) => {
    const cache = open(raw)
    const keys = (targets: string[]) => targets.flatMap((target) => keysOfUrl(`https://example.org${target}`, cache.policy))
    const tenant = loadPolicy({ ...raw, prefix: `${cache.policy.document.prefix}x`, scheme: 'https' })
    const others = [...keysOfUrl('https://example.org/blog/1', tenant), 'somebody:else']
    for (const key of [...keys(gone), ...keys(left), ...others]) await put(key)
    // A render under way.
    const claims = keys(gone).map((key) => `${key}#c`)
    for (const key of claims) await put(key)

    expect(await cache.purge(request)).toEqual({ pages: [], deleted: keys(gone).length, bans: [], clock: '' })
    expect(await Promise.all([...keys(gone), ...claims].map(has))).not.toContain(true)
    expect(await Promise.all([...keys(left), ...others].map(has))).not.toContain(false)
    await cache.close()
  })

  test('a page that is only under way has a claim, and is not stored after it', async () => {
    const cache = open(raw)
    const [key = ''] = keysOfUrl('https://example.org/slow', cache.policy)
    await put(`${key}#c`)
    expect(await cache.purge({ prefix: '/slow' })).toMatchObject({ deleted: 0 })
    expect(await has(`${key}#c`)).toBe(false)
    await cache.close()
  })

  // `metadump all` misses items that move between memcached's lists just then.
  test('pages that are being written and read are all found', async () => {
    const cache = open(raw)
    const keys = ['/a/1', '/a/2', '/b'].map((target) => keyOf(`https://example.org${target}`, cache.policy))
    for (let i = 0; i < 30; i++) {
      for (const key of keys) await put(key)
      for (const key of [...keys, ...keys]) await store.get(key)
      expect(await cache.purge({ all: true })).toMatchObject({ deleted: 3 })
    }
    await cache.close()
  })

  test('tags are refused, and nothing happens', async () => {
    const cache = open(raw)
    const [key = ''] = keysOfUrl('https://example.org/p', cache.policy)
    await put(key)
    await expect(cache.purge({ urls: '/p', tags: 'a' })).rejects.toThrow(/\$\.tags: a raw entry is the bare page/)
    expect(await has(key)).toBe(true)
    await cache.close()
  })
})

describe('a server that does not acknowledge is named', () => {
  test.each<{ id: string; document?: PolicyDocument; request: PurgeRequest; key: string | RegExp }>([
    { id: 'a tag', request: { tags: 'a' }, key: /#bans$/ },
    { id: 'everything', request: { all: true }, key: /#bans$/ },
    { id: 'a page', request: { urls: '/p' }, key: /\/p$/ },
    { id: 'raw mode: a prefix', document: { mode: 'raw' }, request: { prefix: '/' }, key: '' }
  ])('$id', async ({ document, request, key }) => {
    const away = `127.0.0.1:${await freePort()}`
    const cache = open(document, away)
    const told: PurgeRecord[] = []
    cache.on('purge', (record) => told.push(record)).on('error', () => {})
    const error = await failure(cache.purge(request))
    expect(error).toMatchObject({ name: 'PurgeError', message: expect.stringContaining(away), failures: [{ server: away, key: typeof key === 'string' ? key : expect.stringMatching(key) }] })
    expect(error.result).toEqual({ pages: [], deleted: 0, bans: [], clock: '' })
    expect(told).toMatchObject([{ outcome: 'failed', failures: [{ server: away }] }])
    await cache.close()
  })

  test('a ban is tried on a server that did not answer a moment ago', async () => {
    const port = await freePort()
    const cache = open({}, `127.0.0.1:${port}`)
    cache.on('error', () => {})
    await failure(cache.purge({ tags: 'a' }))
    const back = await startMemcached([], port)
    try {
      expect(await cache.purge({ tags: 'a' })).toMatchObject({ bans: [{ kind: 'tag', value: 'a' }] })
    } finally {
      await cache.close()
      await back.stop()
    }
  })
})

describe('the answer to an unsafe request', () => {
  // RFC 9875 §3
  test.each([
    { id: 'names groups', method: 'POST', status: 200, field: '"a", "b c";x=1', invalidated: ['a', 'b%20c'] },
    { id: 'says that it failed, and names groups', method: 'PATCH', status: 500, field: '"a"', invalidated: ['a'] },
    { id: 'names what are no strings', method: 'POST', status: 200, field: 'a, b', invalidated: [] },
    { id: 'is to a safe method', method: 'GET', status: 200, field: '"a"', invalidated: [] }
  ])('$id: $invalidated', async ({ method, status, field, invalidated }) => {
    const app = await startApp((_, res) => void res.writeHead(status, { 'Cache-Group-Invalidation': field }).end('done'), { memcached: memcached.address, policy: { prefix: `purge${++prefixes}` } })
    const told: PurgeRecord[] = []
    app.cache.on('purge', (record) => told.push(record))
    try {
      expect(await exchange(app.port, plainRequest(app.port, '/form', method))).toContain('done')
      // Before the client had its answer.
      expect(told.flatMap(({ bans }) => bans)).toEqual(invalidated.map((group) => ({ kind: 'tag', value: `g:http://127.0.0.1:${app.port}/${group}` })))
      if (invalidated.length > 0) expect(told).toMatchObject([{ by: `${method} http://127.0.0.1:${app.port}/form` }])
    } finally {
      await app.stop()
    }
  })
})
