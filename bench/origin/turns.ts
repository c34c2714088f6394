// Every callback of Node is timed while pages of a size are answered, with the writer and without it: node --import tsx
// turns.ts 127.0.0.1:11211. The client is another thread, so that its callbacks are not among them, and the clock is that
// of the thread's own CPU: what it waits for while other programs run is not the writer's.
import { createHook } from 'node:async_hooks'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { PageCache } from '../../node-writer/index.js'
import { MAX_ITEM_BYTES } from '../machine/limits.js'
import { ownThreadMilliseconds } from '../machine/processes.js'
import { median } from '../machine/statistics.js'
import { HOST, render } from '../pages.js'
import type { LongestTurn } from '../workloads/writer_turns.js'

const KILOBYTES = [12, 150, 900, 1800, 7200]
const PAGES = 20
const WARM_UP = 12

// The package as it is installed, as in app.ts.
const { pageCache, resolveUrl } = await import(new URL('../../dist/index.js', import.meta.url).href) as typeof import('../../node-writer/index.js')

async function longestTurns(address: string): Promise<LongestTurn[]> {
  const turns: LongestTurn[] = []
  for (const compressed of [false, true]) {
    const cache = pageCache({}, { memcached: address, maxItemBytes: MAX_ITEM_BYTES, compress: compressed })
    // The compiler's work is done before.
    for (let i = 0; i < WARM_UP; i++) await timePages(bodyOf(12), cache)
    for (const kilobytes of KILOBYTES) {
      const body = bodyOf(kilobytes)
      const { answer: without } = await timePages(body)
      const { answer: withWriter, other: afterwards } = await timePages(body, cache)
      turns.push({ kilobytes, compressed, without, withWriter, afterwards, added: Math.max(withWriter - without, afterwards) })
    }
    await cache.close()
  }
  return turns
}

function bodyOf(kilobytes: number): Buffer {
  const part = render('/articles/1800k')
  return Buffer.concat(Array.from({ length: Math.ceil(kilobytes / 1800) }, () => part)).subarray(0, kilobytes * 1024)
}

/** Asks as Nginx does on a miss, and says so when the answer has ended. */
const CLIENT = `
const { parentPort } = require('node:worker_threads')
const { get } = require('node:http')
parentPort.on('message', (options) => get(options, (response) => response.resume().on('end', () => parentPort.postMessage(''))))`

const client = new Worker(CLIENT, { eval: true })

interface Turns {
  answer: number
  other: number
}

let next = 0

async function timePages(body: Buffer, cache?: PageCache): Promise<Turns> {
  const timer = timeCallbacks()
  const server = createServer((req, res) => {
    const answer = () => {
      timer.mark()
      res.setHeader('Content-Type', 'text/html; charset=utf-8')
      res.setHeader('Cache-Control', 'max-age=60')
      res.end(body)
    }
    if (cache === undefined) answer()
    else cache(req, res, answer)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const pages: Turns[] = []
  for (let i = 0; i < PAGES; i++) {
    // Always another page: one that is stored is not asked for from the app.
    const path = `/page-${next++}`
    const url = `http://${HOST}${path}`
    const headers = cache && { Host: HOST, 'X-Samekey-Key': resolveUrl(url, cache.policy).key, 'X-Samekey-Forward': 'uri-miss' }
    // Too large to be stored is an end as well.
    const settled = cache && storedOrNot(cache)
    timer.start()
    client.postMessage({ port, path, agent: false, headers })
    await once(client, 'message')
    await settled
    await turn()
    pages.push(timer.stop())
  }
  server.close()
  return { answer: median(pages.map(({ answer }) => answer)), other: median(pages.map(({ other }) => other)) }
}

function storedOrNot(cache: PageCache): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      cache.off('stored', settle).off('skipped', settle)
      resolve()
    }
    cache.on('stored', settle).on('skipped', settle)
  })
}

/** Milliseconds of CPU of the callback that called `mark`, and of the longest of the others. */
function timeCallbacks(): { start(): void; mark(): void; stop(): Turns } {
  let turns: Turns = { answer: 0, other: 0 }
  let isMarked = false
  const began: number[] = []
  const hook = createHook({
    before() { began.push(ownThreadMilliseconds()) },
    after() {
      const took = ownThreadMilliseconds() - (began.pop() ?? Infinity)
      // Callbacks lie within one another; the outermost is the turn.
      if (began.length > 0) return
      const kind = isMarked ? 'answer' : 'other'
      turns[kind] = Math.max(turns[kind], took)
      isMarked = false
    }
  })
  return {
    start() { turns = { answer: 0, other: 0 }; began.length = 0; isMarked = false; hook.enable() },
    mark() { isMarked = true },
    stop() { hook.disable(); return turns }
  }
}

console.log(JSON.stringify(await longestTurns(process.argv[2] as string)))
await client.terminate()
