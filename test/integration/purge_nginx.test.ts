// Purges as visitors meet them, on a real Nginx in front of the sidecar: what is covered is rendered anew within the second
// that is promised, and everything else stays a hit. Asked for in each of the ways there are, on every engine.

import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { engines, type Engine } from '../support/engines.js'
import { programsOf } from '../support/programs.js'
import { type RawResponse, sendRaw } from '../support/raw_http.js'
import { startMemcached, type Memcached } from '../support/memcached.js'
import { until } from '../support/until.js'
import { runCli } from '../unit/cli_run.js'
import { startUp, type Up } from './up_process.js'

const TOKEN = 'a-token-of-many-characters'

/** Milliseconds after the acknowledgement, docs/invalidation.md. */
const BOUND_MS = 1000

let app: Server
let memcached: Memcached
let up: Up
let port: number
let folder: string
let log: string
let renders = 0
/** In which `samekey up` finds the engine's programs. */
let env: { PATH: string }

async function start({ suite, engine }: Engine): Promise<void> {
  app = createServer((req, res) => {
    if (req.method === 'PURGE' || req.url === '/.samekey/purge') return void res.writeHead(404).end("the app's own")
    if (req.method === 'POST') return void res.writeHead(204, { 'Cache-Group-Invalidation': `"${(req.url as string).slice(1)}"` }).end()
    // Its 304 names no tag.
    if (req.headers['if-none-match'] === '"checked"') return void res.writeHead(304, { 'ETag': '"checked"', 'X-Confirmed': 'yes' }).end()
    const { pathname, searchParams } = new URL(req.url as string, 'http://x')
    res.setHeader('Cache-Control', pathname === '/checked' ? 'no-cache' : 'max-age=600')
    if (pathname === '/checked') res.setHeader('ETag', '"checked"')
    res.setHeader('Cache-Tag', pathname.split('/').filter(Boolean).join(','))
    res.setHeader('Surrogate-Key', searchParams.getAll('key').join(' '))
    for (const group of searchParams.getAll('group')) res.setHeader('Cache-Groups', `"${group}"`)
    res.end(`render ${++renders} of ${req.url} ${req.headers['x-samekey-variant'] ?? ''}`)
  }).listen(0, '127.0.0.1')
  await once(app, 'listening')
  memcached = await startMemcached()
  folder = mkdtempSync(join(tmpdir(), 'samekey-purge-test-'))
  log = join(folder, 'purges')
  writeFileSync(join(folder, 'samekey.json'), JSON.stringify({ hosts: ['site.test', 'other.test'], variants: [{ name: 'language', cookie: 'lang', values: ['en', 'de'] }] }))
  await programsOf(suite, folder)
  env = { PATH: `${folder}:${process.env['PATH']}` }
  up = startUp([`127.0.0.1:${(app.address() as AddressInfo).port}`, '--listen', '127.0.0.1:0', '--memcached', memcached.address, '--purge-log', log, '--engine', engine], { cwd: folder, env: { ...env, SAMEKEY_PURGE_TOKEN: TOKEN } })
  port = await up.ready()
}

async function stop(): Promise<void> {
  await up?.stop()
  await memcached?.stop()
  app?.close()
  app?.closeAllConnections()
  rmSync(folder, { recursive: true, force: true })
}

/** `//host/target`, and a language behind a space. */
function visit(page: string): Promise<RawResponse> {
  const [, host, target, language] = /^\/\/([^/]+)(\/\S*)(?: (\S+))?$/.exec(page) as unknown as [string, string, string, string?]
  return sendRaw(port, `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n${language === undefined ? '' : `Cookie: lang=${language}\r\n`}Connection: close\r\n\r\n`)
}

const isHit = (response: RawResponse): boolean => /^samekey; hit/.test(response.header('cache-status') ?? '')

function stored(page: string): Promise<string> {
  return until(`${page} is stored`, async () => {
    const response = await visit(page)
    return isHit(response) ? response.body.toString() : undefined
  })
}

async function post(body: object, from = ''): Promise<RawResponse> {
  const text = JSON.stringify(body)
  return sendRaw(port, `POST /.samekey/purge HTTP/1.1\r\nHost: site.test\r\nAuthorization: Bearer ${TOKEN}\r\n${from}Content-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`)
}

const command = (...args: string[]) => runCli(['purge', ...args, '--memcached', memcached.address], { cwd: folder })

interface Row {
  id: string
  purge: () => Promise<unknown>
  covered: string[]
  others: string[]
  /** Milliseconds. */
  bound: number
}

