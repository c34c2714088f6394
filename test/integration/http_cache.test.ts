// The whole cache as visitors see it, Nginx and sidecar together: what is stored, asked about again, served stale, told
// apart, forgotten. Each row is what the app does and a sequence of requests.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RawResponse, sendRaw } from '../support/raw_http.js'
import { until } from '../support/until.js'
import { startUp, type Up } from './up_process.js'

let app: Server
let up: Up
let port: number
let renders = 0
/** The status of every answer while it is set; undefined for a healthy app. */
let failing: number | undefined

const pages: Record<string, (req: IncomingMessage, res: ServerResponse) => void> = {
  fresh: (_, res) => void res.setHeader('Cache-Control', 'max-age=60'),
  vary: (_, res) => void res.setHeader('Cache-Control', 'max-age=60').setHeader('Vary', 'X-Tint'),
  // Stale at once, and never to be used without asking.
  checked: (_, res) => void res.setHeader('Cache-Control', 'no-cache').setHeader('ETag', '"v1"'),
  rescued: (_, res) => void res.setHeader('Cache-Control', 'max-age=1, stale-if-error=600').setHeader('ETag', '"v1"'),
  strict: (_, res) => void res.setHeader('Cache-Control', 'max-age=1, must-revalidate, stale-if-error=600').setHeader('ETag', '"v1"'),
  refreshed: (_, res) => void res.setHeader('Cache-Control', 'max-age=1, stale-while-revalidate=600')
}

beforeAll(async () => {
  app = createServer((req, res) => {
    renders++
    if (failing !== undefined) return void res.writeHead(failing).end('failing')
    if (req.method === 'POST') return void res.writeHead(303, { Location: '/fresh/other' }).end()
    pages[(req.url as string).split('/')[1] as string]?.(req, res)
    res.setHeader('X-Render', renders)
    if (String(req.headers['if-none-match']).includes('"v1"')) return void res.writeHead(304).end()
    res.end(`render ${renders} ${req.headers['x-tint'] ?? ''}`)
  })
  app.listen(0, '127.0.0.1')
  await once(app, 'listening')
  up = startUp([`127.0.0.1:${(app.address() as AddressInfo).port}`, '--listen', '127.0.0.1:0'], {})
  port = await up.ready()
})

afterAll(async () => {
  await up?.stop()
  app?.close()
  app?.closeAllConnections()
})

function send(target: string, headers = '', method = 'GET'): Promise<RawResponse> {
  return sendRaw(port, `${method} ${target} HTTP/1.1\r\nHost: site.test\r\n${headers}Connection: close\r\n\r\n`)
}

const status = (response: RawResponse): string => response.header('cache-status') ?? ''

/** Until Nginx answers it itself; its render number. */
function stored(target: string, headers = ''): Promise<string> {
  return until(`${target} is stored`, async () => {
    const response = await send(target, headers)
    return /^samekey; hit; ttl=[1-9]/.test(status(response)) ? response.body.toString() : undefined
  })
}

/** Until its freshness is over and Nginx does not call it fresh any more. */
function gotStale(target: string): Promise<RawResponse> {
  return until(`${target} is stale`, async () => {
    const response = await send(target)
    return /^samekey; (?:hit; ttl=[1-9]|fwd=uri-miss)/.test(status(response)) ? undefined : response
  })
}

describe('revalidation, RFC 9111 §4.3', () => {
  test('no-cache: the app is asked each time, and its 304 brings the stored page with a new header', async () => {
    const asked = () => until('it is asked about', async () => {
      const response = await send('/checked/1')
      return status(response).includes('fwd-status=304') ? response : undefined
    })
    const first = await asked()
    const again = await asked()
    expect([again.status, again.reason, again.body.toString()]).toEqual([200, 'OK', first.body.toString()])
    expect(Number(again.header('x-render'))).toBeGreaterThan(Number(first.header('x-render')))
  })

  test('a client that has the page gets a 304 from Nginx', async () => {
    await stored('/fresh/304')
    const page = await send('/fresh/304')
    const answer = await send('/fresh/304', `If-Modified-Since: ${page.header('date')}\r\n`)
    expect([answer.status, answer.body.length]).toEqual([304, 0])
  })
})

