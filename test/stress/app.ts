// One app process of a stress run: the real middleware in front of pages that say which version of their data they were
// rendered from. The data is the run's own, asked for over the process's channel after the render has begun.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { pageCache, type PageCache, type PageCacheEvents } from '../../node-writer/index.js'
import type { PurgeRequest } from '../../node-writer/purge_request.js'
import { seeded, type Random } from '../fuzz/random.js'
import { monotonic, type AppStart, type Behaviour, type FromApp, type ToApp } from './messages.js'
import { bodyOf, LANGUAGES, pageOf, type Page } from './page_set.js'
import { PAGE_SETS } from './page_sets.js'

const say = (message: FromApp): void => { process.send?.(message) }

let behaviour: Behaviour
let cache: PageCache
let random: Random

process.on('message', (message: ToApp) => {
  if (message.type === 'start') start(message.start)
  else if (message.type === 'purge') void purge(message.id, message.purge)
  else answers.get(message.id)?.(message.version)
})
process.once('disconnect', () => process.exit())

function start(options: AppStart): void {
  behaviour = options.behaviour
  random = seeded(options.seed)
  cache = pageCache(options.policy, { memcached: options.memcached, site: options.site, timeoutMs: options.timeoutMs })
  for (const name of ['stored', 'dropped', 'drift', 'error'] as const) cache.on(name, () => say({ type: 'event', name }))
  cache.on('purge', tellPosted)
  cache.on('skipped', ({ reason }) => say({ type: 'event', name: `skipped ${reason}` }))
  const server = createServer({ keepAliveTimeout: 60_000 }, (req, res) => {
    cache(req, res, () => void answer(req, res).catch(() => res.destroy()))
  })
  // A crowd that Nginx forwards at once must fit into the queue, or the kernel lets it wait a second.
  server.listen({ port: options.port, host: '127.0.0.1', backlog: 16384 }, () => say({ type: 'ready' }))
}

async function purge(id: number, request: PurgeRequest): Promise<void> {
  const done = (error: string): void => say({ type: 'purged', id, at: monotonic(), error })
  try {
    await cache.purge(request)
    done('')
  } catch (error) {
    done((error as Error).message)
  }
}

// ------------------------------------------------------------------------------------------------------- the database

const answers = new Map<number, (version: number) => void>()
let questions = 0

function ask(type: 'read' | 'write', page: number): Promise<number> {
  const id = ++questions
  return new Promise((resolve) => {
    answers.set(id, (version) => {
      answers.delete(id)
      resolve(version)
    })
    say({ type, id, page })
  })
}

// ---------------------------------------------------------------------------------------------------- unsafe requests

/** Changes whose purge has not been acknowledged yet, in their order. */
let posts: { target: string; page: number; version: number; isWaiting: boolean }[] = []

/** Of several changes of one page the first is taken to be meant: the oracle is told of less rather than of more. */
function tellPosted({ by, asked, outcome, pages }: PageCacheEvents['purge'][0]): void {
  if (by.startsWith('POST ')) {
    const first = posts.find(({ target, isWaiting }) => !isWaiting && isOne(target, asked.urls))
    if (first === undefined) return
    if (outcome === 'waiting') first.isWaiting = true
    else if (outcome === 'done') acknowledge([first])
  } else if (by === 'repetition') {
    acknowledge(posts.filter(({ target, isWaiting }) => isWaiting && isOne(target, pages.map(({ url }) => url))))
  }
}

function acknowledge(done: typeof posts): void {
  posts = posts.filter((post) => !done.includes(post))
  for (const { page, version } of done) say({ type: 'posted', page, version, at: monotonic() })
}

function isOne(target: string, urls: string | readonly string[] | undefined): boolean {
  return [urls ?? []].flat().some((url) => url.endsWith(target))
}

// ---------------------------------------------------------------------------------------------------------- the pages

async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
  if (behaviour.kind === 'crowd') return answerCrowd(res, behaviour)
  const page = pageOf(PAGE_SETS[behaviour.pages].pages, req.url ?? '')
  if (page === undefined) return void res.writeHead(404, { 'Cache-Control': 'no-store' }).end()
  if (req.method === 'POST') {
    const version = await ask('write', page.id)
    posts.push({ target: req.url as string, page: page.id, version, isWaiting: false })
    return void res.writeHead(204).end()
  }
  const version = await ask('read', page.id)
  // Now and then longer than a purge's bound, and longer than a lease.
  await pause(random.chance(0.01) ? random.below(2500) : random.chance(0.3) ? 0 : random.below(25))
  if (random.chance(page.kind === 'moody' ? 0.3 : 0.02)) return void res.writeHead(random.pick([500, 503]), { 'Content-Type': 'text/plain' }).end('failed\n')
  if (cache.policy.mode === 'raw') return renderRaw(page, req, res, version)
  render(page, req, res, version)
}

function render(page: Page, req: IncomingMessage, res: ServerResponse, version: number): void {
  res.setHeader('Cache-Tag', page.tags.join(','))
  res.setHeader('Content-Type', page.isDense || page.bytes > 100_000 ? 'application/octet-stream' : 'text/html; charset=utf-8')
  if (page.kind === 'vary') res.setHeader('Vary', 'X-Form')
  // Now and then the site says the same in other words.
  if (page.rules.length > 0) res.setHeader('No-Vary-Search', page.rules[random.chance(0.98) ? 0 : page.rules.length - 1] as string)
  if (page.kind === 'moody' && random.chance(0.5)) res.setHeader('Cache-Control', 'no-store')
  else res.setHeader('Cache-Control', page.kind === 'short' || page.kind === 'moody' ? 'max-age=1, stale-while-revalidate=4, stale-if-error=30' : 'max-age=60')
  if (page.kind === 'short') {
    const etag = `"${page.id}.${version}"`
    res.setHeader('ETag', etag)
    if (req.headers['if-none-match'] === etag) return void res.writeHead(304).end()
  }
  res.end(bodyOf(page, formOf(page, req), version))
}

/** Without what raw mode would lose. */
function renderRaw(page: Page, req: IncomingMessage, res: ServerResponse, version: number): void {
  const cacheControl = page.kind === 'moody' && random.chance(0.5) ? 'no-store' : page.kind === 'moody' ? 'max-age=2' : 'max-age=60'
  res.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': cacheControl })
  res.end(bodyOf(page, formOf(page, req), version))
}

function formOf({ kind }: Page, { headers }: IncomingMessage): string {
  if (kind === 'vary') return String(headers['x-form'] ?? '')
  return kind === 'dimension' ? String(headers['x-colour'] ?? LANGUAGES[0]) : ''
}

/** The first render comes to its end in the way that was told, all others are well, except that a page is uncacheable for ever. */
async function answerCrowd(res: ServerResponse, { renderMs, ending }: Behaviour & { kind: 'crowd' }): Promise<void> {
  const isFirst = (await ask('read', 0)) === 1
  if (isFirst && ending === 'hangs') return
  await pause(renderMs)
  if (isFirst && ending === 'error') return void res.writeHead(500, { 'Content-Type': 'text/plain' }).end('failed\n')
  const fields = { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': ending === 'uncacheable' ? 'private' : 'max-age=60' }
  res.writeHead(200, fields).end('<p>a page that many want\n'.repeat(40))
}
