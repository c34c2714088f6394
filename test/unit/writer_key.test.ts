// The keys of an URL without a request, the ring's servers, and what Node hands to the core.
import type { IncomingMessage } from 'node:http'
import { describe, expect, test } from 'vitest'
import { keysOfUrl, resolveRequest, resolveUrl } from '../../node-writer/key.js'
import { readRequest } from '../../node-writer/node_request.js'
import { loadPolicy } from '../../node-writer/policy/load.js'
import { createRing, parseServers } from '../../node-writer/ring.js'

const plain = loadPolicy({})
const variants = loadPolicy({ variants: [{ name: 'language', cookie: 'lang', values: ['en', 'de'] }, { name: 'device', header: 'x-device', values: ['phone', 'desk', 'tv'] }] })

function incoming(rawHeaders: string[], more: object = {}): IncomingMessage {
  const headers: Record<string, string> = {}
  for (let i = 0; i < rawHeaders.length; i += 2) headers[(rawHeaders[i] as string).toLowerCase()] ??= rawHeaders[i + 1] as string
  return { method: 'GET', url: '/', rawHeaders, headers, socket: {}, ...more } as unknown as IncomingMessage
}

describe('keysOfUrl', () => {
  test('has a key for every request that a variant can come from', () => {
    const keys = keysOfUrl('http://example.org/p', variants)
    const ofRequests = ['en', 'de'].flatMap((language) => ['phone', 'desk', 'tv'].map((device) =>
      resolveRequest(readRequest(incoming(['Host', 'example.org', 'Cookie', `lang=${language}`, 'X-Device', device], { url: '/p' })), variants).key))
    expect(keys).toEqual(ofRequests)
    expect(new Set(keys).size).toBe(6)
  })

  test.each([
    ['the default port', 'http://example.org:80/p'], ['any case', 'HTTP://EXAMPLE.org/p'], ['a fragment', 'http://example.org/p#x'], ['tracking arguments', 'http://example.org/p?utm_source=x'], ['an escape of a plain letter', 'http://example.org/%70'],
  ])('%s does not matter', (_, url) => {
    expect(keysOfUrl(url, plain)).toEqual(keysOfUrl('http://example.org/p', plain))
  })

  test('letters beyond ASCII are what browsers make of them', () => {
    expect(keysOfUrl('http://example.org/caf\u00e9 1', plain)).toEqual(keysOfUrl('http://example.org/caf%C3%A9%201', plain))
  })

  test('no path is the root', () => {
    expect(resolveUrl('http://example.org', plain).forward).toBe('/')
    expect(resolveUrl('http://example.org?a=1', plain).forward).toBe('/?a=1')
  })

  test('dot segments are not resolved: such a page is never looked up', () => {
    expect(resolveUrl('http://example.org/a/../b', plain)).toMatchObject({ bypass: 'ambiguous-path', detail: 'dot-segment' })
    expect(keysOfUrl('http://example.org/a/../b', plain)).toEqual([])
  })

  test.each(['', '/p', 'example.org', 'ftp://example.org/', 'http:///p', 'http://user@example.org/'])('%j is refused', (url) => {
    expect(() => keysOfUrl(url, plain)).toThrow(new TypeError(`expected an absolute http or https URL, got ${JSON.stringify(url)}`))
  })
})

describe('readRequest', () => {
  test('takes the whole target, not what is left of it below a mount point', () => {
    expect(readRequest(incoming([], { url: '/p', originalUrl: '/mount/p' })).target).toBe('/mount/p')
  })

  test.each([
    ['Nginx says so', ['X-Forwarded-Proto', 'https'], {}, 'https'],
    ['Nginx says http on a TLS connection', ['X-Forwarded-Proto', 'http'], { socket: { encrypted: true } }, 'http'],
    ['something else is said', ['X-Forwarded-Proto', 'https, http'], {}, 'http'],
    ['the connection is TLS', [], { socket: { encrypted: true } }, 'https'],
    ['nothing is said', [], {}, 'http'],
  ])('scheme: %s', (_, rawHeaders, more, expected) => {
    expect(readRequest(incoming(rawHeaders, more)).scheme).toBe(expected)
  })

  test('joins repeated fields, also those of which Node keeps one', () => {
    const request = readRequest(incoming(['Host', 'a', 'User-Agent', 'one', 'user-agent', 'two', 'Host', 'b']))
    expect(request.header('user-agent')).toBe('one, two')
    expect(request.header('x-none')).toBe('')
    // Two hosts are none that the core would take.
    expect(request.host).toBe('a, b')
  })

  test.each([['authorization', 'x'], ['upgrade', 'websocket'], ['content-length', '0'], ['transfer-encoding', 'chunked']])('guarded: %s', (name, value) => {
    expect(readRequest(incoming([])).guarded).toBe('')
    expect(readRequest(incoming([name, value])).guarded).not.toBe('')
  })
})

describe('servers', () => {
  test('are read with weights, IPv6 addresses and sockets', () => {
    expect(parseServers('10.0.0.1:11211, cache.local:11212=3,[::1]:11213,unix:/run/memcached.sock=2')).toEqual([
      { name: '10.0.0.1:11211', host: '10.0.0.1', port: 11211, weight: 1 },
      { name: 'cache.local:11212', host: 'cache.local', port: 11212, weight: 3 },
      { name: '[::1]:11213', host: '::1', port: 11213, weight: 1 },
      { name: 'unix:/run/memcached.sock', host: '', port: '/run/memcached.sock', weight: 2 },
    ])
  })

  test.each(['', 'localhost', '127.0.0.1', '127.0.0.1:', '127.0.0.1:0', '127.0.0.1:65536', '127.0.0.1:1=0', '127.0.0.1:1=10000', '::1:11211', 'a:1,', 'a:1,a:1=2', 'user:pass@a:1'])('%j is refused', (text) => {
    expect(() => parseServers(text)).toThrow(/^memcached: /)
  })
})

describe('the ring', () => {
  const keys = Array.from({ length: 2000 }, (_, i) => `key-${i}`)

  test('a server that joins takes keys and moves none between the others', () => {
    const two = createRing(parseServers('a:1,b:1'))
    const three = createRing(parseServers('a:1,b:1,c:1'))
    const moved = keys.filter((key) => two(key) !== three(key))
    expect(moved.length).toBeGreaterThan(0)
    expect(moved.every((key) => three(key) === 2)).toBe(true)
  })

  test('a weight counts', () => {
    const ring = createRing(parseServers('a:1,b:1=9'))
    const heavy = keys.filter((key) => ring(key) === 1).length
    expect(heavy / keys.length).toBeGreaterThan(0.8)
  })
})
