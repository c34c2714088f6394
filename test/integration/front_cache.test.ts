// The front cache keeps hits, under the key and by Vary, and nothing else; a purge is through two seconds later.
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadPolicy } from '../../node-writer/policy/load.js'
import { generateNginxFiles } from '../../nginx/generate.js'
import { engines } from '../support/engines.js'
import { until } from '../support/until.js'
import { type CacheStack, said, startCacheStack } from './cache_stack.js'
import { showLogsOnFailure } from './stack.js'

const LONG = '<p>words</p>'.repeat(500)

describe.each(engines)('$id', (engine) => {
  let cache: CacheStack
  let folder: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'samekey-front-'))
    // Nginx's workers, an unprivileged user, must get through.
    await chmod(folder, 0o755)
    cache = await startCacheStack(engine, { scheme: 'http', cookies: { session: ['sid'] }, requestDirectives: true }, (req, res) => {
      const path = (req.url ?? '').split('?')[0]
      res.setHeader('Content-Type', 'text/html')
      res.setHeader('Cache-Control', path === '/own' ? 'no-store' : 'max-age=600')
      res.setHeader('X-Seen-For', String(req.headers['x-forwarded-for']))
      if (path === '/varies') res.setHeader('Vary', 'Accept-Language')
      if (path === '/covered') res.setHeader('Vary', 'Cookie, accept-encoding')
      // What may be compressed varies on Accept-Encoding as well.
      res.end(path === '/long' ? LONG : path === '/varies' ? req.headers['accept-language'] + LONG : `render ${cache.asked.length}`)
    }, { frontCache: join(folder, 'cache') })
  })
  afterAll(async () => {
    await cache?.stop()
    await rm(folder, { recursive: true, force: true })
  })
  showLogsOnFailure(() => cache.stack)

  test('spellings of a page share it, and a purge is through when its two seconds are over', async () => {
    const first = await cache.hit('/page?b=2&a=1')
    expect((await cache.send('/page?a=1&utm_source=x&b=2')).body).toEqual(first.body)
    await cache.sidecar.cache.purge(['http://site.test/page?a=1&b=2'])
    const next = await until('the page is new', async () => {
      const response = await cache.send('/page?a=1&b=2')
      return response.body.equals(first.body) ? undefined : response
    }, { timeoutMs: 3000 })
    expect(next.status).toBe(200)
  })

  test('what may not be stored is not kept', async () => {
    const [one, other] = [await cache.send('/own'), await cache.send('/own')]
    expect(one.body.equals(other.body)).toBe(false)
  })

  test('a visitor who is logged in gets a page of their own', async () => {
    const stored = await cache.hit('/front')
    const own = await cache.send('/front', ['Cookie: sid=1'])
    expect(said(own)).toBe('samekey; fwd=bypass; detail=cookie')
    expect(own.body.equals(stored.body)).toBe(false)
  })

  test('Vary is obeyed', async () => {
    for (const language of ['de', 'en', 'de']) expect((await cache.hit('/varies', [`Accept-Language: ${language}`])).body.toString()).toBe(language + LONG)
  })

  test('what the key covers does not divide a page', async () => {
    // Who still gets the purged page gets it from here, and here it lives for a second: a slow machine needs another try.
    await until('two visitors share it', async () => {
      const first = await cache.hit('/covered', ['Cookie: seen=1', 'Accept-Encoding: br'])
      await cache.sidecar.cache.purge(['http://site.test/covered'])
      return (await cache.send('/covered', ['Cookie: seen=2'])).body.equals(first.body) || undefined
    })
  })

  test('compressed for those that can take it, and inflated for the others', async () => {
    await cache.hit('/long')
    const packed = await cache.send('/long', ['Accept-Encoding: gzip'])
    expect(packed.header('content-encoding')).toBe('gzip')
    expect(gunzipSync(packed.body).toString()).toBe(LONG)
    expect((await cache.send('/long')).body.toString()).toBe(LONG)
  })

  test('conditions, ranges and HEAD are answered as of the whole page', async () => {
    await cache.hit('/ranged')
    const part = await cache.send('/ranged', ['Range: bytes=0-5'])
    expect([part.status, part.body.toString()]).toEqual([206, 'render'])
    expect(said(await cache.send('/ranged', ['Cache-Control: max-age=100']))).toMatch(/^samekey; hit/)
    expect((await cache.send('/ranged', [], 'HEAD')).body).toHaveLength(0)
  })

  test('the app is shown the visitor, not the server in between', async () => {
    expect((await cache.hit('/seen', ['X-Forwarded-For: 192.0.2.1', 'X-Samekey-Client: 192.0.2.9'])).header('x-seen-for')).toBe('192.0.2.1, 127.0.0.1')
  })
})

test('a policy without a scheme is refused', () => {
  const options = { policy: loadPolicy({}), directory: '/etc/nginx/samekey', app: '127.0.0.1:3000', memcached: ['127.0.0.1:11211'], frontCache: '/dev/shm/samekey' }
  expect(() => generateNginxFiles(options)).toThrow('frontCache: the policy must say the scheme')
})
