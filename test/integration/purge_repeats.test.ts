// An unsafe request succeeds while memcached is away with the old page: once it is back, the page goes.

import { describe, expect, test } from 'vitest'
import { judgeByBans } from '../../njs/core/bans.js'
import { banListKey } from '../../node-writer/invalidation/invalidation.js'
import type { PageCache } from '../../node-writer/page_cache.js'
import type { PolicyDocument } from '../../node-writer/policy/types.js'
import type { PurgeRecord } from '../../node-writer/purge_record.js'
import { startGate, type Gate, type Shut } from '../support/gate.js'
import { memcached, store } from '../support/memcached_of_file.js'
import { exchange, itemAt, plainRequest, sixtySeconds, startApp, type App } from './writer_app.js'

let prefixes = 0

/** An app that tells what it purges, with memcached behind a gate; `store` looks past it. */
async function start(policy: PolicyDocument = {}): Promise<{ app: App; gate: Gate; told: PurgeRecord[]; stop(): Promise<void> }> {
  const gate = await startGate(memcached.port)
  const app = await startApp(({ method }, res) => {
    if (method === 'POST') res.setHeader('Cache-Group-Invalidation', '"news"')
    res.setHeader('Content-Type', 'text/html; charset=utf-8').end('page')
  }, {
    memcached: gate.address, timeoutMs: 200, policy: { ...sixtySeconds, ...policy, prefix: `repeats${++prefixes}` }
  })
  const told: PurgeRecord[] = []
  app.cache.on('purge', (record) => told.push(record)).on('error', () => {})
  return {
    app, gate, told,
    async stop() {
      await app.stop()
      await gate.stop()
    }
  }
}

async function storePage(app: App): Promise<string> {
  const outcome = app.outcome()
  await exchange(app.port, app.request('/p'))
  expect(await outcome).toMatchObject({ kind: 'stored' })
  return app.key('/p')
}

const post = (app: App) => exchange(app.port, plainRequest(app.port, '/p', 'POST', ['Content-Length: 0']))
const next = (cache: PageCache) => new Promise<PurgeRecord>((resolve) => cache.once('purge', resolve))

describe.each<{ mode: 'raw' | 'full' }>([{ mode: 'full' }, { mode: 'raw' }])('$mode mode', ({ mode }) => {
  test.each<{ how: Shut }>([{ how: 'closed' }, { how: 'silent' }])('the way to memcached is $how', async ({ how }) => {
    const { app, gate, told, stop } = await start({ mode })
    try {
      const key = await storePage(app)
      gate.shut(how)
      expect(await post(app)).toContain('200 OK')
      expect(told).toMatchObject([{ outcome: 'waiting', pages: [], by: `POST http://127.0.0.1:${app.port}/p` }])
      expect(await itemAt(store, key)).not.toBeNull()

      const repeated = next(app.cache)
      gate.open()
      expect(await repeated).toMatchObject({ outcome: 'done', deleted: 1, pages: [{ url: `http://127.0.0.1:${app.port}/p` }], by: 'repetition' })
      expect(await itemAt(store, key)).toBeNull()
    } finally {
      await stop()
    }
  })
})

test('groups are banned once memcached is back', async () => {
  const { app, gate, stop } = await start()
  try {
    await storePage(app)
    const clock = await app.cache.purge({ tags: 'other' }).then((result) => result.clock)
    gate.shut('closed')
    await post(app)
    const repeated = next(app.cache)
    gate.open()
    await repeated
    const list = (await store.get(banListKey(app.cache.policy)))?.value.toString() as string
    expect(judgeByBans(list, clock, [`g:http://127.0.0.1:${app.port}/news`], () => '')).toBe('covered')
    expect(judgeByBans(list, clock, ['news'], () => '')).toBe('good')
  } finally {
    await stop()
  }
})

test.each<{ how: Shut }>([{ how: 'closed' }, { how: 'silent' }])('a page cache that is closed meanwhile says what it gives up: $how', async ({ how }) => {
  const { app, gate, told, stop } = await start()
  gate.shut(how)
  await post(app)
  const errors: string[] = []
  app.cache.on('error', ({ error }) => errors.push(error.message))
  await stop()
  expect(told).toMatchObject([{ outcome: 'waiting' }, { outcome: 'failed', asked: { urls: [`http://127.0.0.1:${app.port}/p`], groups: ['news'] }, error: expect.stringContaining('closed before') }])
  expect(errors).toEqual([expect.stringContaining(`http://127.0.0.1:${app.port}/p`)])
})
