// The refresh of a stale page through a real Nginx: neither the visitor who had it nor his connection waits for it.
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { engines } from '../support/engines.js'
import { until } from '../support/until.js'
import { type CacheStack, said, startCacheStack } from './cache_stack.js'

let cache: CacheStack
/** Ends the render of the refresh; set while it is under way. */
let endRefresh: (() => void) | undefined
let renders = 0

beforeAll(async () => {
  cache = await startCacheStack(engines[0] as (typeof engines)[number], { responses: { earlyRefresh: 50 } }, (req, res) => {
    const number = ++renders
    const answer = () => { res.writeHead(200, { 'Cache-Control': req.url === '/other' ? 'max-age=600' : req.url === '/early' ? 'max-age=6' : 'max-age=1, stale-while-revalidate=600' }).end(`render ${number}`) }
    if (req.url === '/slow' && number > 1) endRefresh = answer
    else answer()
  })
})
afterAll(async () => { await cache?.stop() })

/** One response after the other on one connection. */
class Visitor {
  #text = ''
  readonly #socket: Socket
  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1')
    this.#socket.on('data', (chunk) => { this.#text += chunk.toString('latin1') })
  }

  async ask(target: string): Promise<string> {
    this.#text = ''
    this.#socket.write(`GET ${target} HTTP/1.1\r\nHost: site.test\r\n\r\n`)
    return until(`${target} is answered`, async () => (/\r\n\r\n[^]*render \d+/.test(this.#text) ? this.#text : undefined))
  }

  close(): void {
    this.#socket.destroy()
  }
}

describe('a stale page is being refreshed', () => {
  test('the connection that started it is answered while it lasts, and one refresh is enough', async () => {
    await cache.send('/slow')
    const visitor = new Visitor(cache.stack.port)
    try {
      await until('a refresh has begun', async () => {
        expect(await visitor.ask('/slow')).toContain('render 1')
        return endRefresh
      })
      // The refresh ends only after this.
      expect(await visitor.ask('/other')).toMatch(/render \d+/)
      for (let i = 0; i < 5; i++) expect(await visitor.ask('/slow')).toContain('render 1')
      expect(cache.asked.filter(({ url }) => url === '/slow').length).toBe(2)
    } finally {
      visitor.close()
    }
    // Nor does it end with its visitor.
    endRefresh?.()
    await until('the new page is served', async () => ((await cache.send('/slow')).body.toString() === 'render 2' ? true : undefined))
  })
})

describe('a page that is still fresh, responses.earlyRefresh', () => {
  test('is made anew in the second half of its time, and nobody waits for it', async () => {
    const first = (await cache.hit('/early')).body.toString()
    const visits = [await cache.hit('/early')]
    await until('the new page is served', async () => {
      visits.push(await cache.send('/early'))
      return visits.at(-1)?.body.toString() !== first ? true : undefined
    })
    expect(visits.map(said).filter((status) => !status.startsWith('samekey; hit'))).toEqual([])
    expect(cache.asked.filter(({ url }) => url === '/early').length).toBe(2)
    // Old enough to be refreshed, and not yet stale.
    const ages = visits.slice(0, -1).map((visit) => Number(visit.header('age')))
    expect(Math.max(...ages)).toBeLessThan(6)
  })
})
