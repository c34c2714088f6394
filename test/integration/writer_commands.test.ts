// What the writer asks memcached for each page, and in how many turns: each turn costs the app's event loop as much as the
// rest of its work. A memcached whose answers wait in between shows what is sent without them.
import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import type { ServerResponse } from 'node:http'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { keysOfUrl } from '../../node-writer/key.js'
import type { PolicyDocument } from '../../node-writer/policy/types.js'
import { memcached, store } from '../support/memcached_of_file.js'
import { until } from '../support/until.js'
import { exchange, itemAt, sixtySeconds, startApp, type App } from './writer_app.js'

const HOST = 'pages.test'
const VERBS: Record<number, string> = { 0x00: 'get', 0x01: 'set', 0x02: 'add', 0x04: 'delete', 0x14: 'delete quietly' }

/** Before memcached: hands questions on at once, and answers when it may. */
class Between {
  /** Of pages and their leases, such as 'add #l'. */
  asked: string[] = []
  #answers: (() => void)[] | null = null
  readonly #server = createServer((socket) => {
    const backend = connect(memcached.port, '127.0.0.1')
    let received = Buffer.alloc(0)
    for (const end of [socket, backend]) end.on('error', () => {})
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      while (received.length >= 24 && received.length >= 24 + received.readUInt32BE(8)) {
        const keyAt = 24 + received.readUInt8(4)
        const key = received.toString('latin1', keyAt, keyAt + received.readUInt16BE(2))
        if (!key.endsWith('#bans')) this.asked.push(`${VERBS[received.readUInt8(1)]} ${key.replace(/^[^#]*/, '')}`.trim())
        received = received.subarray(24 + received.readUInt32BE(8))
      }
      backend.write(chunk)
    })
    backend.on('data', (chunk) => (this.#answers === null ? socket.write(chunk) : this.#answers.push(() => socket.write(chunk))))
    socket.on('close', () => backend.destroy())
  })

  async address(): Promise<string> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  hold(): void {
    this.asked = []
    this.#answers = []
  }

  letGo(): void {
    const answers = this.#answers ?? []
    this.#answers = null
    for (const answer of answers) answer()
  }

  close(): void {
    this.#server.close()
  }
}

let between: Between
let app: App
let renders: ServerResponse[] = []
let path = ''
let paths = 0

beforeEach(() => {
  between = new Between()
  renders = []
  path = `/page-${++paths}`
})
afterEach(async () => {
  between.letGo()
  for (const res of renders) res.destroy()
  await app.stop()
  between.close()
})

async function start(document: PolicyDocument = {}): Promise<void> {
  app = await startApp((_, res) => { renders.push(res) }, { policy: { ...sixtySeconds, hosts: [HOST], ...document }, memcached: await between.address(), timeoutMs: 60_000 })
  // The connection is open, and the ban list is known.
  const first = ask(`${path}/first`)
  await rendering(1)
  const stored = app.outcome()
  renders[0]?.end('first')
  await Promise.all([first, stored])
  renders = []
}

function ask(target = path, forward = 'uri-miss'): Promise<string> {
  return exchange(app.port, [`GET ${target} HTTP/1.1`, `Host: ${HOST}`, 'Connection: close', `X-Samekey-Key: ${keyOf(target)}`, `X-Samekey-Forward: ${forward}`, '', ''].join('\r\n'))
}

const keyOf = (target: string) => keysOfUrl(`http://${HOST}${target}`, app.cache.policy)[0] as string
const rendering = (count: number) => until(`${count} renders`, async () => (renders.length >= count ? true : undefined))
const asked = (commands: string[]) => until(`memcached is asked ${commands.join(', ')}`, async () => (between.asked.length >= commands.length ? true : undefined)).then(() => expect(between.asked).toEqual(commands))

test('the claim is asked for with the lease, and the lease goes with the page', async () => {
  await start()
  between.hold()
  const response = ask()
  await asked(['add #l', 'add'])
  between.letGo()
  await rendering(1)

  between.hold()
  const outcome = app.outcome()
  renders[0]?.end('page')
  expect(await response).toContain('page')
  await asked(['set', 'delete quietly #l'])
  between.letGo()
  expect(await outcome).toMatchObject({ kind: 'stored' })
  expect(await itemAt(store, `${keyOf(path)}#l`)).toBeNull()
  expect((await itemAt(store, keyOf(path)))?.toString()).toMatch(/page$/)
})

test('raw mode: the claim is asked for with the lease, and the lease goes when the page is known to stay', async () => {
  await start({ mode: 'raw' })
  between.hold()
  const response = ask()
  await asked(['add #l', 'add #c'])
  between.letGo()
  await rendering(1)
  between.hold()
  renders[0]?.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end('page')
  expect(await response).toContain('page')
  await asked(['set #c'])
})

test('a page with a query: where it lies is asked first', async () => {
  await start()
  between.hold()
  path += '?b=2'
  const response = ask()
  await asked(['get #n'])
  between.letGo()
  await rendering(1)
  renders[0]?.end('page')
  await response
})

test('followers of the same process ask for nothing', async () => {
  await start()
  between.hold()
  const responses = Array.from({ length: 50 }, () => ask())
  await asked(['add #l', 'add'])
  between.letGo()
  await rendering(1)
  expect(between.asked).toEqual(['add #l', 'add'])
  renders[0]?.end('page')
  for (const response of await Promise.all(responses)) expect(response).toMatch(/page$/)
  expect(renders.length).toBe(1)
})

test('a follower of the same process is answered when the page is acknowledged, and not before', async () => {
  await start()
  const leader = ask()
  await rendering(1)
  let isAnswered = false
  const follower = ask().then((response) => {
    isAnswered = true
    return response
  })
  between.hold()
  renders[0]?.end('page')
  await leader
  await asked(['set', 'delete quietly #l'])
  expect(isAnswered).toBe(false)
  between.letGo()
  expect(await follower).toMatch(/collapsed[^]*page$/)
})

test('a page that was purged meanwhile: the lease went with it, and a follower leads', async () => {
  await start()
  const leader = ask()
  await rendering(1)
  const follower = ask()
  await store.delete(keyOf(path))
  renders[0]?.end('before')
  await leader
  await rendering(2)
  const outcome = app.outcome()
  renders[1]?.end('after')
  expect(await follower).toMatch(/after$/)
  expect(await outcome).toMatchObject({ kind: 'stored' })
})

test('a page that varies: its lease stays until its marker is acknowledged', async () => {
  await start()
  const response = ask()
  await rendering(1)
  between.hold()
  renders[0]?.writeHead(200, { Vary: 'X-Tint' }).end('page')
  await response
  await until('the form is sent', async () => (between.asked.length > 0 ? true : undefined))
  expect(between.asked.map((each) => each.replace(/#v:.*/, '#v'))).toEqual(['set #v'])
})
