// The app behind every cache, an ordinary Express site: node --import tsx app.ts '{"port":8000}', see AppOptions.
import { setTimeout as pause } from 'node:timers/promises'
import apicache from 'apicache'
import express from 'express'
import { Client } from 'memjs'
import type { PolicyDocument } from '../../node-writer/policy/types.js'
import type { PurgeRequest } from '../../node-writer/purge_request.js'
import { MAX_ITEM_BYTES } from '../machine/limits.js'
import { render, tagsOf } from '../pages.js'

export interface AppOptions {
  port: number
  /** With samekey's writer in front of the pages; memcached and compress as the writer takes them. */
  samekey?: { policy: PolicyDocument; memcached: string; compress: boolean }
  /** With apicache in front of the pages. */
  apicache?: boolean
  /** 'host:port' of memcached: each page is sent there, by memjs and whatever it is. */
  memjs?: string
}

// The package as it is installed: tsx, which runs this file, would add a call to every function that is made.
const { pageCache } = await import(new URL('../../dist/index.js', import.meta.url).href) as typeof import('../../node-writer/index.js')

const options = JSON.parse(process.argv[2] as string) as AppOptions
const app = express()
const { policy = {}, ...store } = options.samekey ?? {}
const cache = options.samekey && pageCache(policy, { ...store, maxItemBytes: MAX_ITEM_BYTES, logger: console })
const memjs = options.memjs === undefined ? undefined : Client.create(options.memjs)
let renders = 0

app.disable('x-powered-by')
app.get('/-/renders', (_, res) => { res.json(renders) })
app.post('/-/purge', express.json({ limit: '1mb' }), async (req, res) => { res.json((await cache?.purge(req.body as PurgeRequest))?.deleted ?? 0) })
if (cache !== undefined) app.use(cache)
if (options.apicache === true) app.use(apicache.middleware('1 hour'))
app.get(/^\//, async (req, res) => {
  renders++
  if (req.path.startsWith('/slow/')) await pause(1000)
  res.set({ 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'public, max-age=3600' })
  // Raw mode has no place for it.
  if (policy.mode !== 'raw') res.set('Link', '</style.css>; rel=preload; as=style')
  // In no header, so that all subjects send the same bytes.
  if (policy.mode !== 'raw') res.samekeyTags?.(...tagsOf(req.originalUrl))
  const body = render(req.originalUrl)
  res.send(body)
  if (memjs !== undefined) void memjs.set(req.originalUrl, body, { expires: 3600 })
})
app.listen(options.port, '127.0.0.1')
