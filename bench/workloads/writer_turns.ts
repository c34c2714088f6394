// How long the writer holds the app's thread without a break: every callback of Node is timed while pages of a size are
// answered, with the writer and without it. What a page adds to the longest callback is the writer's.
import { createHook } from 'node:async_hooks'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { pageCache, type PageCache } from '../../node-writer/index.js'
import type { Folder } from '../machine/folder.js'
import { MAX_ITEM_BYTES } from '../machine/limits.js'
import { median } from '../machine/statistics.js'
import { render } from '../pages.js'
import { get } from '../subjects/subject.js'

export interface LongestTurn {
  kilobytes: number
  /** Milliseconds, medians over the pages. */
  without: number
  withWriter: number
}

const KILOBYTES = [12, 150, 900, 1800]
const PAGES = 30

export async function longestTurn(folder: Folder): Promise<LongestTurn[]> {
  const { address } = await folder.startMemcached()
  const cache = pageCache({}, { memcached: address, maxItemBytes: MAX_ITEM_BYTES })
  const turns: LongestTurn[] = []
  for (const kilobytes of KILOBYTES) {
    const body = render(`/articles/${kilobytes}k`)
    await timePages(body, cache)
    turns.push({ kilobytes, without: await timePages(body), withWriter: await timePages(body, cache) })
  }
  await cache.close()
  return turns
}

async function timePages(body: Buffer, cache?: PageCache): Promise<number> {
  const server = createServer((req, res) => {
    const answer = () => {
      res.setHeader('Content-Type', 'text/html; charset=utf-8')
      res.setHeader('Cache-Control', 'max-age=60')
      res.end(body)
    }
    if (cache === undefined) answer()
    else cache(req, res, answer)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const longest: number[] = []
  for (let i = 0; i < PAGES; i++) {
    longest.push(await timeCallbacks(async () => {
      const stored = cache === undefined ? undefined : new Promise((resolve) => { cache.once('stored', resolve) })
      await get(port, `/page-${i}`)
      await stored
      await turn()
    }))
  }
  server.close()
  return median(longest)
}

/** Milliseconds of the longest callback that ran meanwhile. */
async function timeCallbacks(work: () => Promise<void>): Promise<number> {
  let longest = 0
  const began: number[] = []
  const hook = createHook({
    before() { began.push(performance.now()) },
    after() { longest = Math.max(longest, performance.now() - (began.pop() ?? Infinity)) }
  }).enable()
  await work()
  hook.disable()
  return longest
}