describe.each(engines)('$id', (engine) => {
  beforeAll(() => start(engine))
  afterAll(stop)

  describe('what is purged is rendered anew within its bound, what is not stays a hit', () => {
    const http = (body: object) => async () => expect((await post(body)).status).toBe(200)
    const cli = (...args: string[]) => async () => expect(await command(...args)).toMatchObject({ exitCode: 0 })
    test.each<Row>([
      { id: 'PURGE', purge: async () => expect((await sendRaw(port, `PURGE /one?utm_source=x&b=2&a=1 HTTP/1.1\r\nHost: site.test\r\nAuthorization: Bearer ${TOKEN}\r\nConnection: close\r\n\r\n`)).status).toBe(200),
        covered: ['//site.test/one?a=1&b=2', '//site.test/one?a=1&b=2 de'], others: ['//site.test/one', '//other.test/one?a=1&b=2'], bound: 0 },
      { id: 'URLs over HTTP', purge: http({ urls: ['http://site.test/u1', '/u2'] }), covered: ['//site.test/u1', '//site.test/u1 de', '//site.test/u2'], others: ['//site.test/u3', '//other.test/u2'], bound: 0 },
      { id: 'a tag', purge: http({ tags: ['t2'] }), covered: ['//site.test/t1/t2', '//other.test/t2', '//site.test/t?key=x&key=t2'], others: ['//site.test/t1', '//site.test/t22', '//site.test/T2'], bound: BOUND_MS },
      { id: 'a prefix', purge: http({ prefix: 'http://site.test/%70re/a' }), covered: ['//site.test/pre/a', '//site.test/pre/abc?x=1 de'], others: ['//site.test/pre/b', '//other.test/pre/a', '//site.test/x/pre/a'], bound: BOUND_MS },
      { id: 'a pattern', purge: http({ pattern: '/(pat|tern)/\\d+$' }), covered: ['//site.test/pat/1', '//other.test/TERN/22'], others: ['//site.test/pat/x', '//site.test/x/pat/1'], bound: BOUND_MS },
      { id: 'a group', purge: async () => expect((await sendRaw(port, 'POST /g1 HTTP/1.1\r\nHost: site.test\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')).status).toBe(204), covered: ['//site.test/x?group=g1'], others: ['//site.test/x?group=g2', '//other.test/x?group=g1'], bound: BOUND_MS },
      { id: 'the command: URLs', purge: cli('http://site.test/c1'), covered: ['//site.test/c1', '//site.test/c1 de'], others: ['//site.test/c2'], bound: 0 },
      { id: 'the command: tags and a prefix', purge: cli('--tag', 'c3', '--tag', 'c4', '--prefix', '/c5/', '--site', 'http://site.test'), covered: ['//site.test/c3', '//site.test/x/c4', '//site.test/c5/1'], others: ['//site.test/c5', '//site.test/c6'], bound: BOUND_MS },
      { id: 'the command: everything', purge: cli('--all', '--yes'), covered: ['//site.test/', '//other.test/all/1', '//site.test/all/2 de'], others: [], bound: BOUND_MS }
    ])('$id', async ({ purge, covered, others, bound }) => {
      const before = new Map<string, string>()
      for (const page of [...covered, ...others]) before.set(page, await stored(page))
      await purge()
      const acknowledged = performance.now()
      // No later than the bound: what is seen then is what the promise is about.
      await until('the bound has passed', async () => performance.now() - acknowledged >= bound || undefined)
      for (const page of covered) {
        const response = await visit(page)
        expect({ page, hit: isHit(response), body: response.body.toString() === before.get(page) }).toEqual({ page, hit: false, body: false })
      }
      for (const page of others) expect({ page, body: (await visit(page)).body.toString() }).toEqual({ page, body: before.get(page) })
      // And what is rendered after it is kept.
      for (const page of covered) expect(await stored(page)).not.toBe(before.get(page))
    })
  })

  test('clients do not see the tag fields, on a miss or on a hit', async () => {
    const miss = await visit('//site.test/hidden/tags?key=k')
    await stored('//site.test/hidden/tags?key=k')
    const hit = await visit('//site.test/hidden/tags?key=k')
    expect([isHit(miss), isHit(hit)]).toEqual([false, true])
    for (const response of [miss, hit]) expect([response.header('cache-tag'), response.header('surrogate-key')]).toEqual([undefined, undefined])
    const { out } = await runCli(['get', 'http://site.test/hidden/tags?key=k', '--json', '--memcached', memcached.address], { cwd: folder })
    expect(JSON.parse(out)).toMatchObject({ stored: { head: { tags: ['hidden', 'tags', 'k'] } } })
  })

  test('a page that the app has confirmed with a 304 keeps its tags', async () => {
    const stored = await until('it is stored as confirmed', async () => {
      await visit('//site.test/checked?key=k')
      const { out } = await runCli(['get', 'http://site.test/checked?key=k', '--json', '--memcached', memcached.address], { cwd: folder })
      return out.includes('X-Confirmed') ? (JSON.parse(out) as { stored: { head: { tags: string[] } } }).stored : undefined
    })
    expect(stored.head.tags).toEqual(['checked', 'k'])
  })

  // The rest is no matter of the engine.
  if (engine === engines[0]) describe('and besides', () => {
    test('--warm renders anew what was purged, and nothing else', async () => {
      const long = `//site.test/w1/y?q=${'x'.repeat(300)}`
      const covered = ['//site.test/w1', '//site.test/w1 de', '//site.test/x/w1?key=k', '//site.test/w2', '//site.test/w2 de']
      const before = new Map<string, string>()
      for (const page of [...covered, long, '//site.test/w3']) before.set(page, await stored(page))
      const seen = renders
      const { exitCode, out, err } = await command('--tag', 'w1', 'http://site.test/w2', '--warm', '--base', `http://127.0.0.1:${port}`)
      expect({ exitCode, err }).toEqual({ exitCode: 0, err: expect.stringMatching(/^samekey: 1 pages with a shortened key/) })
      expect(out).toMatch(/^rendered 5, already fresh 0, not stored 0, bypass 0, failed 0;/m)
      expect(renders).toBe(seen + 5)
      for (const page of covered) expect({ page, body: await stored(page) }).not.toEqual({ page, body: before.get(page) })
      expect(renders).toBe(seen + 5)
      expect(await stored('//site.test/w3')).toBe(before.get('//site.test/w3'))
    })

    test('raw mode: PURGE, a prefix and everything; tags are refused', async () => {
      const cwd = mkdtempSync(join(tmpdir(), 'samekey-purge-test-'))
      writeFileSync(join(cwd, 'samekey.json'), JSON.stringify({ mode: 'raw', prefix: 'raw', routes: [{ match: '/', ttl: 600, type: 'text/plain' }] }))
      const site = createServer((_, res) => void res.writeHead(200, { 'Content-Type': 'text/plain' }).end(`render ${++renders}`)).listen(0, '127.0.0.1')
      await once(site, 'listening')
      const raw = startUp([`127.0.0.1:${(site.address() as AddressInfo).port}`, '--listen', '127.0.0.1:0', '--memcached', memcached.address], { cwd, env: { ...env, SAMEKEY_PURGE_TOKEN: TOKEN } })
      try {
        const own = await raw.ready()
        const get = (target: string) => sendRaw(own, `GET ${target} HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n`)
        const keep = (target: string) => until(`${target} is stored`, async () => { const response = await get(target); return isHit(response) || undefined })
        const ask = (line: string, body = '') => sendRaw(own, `${line} HTTP/1.1\r\nHost: site.test\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`)
        for (const [line, body, gone] of [
          ['PURGE /a/1', '', ['/a/1']],
          ['POST /.samekey/purge', '{"prefix":"/a/","site":"http://site.test"}', ['/a/1', '/a/2']],
          ['POST /.samekey/purge', '{"all":true}', ['/a/1', '/a/2', '/b']]
        ] as const) {
          for (const target of ['/a/1', '/a/2', '/b']) await keep(target)
          expect((await ask(line, body)).status).toBe(200)
          const hits = []
          for (const target of ['/a/1', '/a/2', '/b']) hits.push([target, isHit(await get(target))])
          expect(hits).toEqual(['/a/1', '/a/2', '/b'].map((target) => [target, !(gone as readonly string[]).includes(target)]))
        }
        const refused = await ask('POST /.samekey/purge', '{"tags":["a"]}')
        expect([refused.status, refused.body.toString()]).toEqual([400, expect.stringContaining('raw entry')])
      } finally {
        await raw.stop()
        site.close()
        site.closeAllConnections()
        rmSync(cwd, { recursive: true, force: true })
      }
    })

    test('a client elsewhere finds the app, whatever it says of itself', async () => {
      // Nginx adds the address that it sees behind it; this test can only come from 127.0.0.1, so the other one is claimed.
      const response = await post({ all: true }, 'X-Forwarded-For: 203.0.113.9\r\n')
      expect(response.status).toBe(404)
      expect(response.body.toString()).toBe("the app's own")
    })

    test('the log has who, what, when and the outcome of each, and no token', async () => {
      await post({ tags: ['logged'], by: 'deploy' })
      await post({ tags: ['a b'] })
      await command('--tag', 'logged too', '--purge-log', log).then(({ exitCode }) => expect(exitCode).toBe(2))
      await command('--tag', 'logged-too', '--by', 'cron', '--purge-log', log)
      const text = readFileSync(log, 'utf8')
      const lines = text.trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>)
      expect(lines.slice(-4)).toMatchObject([
        { by: 'deploy from 127.0.0.1', asked: { tags: ['logged'] }, outcome: 'done', bans: [{ kind: 'tag', value: 'logged' }], error: '' },
        { by: '127.0.0.1', asked: { tags: ['a b'] }, outcome: 'refused' },
        { asked: { tags: ['logged too'] }, outcome: 'refused' },
        { by: 'cron', outcome: 'done' }
      ])
      for (const { time } of lines) expect(Math.abs(Date.parse(time as string) - Date.now())).toBeLessThan(600_000)
      expect(text).not.toContain(TOKEN)
      expect(up.out().join('\n') + up.err()).not.toContain(TOKEN)
    })
  })
})