describe('stale pages, RFC 5861', () => {
  test.each([500, 502, 503, 504])('the app answers %d: the stored page, with its age', async (code) => {
    const target = `/rescued/${code}`
    const page = await stored(target)
    await gotStale(target)
    failing = code
    try {
      const answer = await until('it is stale again', async () => {
        const response = await send(target)
        return status(response).includes('stale-if-error') ? response : undefined
      })
      expect([answer.status, answer.body.toString()]).toEqual([200, page])
      expect(status(answer)).toMatch(new RegExp(`^samekey; fwd=stale; fwd-status=${code}; ttl=-?[0-9]+; detail=stale-if-error$`))
    } finally {
      failing = undefined
    }
    expect((await send(target)).status).toBe(200)
  })

  test('must-revalidate: the error, RFC 9111 §5.2.2.2', async () => {
    await stored('/strict/1')
    await gotStale('/strict/1')
    failing = 503
    try {
      const answer = await until('the error comes through', async () => {
        const response = await send('/strict/1')
        return response.status === 503 ? response : undefined
      })
      expect(answer.body.toString()).toBe('failing')
    } finally {
      failing = undefined
    }
  })

  test('while it is being refreshed the stale page is served, and the next visitor has the new one', async () => {
    const page = await stored('/refreshed/1')
    const stale = await gotStale('/refreshed/1')
    expect(status(stale)).toMatch(/^samekey; hit; ttl=(?:0|-[0-9]+)$/)
    expect(stale.body.toString()).toBe(page)
    expect(await stored('/refreshed/1')).not.toBe(page)
  })
})

describe('Vary, RFC 9111 §4.1', () => {
  test('each value has a page of its own, none included', async () => {
    const red = await stored('/vary/1', 'X-Tint: red\r\n')
    const blue = await stored('/vary/1', 'X-Tint: blue\r\n')
    const none = await stored('/vary/1')
    expect(new Set([red, blue, none]).size).toBe(3)
    expect(red).toContain('red')
    expect(await stored('/vary/1', 'X-Tint:  red \r\n')).toBe(red)
  })

  test('a purge forgets all of them', async () => {
    const red = await stored('/vary/2', 'X-Tint: red\r\n')
    const blue = await stored('/vary/2', 'X-Tint: blue\r\n')
    await send('/vary/2', 'Content-Length: 0\r\n', 'POST')
    await until('they are gone', async () => (await send('/vary/2', 'X-Tint: blue\r\n')).body.toString() !== blue ? true : undefined)
    expect(await stored('/vary/2', 'X-Tint: red\r\n')).not.toBe(red)
  })
})

describe('a request while the page is being stored', () => {
  // Each at once after the first one's end: there is no telling whether Nginx finds the page already.
  test.each(Array.from({ length: 20 }, (_, i) => `/vary/soon-${i}`))('%s is rendered once', async (target) => {
    const first = await send(target, 'X-Tint: red\r\n')
    const second = await send(target, 'X-Tint: red\r\n')
    expect(second.body.toString(), status(second)).toBe(first.body.toString())
    expect(status(second)).toMatch(/^samekey; (?:hit|fwd=(?:uri|vary)-miss; collapsed); ttl=(?:60|59)$/)
  })

  test('another form of it is another page', async () => {
    const red = await send('/vary/soon', 'X-Tint: red\r\n')
    expect((await send('/vary/soon', 'X-Tint: blue\r\n')).body.toString()).not.toBe(red.body.toString())
  })
})

describe('unsafe methods, RFC 9111 §4.4', () => {
  test.each(['/fresh/posted', '/fresh/other'])('a POST that succeeds forgets %s: its target and its Location', async (target) => {
    const page = await stored(target)
    expect((await send('/fresh/posted', 'Content-Length: 0\r\n', 'POST')).status).toBe(303)
    // Not a moment later: whoever has the answer to the POST sees what it changed.
    expect((await send(target)).body.toString()).not.toBe(page)
  })

  test('one that fails forgets nothing', async () => {
    const page = await stored('/fresh/kept')
    failing = 500
    try {
      expect((await send('/fresh/kept', 'Content-Length: 0\r\n', 'POST')).status).toBe(500)
    } finally {
      failing = undefined
    }
    expect(await stored('/fresh/kept')).toBe(page)
  })
})
