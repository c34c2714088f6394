// `samekey warm`: how it asks, what it makes of the answers, and that a real cache is warm afterwards.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { warmUrls, type WarmedPage } from '../../cli/warm/warm_urls.js'
import { runCli } from '../unit/cli_run.js'
import { startGuarded } from '../support/guarded.js'
import { until } from '../support/until.js'
import { type Origin, startOrigin } from './up_origin.js'
import { startUp, type Up } from './up_process.js'

type Handler = (req: IncomingMessage, res: ServerResponse) => void

const closers: (() => unknown)[] = []
let folder: string
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'samekey-warm-test-'))))
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A site that answers as told; its address. */
async function site(handler: Handler): Promise<string> {
  const server = createServer(handler).listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('what comes of a page', () => {
  test.each<{ id: string; status?: number; cacheStatus?: string; outcome: string; detail?: string | RegExp }>([
    { id: 'stored', cacheStatus: 'samekey; fwd=uri-miss; stored; ttl=60', outcome: 'rendered' },
    { id: 'there already', cacheStatus: 'samekey; hit; ttl=9', outcome: 'fresh' },
    { id: 'there, in raw mode', cacheStatus: 'samekey; hit', outcome: 'fresh' },
    { id: 'stale, and refreshed', cacheStatus: 'samekey; hit; ttl=-3', outcome: 'rendered', detail: 'refreshed behind the response' },
    { id: 'rendered for another visitor', cacheStatus: 'samekey; fwd=uri-miss; collapsed', outcome: 'rendered' },
    { id: 'not stored', cacheStatus: 'samekey; fwd=uri-miss; detail=set-cookie', outcome: 'not-stored', detail: 'set-cookie' },
    { id: 'bypass', cacheStatus: 'samekey; fwd=bypass; detail=cookie', outcome: 'bypass', detail: 'cookie' },
    { id: 'behind another cache', cacheStatus: 'Other; hit, samekey; fwd=uri-miss; stored', outcome: 'rendered' },
    { id: 'another cache only', cacheStatus: 'Other; hit', outcome: 'failed', detail: /no Cache-Status of samekey/ },
    { id: 'no cache', outcome: 'failed', detail: /no Cache-Status of samekey/ },
    { id: 'not there', status: 404, cacheStatus: 'samekey; fwd=uri-miss; stored', outcome: 'failed', detail: 'status 404' },
    { id: 'a redirect is a page', status: 301, cacheStatus: 'samekey; fwd=uri-miss; stored', outcome: 'rendered' }
  ])('$id: $outcome', async ({ status = 200, cacheStatus, outcome, detail = '' }) => {
    const base = await site((_, res) => res.writeHead(status, cacheStatus === undefined ? {} : { 'Cache-Status': cacheStatus }).end('x'))
    const pages: WarmedPage[] = []
    const summary = await warmUrls([{ url: `${base}/` }], { onPage: (page) => pages.push(page) })
    expect(pages).toMatchObject([{ outcome, status }])
    expect(pages[0]?.detail).toMatch(typeof detail === 'string' ? new RegExp(`^${detail}$`) : detail)
    expect(summary).toMatchObject({ [outcome]: 1, left: 0, stopped: '' })
  })

  test('a response that breaks off', async () => {
    const base = await site((_, res) => {
      res.writeHead(200, { 'Cache-Status': 'samekey; fwd=uri-miss; stored', 'Content-Length': '100' })
      res.write('x', () => res.destroy())
    })
    expect(await warmUrls([{ url: `${base}/` }])).toMatchObject({ failed: 1, rendered: 0 })
  })
})

describe('politeness', () => {
  const stored = { 'Cache-Status': 'samekey; fwd=uri-miss; stored' }

  test('never more at once than allowed, and as many', async () => {
    let now = 0
    let most = 0
    const held: ServerResponse[] = []
    const base = await site((_, res) => {
      most = Math.max(most, ++now)
      held.push(res)
      if (held.length < 3) return
      for (const each of held.splice(0)) {
        now--
        each.writeHead(200, stored).end()
      }
    })
    expect(await warmUrls(Array.from({ length: 12 }, (_, i) => ({ url: `${base}/${i}` })), { concurrency: 3 })).toMatchObject({ rendered: 12 })
    expect(most).toBe(3)
  })

  test('not faster than the rate', async () => {
    const base = await site((_, res) => res.writeHead(200, stored).end())
    const summary = await warmUrls(Array.from({ length: 5 }, (_, i) => ({ url: `${base}/${i}` })), { concurrency: 5, perSecond: 20 })
    // The first at once, and four more.
    expect(summary.ms).toBeGreaterThanOrEqual(190)
  })

  test('Retry-After holds everybody up, once for each page', async () => {
    const asked: string[] = []
    const base = await site((req, res) => {
      asked.push(req.url as string)
      if (asked.length === 1) res.writeHead(503, { 'Retry-After': '1' }).end()
      else if (req.url === '/always') res.writeHead(429, { 'Retry-After': '0' }).end()
      else res.writeHead(200, stored).end()
    })
    const summary = await warmUrls([{ url: `${base}/a` }, { url: `${base}/always` }], { concurrency: 1 })
    expect(asked).toEqual(['/a', '/a', '/always', '/always'])
    expect(summary).toMatchObject({ rendered: 1, failed: 1 })
    expect(summary.ms).toBeGreaterThanOrEqual(990)
  })

  test('a kept connection that the site has closed is no failure', async () => {
    const used = new WeakSet<object>()
    const base = await site((req, res) => {
      if (used.has(req.socket)) return req.socket.destroy()
      used.add(req.socket)
      return res.writeHead(200, stored).end()
    })
    expect(await warmUrls([1, 2, 3].map((i) => ({ url: `${base}/${i}` })), { concurrency: 1 })).toMatchObject({ rendered: 3 })
  })

  test('when nobody answers the rest is left', async () => {
    const summary = await warmUrls(Array.from({ length: 50 }, (_, i) => ({ url: `http://127.0.0.1:1/${i}` })))
    expect(summary).toMatchObject({ stopped: 'unreachable' })
    expect(summary.failed + summary.left).toBe(50)
    expect(summary.failed).toBeLessThan(15)
  })

  test('aborted, it ends at once and tells what it did', async () => {
    const abort = new AbortController()
    const base = await site((req, res) => {
      if (req.url === '/0') res.writeHead(200, stored).end()
      else abort.abort()
    })
    expect(await warmUrls(Array.from({ length: 5 }, (_, i) => ({ url: `${base}/${i}` })), { concurrency: 1, signal: abort.signal })).toMatchObject({ rendered: 1, failed: 0, left: 4, stopped: 'aborted' })
  })
})

describe('which URLs', () => {
  /** Answers pages as stored, and /*.xml as given; what was asked of it. */
  async function withSitemaps(sitemaps: Record<string, string | Buffer>): Promise<{ base: string; asked: string[] }> {
    const asked: string[] = []
    const base: string = await site((req, res) => {
      const body = sitemaps[req.url as string]
      if (body !== undefined) return res.end(typeof body === 'string' ? body.replaceAll('BASE', base) : body)
      if ((req.url as string).endsWith('.moved')) return res.writeHead(302, { Location: (req.url as string).replace('.moved', '') }).end()
      if (req.url === '/away') return res.writeHead(302, { Location: 'http://127.0.0.2:1/' }).end()
      asked.push(req.url as string)
      return res.writeHead(200, { 'Cache-Status': 'samekey; fwd=uri-miss; stored' }).end()
    })
    return { base, asked }
  }
  const urlset = (...urls: string[]): string => `<urlset>${urls.map((url) => `<url><loc>${url}</loc></url>`).join('')}</urlset>`

  test('of a sitemap, each once, and of the site only', async () => {
    const { base, asked } = await withSitemaps({ '/map.xml': urlset('BASE/a', 'BASE/b', 'BASE/a', 'http://127.0.0.3:9/x', 'ftp://h/') })
    const ran = await runCli(['warm', '--sitemap', `${base}/map.xml.moved`, `${base}/c`, '--concurrency', '1'])
    expect(ran.exitCode).toBe(0)
    expect(asked).toEqual(['/c', '/a', '/b'])
    expect(ran.out).toMatch(/^rendered +200 +\d+ ms http:\/\/127\.0\.0\.1:\d+\/c\n(?:.*\n){2}rendered 3, already fresh 0, not stored 0, bypass 0, failed 0; \d+\.\d s\n$/)
    expect(ran.err).toContain('samekey: 1 URLs of 127.0.0.3:9 left out; --allow-host visits them too\n')
    expect(ran.err).toContain('samekey: 1 lines that are no http or https URL left out\n')
  })

  test('another host when it is allowed', async () => {
    const other = await withSitemaps({})
    const { base } = await withSitemaps({ '/map.xml': urlset(`${other.base}/x`) })
    expect((await runCli(['warm', '--sitemap', `${base}/map.xml`, '--allow-host', new URL(other.base).host])).exitCode).toBe(0)
    expect(other.asked).toEqual(['/x'])
  })

  test('of an index with gzip, one that names itself, one that is gone, one of another host', async () => {
    const index = (...urls: string[]): string => `<sitemapindex>${urls.map((url) => `<sitemap><loc>${url}</loc></sitemap>`).join('')}</sitemapindex>`
    const pages = await withSitemaps({})
    const sitemaps = await withSitemaps({
      '/index.xml': index('BASE/1.xml', 'BASE/index.xml', 'BASE/2.xml', 'BASE/away', 'http://127.0.0.3:9/3.xml'),
      '/1.xml': gzipSync(urlset(`${pages.base}/a`)),
      '/2.xml': '<oops>'
    })
    const ran = await runCli(['warm', '--sitemap', `${sitemaps.base}/index.xml`, '--allow-host', new URL(pages.base).host, '--json'])
    expect(pages.asked).toEqual(['/a'])
    const events = ran.out.trim().split('\n').map((line) => JSON.parse(line) as { event: string; sitemap?: string; error?: string; rendered?: number })
    expect(events.filter(({ event }) => event === 'sitemap').map(({ error }) => error)).toEqual([
      'it is of another host; --allow-host visits it too', 'no sitemap: it begins with <oops>', 'it redirects to another host, 127.0.0.2:1'
    ])
    expect(events.at(-1)).toMatchObject({ event: 'summary', rendered: 1 })
    expect(ran.exitCode).toBe(1)
  })

  test('of a file, whose first URL says which site it is; asked at another address', async () => {
    const hosts: (string | undefined)[] = []
    const base = await site((req, res) => {
      hosts.push(`${req.headers.host}${req.url}`)
      res.writeHead(200, { 'Cache-Status': 'samekey; hit; ttl=5' }).end()
    })
    writeFileSync(join(folder, 'map.txt'), 'https://example.org/a b\nhttps://EXAMPLE.org:443/c\nhttps://elsewhere.example/\n')
    const ran = await runCli(['warm', '--sitemap', 'map.txt', '--base', base, '--concurrency', '1', '--quiet'], { cwd: folder })
    expect(hosts).toEqual(['example.org/a%20b', 'EXAMPLE.org:443/c'])
    expect(ran.out).toMatch(/^rendered 0, already fresh 2, /)
    expect(ran.err).toBe('samekey: 1 URLs of elsewhere.example left out; --allow-host visits them too\n')
  })

  test("of standard input, with the fields that are given and the policy's variants", async () => {
    const asked: string[] = []
    const base = await site((req, res) => {
      asked.push(`${req.url} ${req.headers.cookie} ${req.headers['accept-language']} ${req.headers['x-own']}`)
      res.writeHead(200, { 'Cache-Status': 'samekey; fwd=uri-miss; stored' }).end()
    })
    writeFileSync(join(folder, 'samekey.json'), JSON.stringify({ variants: [
      { name: 'lang', header: 'accept-language', negotiate: true, values: ['en', 'de'] },
      { name: 'device', cookie: 'device', values: [{ value: 'm', pattern: 'phone', forward: 'phone' }, 'desktop'] }
    ] }))
    const ran = await runCli(['warm', '-', '--all-variants', '-H', 'X-Own: secret', '--concurrency', '1'], { cwd: folder, stdin: `${base}/a\n` })
    expect(ran.exitCode).toBe(0)
    expect(asked).toEqual(['/a device=phone en secret', '/a device=desktop en secret', '/a device=phone de secret', '/a device=desktop de secret'])
    expect(ran.out).toContain('/a Cookie: device=phone accept-language: en\n')
    expect(ran.out).not.toContain('secret')
  })

  test.each([
    { id: 'nothing', args: [], err: /give URLs, or --sitemap/ },
    { id: 'a path', args: ['/a'], err: /expected http:\/\/HOST\/PATH/ },
    { id: 'a password', args: ['http://me:hunter2@h/'], err: /leave the user name out/ },
    { id: 'another scheme', args: ['ftp://h/'], err: /expected http:\/\/HOST\/PATH/ },
    { id: 'standard input twice', args: ['-', '--sitemap', '-'], err: /which can be read once/ },
    { id: 'a base with a path', args: ['http://h/', '--base', 'http://h/a'], err: /--base: expected/ },
    { id: 'no rate', args: ['http://h/', '--rate', '0'], err: /expected a number above 0/ },
    { id: 'too many at once', args: ['http://h/', '--concurrency', '65'], err: /expected a whole number from 1 to 64/ },
    { id: 'a field without a colon', args: ['http://h/', '-H', 'hunter2'], err: /-H: expected/ }
  ])('$id is a mistake', async ({ args, err }) => {
    const ran = await runCli(['warm', ...args])
    expect(ran).toMatchObject({ exitCode: 2, out: '' })
    expect(ran.err).toMatch(err)
    expect(ran.err).not.toContain('hunter2')
  })

  test('a sitemap that is not there', async () => {
    expect(await runCli(['warm', '--sitemap', 'none.xml'], { cwd: folder })).toMatchObject({ exitCode: 1, out: '', err: expect.stringMatching(/^samekey: none\.xml: ENOENT/) })
  })
})

test('a terminal gets a bar, and lines only for trouble', async () => {
  const base = await site((req, res) => res.writeHead(req.url === '/2' ? 500 : 200, { 'Cache-Status': 'samekey; fwd=uri-miss; stored' }).end())
  const terminal = Object.assign(new PassThrough(), { isTTY: true, columns: 200, cursorTo: () => true, clearLine: () => true, moveCursor: () => true })
  const ran = await runCli(['warm', `${base}/1`, `${base}/2`, `${base}/3`], { terminal })
  expect(ran.out).toMatch(/^failed +500 +\d+ ms http:\S+\/2 \(status 500\)\nrendered 2, already fresh 0, not stored 0, bypass 0, failed 1; /)
  expect(ran.exitCode).toBe(1)
  expect(String(terminal.read())).toMatch(/#+ 100% 3\/3/)
})

describe('a real cache', () => {
  let origin: Origin
  let up: Up
  let base: string
  beforeAll(async () => {
    origin = await startOrigin()
    up = startUp([`127.0.0.1:${origin.port}`, '--listen', '127.0.0.1:0', '--quiet'])
    base = `http://127.0.0.1:${await up.ready()}`
  })
  afterAll(async () => {
    await up?.stop()
    await origin?.close()
  })

  test('is warm afterwards, and the second time nothing is rendered', async () => {
    const urls = Array.from({ length: 20 }, (_, i) => `http://site.test/warm/${i}?utm_source=x`)
    const first = await runCli(['warm', ...urls, '--base', base])
    expect(first.out).toMatch(/\nrendered 20, already fresh 0, not stored 0, bypass 0, failed 0; /)
    const again = await until('all are stored', async () => {
      const ran = await runCli(['warm', ...urls, '--base', base])
      return ran.out.includes('\nrendered 0, already fresh 20, ') ? ran : undefined
    })
    expect(again.exitCode).toBe(0)
    const seen = origin.seen.filter(({ target }) => target.startsWith('/warm/'))
    expect(new Set(seen.map(({ target }) => target)).size).toBe(20)
    expect((await runCli(['warm', 'http://site.test/a//b', '--base', base])).out).toMatch(/^bypass +200 .* \(ambiguous-path\)\nrendered 0, already fresh 0, not stored 0, bypass 1, failed 0; /)
  })

  test('Ctrl-C prints the summary so far', async () => {
    const cli = new URL('../../dist/cli.js', import.meta.url).pathname
    const log = join(folder, 'interrupted')
    const read = (): string => readFileSync(log, 'utf8')
    const running = startGuarded(['sh', '-c', 'echo $$; exec "$@"', 'sh', process.execPath, cli, 'warm', 'http://site.test/first', 'http://site.test/slow', 'http://site.test/never', '--base', base, '--concurrency', '1'], { log })
    closers.push(() => running.stop())
    const pid = await until('the slow page is asked for', async () => (origin.seen.some(({ target }) => target === '/slow') && read().includes('/first') ? Number(read().split('\n')[0]) : undefined))
    process.kill(pid, 'SIGINT')
    expect(await running.exited).toBe(130)
    expect(read()).toMatch(/\nrendered 1, already fresh 0, not stored 0, bypass 0, failed 0, not asked 2; \d+\.\d s; interrupted\n$/)
  })
})
