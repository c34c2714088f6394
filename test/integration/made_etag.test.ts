// responses.makeEtag on every Nginx: who has a page is told so, also where the app has no entity tags.

import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { engines } from '../support/engines.js'
import { type CacheStack, said, startCacheStack } from './cache_stack.js'

const MODIFIED = 'Mon, 01 Jan 2024 00:00:00 GMT'
const text = 'the page '.repeat(300)
const TAG = `W/"samekey-${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`

/** Of a framework without entity tags, as `fresh` does it: an If-None-Match that it cannot know outweighs the date. */
function app(req: IncomingMessage, res: ServerResponse): void {
  const [, page] = (req.url as string).split('/')
  res.setHeader('Content-Type', 'text/html').setHeader('Cache-Control', page === 'checked' ? 'no-cache' : 'max-age=60')
  if (page === 'checked') res.setHeader('Last-Modified', MODIFIED)
  if (page === 'own') res.setHeader('ETag', '"own"')
  if (page === 'missing') res.statusCode = 404
  if (req.headers['if-modified-since'] === MODIFIED && req.headers['if-none-match'] === undefined) res.writeHead(304).end()
  else res.end(text)
}

describe.each(engines)('$id', (engine) => {
  let cache: CacheStack
  beforeAll(async () => { cache = await startCacheStack(engine, { responses: { makeEtag: true } }, app) })
  afterAll(() => cache?.stop())

  test('one tag for gzip, plain text and HEAD, and 304 for who has it', async () => {
    await cache.send('/page/1')
    const zipped = await cache.hit('/page/1', ['Accept-Encoding: gzip'])
    const plain = await cache.hit('/page/1')
    const head = await cache.send('/page/1', [], 'HEAD')
    expect([zipped.header('content-encoding'), plain.header('content-encoding')]).toEqual(['gzip', undefined])
    expect([zipped, plain, head].map((response) => response.header('etag'))).toEqual([TAG, TAG, TAG])
    for (const method of ['GET', 'HEAD']) expect((await cache.send('/page/1', [`If-None-Match: ${TAG}`], method)).status).toBe(304)
  })

  test('the app\'s own stays, and an error page needs none', async () => {
    await cache.send('/own/1')
    expect((await cache.hit('/own/1')).header('etag')).toBe('W/"own"')
    await cache.send('/missing/1')
    expect((await cache.hit('/missing/1')).header('etag')).toBeUndefined()
  })

  test('the app is asked by what it knows, and the tag stays', async () => {
    await cache.stale('/checked/1')
    const answer = await cache.send('/checked/1', [`If-None-Match: ${TAG}`])
    expect([answer.status, said(answer)]).toEqual([304, 'samekey; fwd=stale; fwd-status=304; stored; ttl=0'])
    expect(cache.asked.at(-1)?.headers).not.toHaveProperty('if-none-match')
    expect((await cache.send('/checked/1')).header('etag')).toBe(TAG)
  })
})
