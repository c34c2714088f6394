// The example examples/orm-hooks, on real memcached: an edit purges the pages that are made of what it changed, no others,
// and only when it is committed.

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Server } from 'node:http'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { judgeByBans } from '../../njs/core/bans.js'
import { banListKey, createInvalidation } from '../../node-writer/invalidation/invalidation.js'
import { keysOfUrl } from '../../node-writer/key.js'
import type { PageCache } from '../../node-writer/page_cache.js'
import type { PurgeRecord } from '../../node-writer/purge_record.js'
import { memcached, store } from '../support/memcached_of_file.js'
import { until } from '../support/until.js'
import { exchange, plainRequest, readEntry } from './writer_app.js'

interface Row { id: number }

interface Example {
  app: { listen(port: number, host: string): Server }
  cache: PageCache
  authors: { insert(row: object): Promise<Row> }
  articles: { insert(row: object): Promise<Row>; update(id: number, row: object): Promise<Row>; delete(id: number): Promise<void> }
  transaction(work: () => Promise<unknown>): Promise<unknown>
}

let example: Example
let server: Server
let port: number
let told: PurgeRecord[]

beforeEach(async () => {
  // @ts-expect-error plain JavaScript, as an app would have it
  const { createApp } = (await import('../../examples/orm-hooks/app.mjs')) as { createApp(options: object): Example }
  example = createApp({ memcached: memcached.address })
  server = example.app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
  for (const name of ['Ada', 'Grace']) await example.authors.insert({ name })
  for (const [title, authorId] of [['One', 1], ['Two', 1], ['Three', 2]]) await example.articles.insert({ title, authorId })
  told = []
  example.cache.on('purge', (record) => told.push(record))
})
afterEach(async () => {
  server.close()
  server.closeAllConnections()
  await example.cache.close()
})

const PAGES = ['/', '/articles/1', '/articles/2', '/articles/3']

/** Renders all pages; then tells which of them an Nginx would serve. */
async function served(): Promise<() => Promise<string[]>> {
  const { policy } = example.cache
  const clock = await createInvalidation(policy, store).lists.clock()
  const tags = new Map<string, string[]>()
  for (const page of PAGES) {
    const key = keysOfUrl(`http://127.0.0.1:${port}${page}`, policy)[0] as string
    expect(await exchange(port, plainRequest(port, page, 'GET', [`X-Samekey-Key: ${key}`]))).toContain('200 OK')
    const entry = await until(`${page} is stored`, () => readEntry(store, key).catch(() => undefined))
    tags.set(page, entry.head.tags)
  }
  return async () => {
    const list = (await store.get(banListKey(policy)))?.value.toString() ?? ''
    return PAGES.filter((page) => judgeByBans(list, clock, tags.get(page) as string[], () => '') === 'good')
  }
}

test('an edit of an article: its page and the list', async () => {
  const left = await served()
  const body = 'title=Uno'
  const answer = await exchange(port, `POST /admin/articles/1 HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
  expect(answer).toContain('303 See Other')
  expect(await left()).toEqual(['/articles/2', '/articles/3'])
  expect(told.filter(({ by }) => by === 'ORM')).toMatchObject([{ asked: { tags: ['article:1', 'articles'] }, outcome: 'done' }])
})

test('an edit of an article and its author: also her other articles', async () => {
  const left = await served()
  const body = 'title=Uno&author=Augusta'
  await exchange(port, `POST /admin/articles/1 HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
  expect(await left()).toEqual(['/articles/3'])
  // In one go.
  expect(told.filter(({ by }) => by === 'ORM')).toHaveLength(1)
})

test('a deletion without a transaction', async () => {
  const left = await served()
  await example.articles.delete(3)
  expect(await left()).toEqual(['/articles/1', '/articles/2'])
})

test('a transaction that fails purges nothing', async () => {
  const left = await served()
  await expect(example.transaction(async () => {
    await example.articles.update(1, { title: 'Uno' })
    throw new Error('no')
  })).rejects.toThrow('no')
  expect(await left()).toEqual(PAGES)
  expect(told).toEqual([])
})

test('nothing is purged before the commit', async () => {
  const left = await served()
  let before: string[] = []
  await example.transaction(async () => {
    await example.articles.update(1, { title: 'Uno' })
    before = await left()
  })
  expect(before).toEqual(PAGES)
  expect(await left()).toEqual(['/articles/2', '/articles/3'])
})
