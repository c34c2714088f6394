// However `samekey up` ends, and whatever ends around it, nothing of it stays behind and visitors get an answer.

import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { startGuarded } from '../support/guarded.js'
import { type RawResponse, sendRaw } from '../support/raw_http.js'
import { listens, until } from '../support/until.js'
import { startOrigin } from './up_origin.js'
import { isAlive, nameOf, startUp, type Up } from './up_process.js'

const asNobody = ['--reuid=65534', '--regid=65534', '--clear-groups']

const running: { stop(): Promise<void> }[] = []

afterEach(async () => {
  for (const each of running.splice(0).reverse()) await each.stop()
})

function begin(...args: Parameters<typeof startUp>): Up {
  const up = startUp(...args)
  running.push(up)
  return up
}

async function beginOrigin(port = 0): Promise<Awaited<ReturnType<typeof startOrigin>>> {
  const origin = await startOrigin(port)
  running.push({ stop: () => origin.close().catch(() => {}) })
  return origin
}

function get(port: number, target: string): Promise<RawResponse> {
  return sendRaw(port, `GET ${target} HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n`)
}

async function nothingLeft(up: Up, pids: number[]): Promise<void> {
  await until('all processes have ended', async () => (pids.some(isAlive) ? undefined : true))
  await until('all files are gone', async () => (up.files().length > 0 ? undefined : true))
}

describe('ending', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s leaves no process and no file, and exits 0', async (signal) => {
    const origin = await beginOrigin()
    const up = begin([`127.0.0.1:${origin.port}`, '--listen', '127.0.0.1:0'])
    const port = await up.ready()
    await get(port, '/')
    const pids = await up.descendants()
    const names = pids.map(nameOf)
    expect(names).toContain('nginx')
    expect(names).toContain('memcached')
    expect(up.files()).toHaveLength(1)
    process.kill(await up.pid(), signal)
    expect(await up.exited).toBe(0)
    await nothingLeft(up, pids)
    expect(up.err()).toBe('')
  })

  test('Ctrl-C while it starts leaves nothing either', async () => {
    const up = begin(['127.0.0.1:9', '--listen', '127.0.0.1:0'])
    const pids = await until('its first server', async () => ((await up.descendants()).length > 0 ? up.descendants() : undefined))
    process.kill(await up.pid(), 'SIGINT')
    expect(await up.exited).toBe(0)
    await nothingLeft(up, pids)
  })

  test('a second Ctrl-C ends at once what will not end', async () => {
    const up = begin(['127.0.0.1:9', '--listen', '127.0.0.1:0'])
    await up.ready()
    const pid = await up.pid()
    const pids = await up.descendants()
    process.kill(pids.find((each) => nameOf(each) === 'nginx') as number, 'SIGSTOP')
    // One that comes together with the first, as npm sends it, does not count.
    await until('its end', async () => {
      if (!isAlive(pid)) return true
      process.kill(pid, 'SIGINT')
      return undefined
    })
    expect(await up.exited).toBe(130)
    await nothingLeft(up, pids)
  })

  test('SIGKILL leaves nothing either', async () => {
    const up = begin(['127.0.0.1:9', '--listen', '127.0.0.1:0'])
    await up.ready()
    const pids = await up.descendants()
    process.kill(await up.pid(), 'SIGKILL')
    await nothingLeft(up, pids)
  })

  test.each(['nginx', 'memcached'])('when %s dies everything ends, with exit code 1 and the reason', async (name) => {
    const up = begin(['127.0.0.1:9', '--listen', '127.0.0.1:0'])
    await up.ready()
    const pids = await up.descendants()
    // The first is the one that samekey started; Nginx's workers come after it.
    process.kill(pids.find((pid) => nameOf(pid) === name) as number, 'SIGKILL')
    expect(await up.exited).toBe(1)
    expect(up.err()).toContain(`samekey: ${name} ended unexpectedly (signal SIGKILL)`)
    expect(up.err()).not.toMatch(/^ +at /m)
    await nothingLeft(up, pids)
  })
})

describe('starting', () => {
  test('a busy port is named, with the process that has it', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    running.push({ stop: async () => void server.close() })
    const { port } = server.address() as AddressInfo
    const up = begin(['127.0.0.1:9', '--listen', `127.0.0.1:${port}`])
    expect(await up.exited).toBe(1)
    expect(up.err()).toContain(`samekey: port ${port} is in use by `)
    expect(up.err()).toContain(`(pid ${process.pid})`)
    expect(up.files()).toEqual([])
  })

  test('a missing memcached gets the command that installs it', async () => {
    const up = begin(['127.0.0.1:9', '--listen', '127.0.0.1:0'], { env: { PATH: '/nonexistent' } })
    expect(await up.exited).toBe(1)
    expect(up.err()).toMatch(/^samekey: not found: (?:.*, )?memcached\. Install/)
    expect(up.out()).toEqual([])
  })

  // In a checkout below root's own folder nobody else can read the program, so there is nothing to try.
  test.skipIf(process.getuid?.() !== 0 || spawnSync('setpriv', [...asNobody, 'test', '-r', 'package.json']).status !== 0)('an ordinary user can run it, a large body included', async () => {
    const origin = await beginOrigin()
    const up = begin([`127.0.0.1:${origin.port}`, '--listen', '127.0.0.1:0'], { before: ['setpriv', ...asNobody] })
    const port = await up.ready()
    const body = Buffer.alloc(3_000_000, 'x')
    const response = await sendRaw(port, Buffer.concat([Buffer.from(`PUT / HTTP/1.1\r\nHost: site.test\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`), body]))
    expect(response.status).toBe(200)
    expect(origin.seen[0]).toMatchObject({ method: 'PUT', bytes: body.length })
  })

  test('--json tells everything in NDJSON', async () => {
    const origin = await beginOrigin()
    const up = begin([`127.0.0.1:${origin.port}`, '--listen', '127.0.0.1:0', '--json'])
    const port = await up.ready()
    await get(port, '/page?utm_source=x')
    const events = await until('two events', async () => (up.out().length > 1 ? up.out().map((line) => JSON.parse(line) as Record<string, unknown>) : undefined))
    expect(events[0]).toMatchObject({ event: 'ready', url: `http://127.0.0.1:${port}` })
    expect(events[1]).toMatchObject({ event: 'request', outcome: 'miss', reason: null, method: 'GET', uri: '/page?utm_source=x', status: 200 })
  })
})

describe('what goes down around it', () => {
  test('without the app: ready all the same, 502 for visitors, stored pages still served; and it recovers', async () => {
    const first = await beginOrigin()
    const up = begin([`127.0.0.1:${first.port}`, '--listen', '127.0.0.1:0'])
    const port = await up.ready()
    await until('a hit', async () => ((await get(port, '/kept')).header('cache-status')?.startsWith('samekey; hit') ? true : undefined))
    await first.close()

    const refused = await get(port, '/other')
    expect([refused.status, refused.header('content-type')]).toEqual([502, 'text/plain; charset=utf-8'])
    expect((await get(port, '/kept')).header('cache-status')).toMatch(/^samekey; hit; ttl=/)
    await until('the note', async () => (up.err().includes('does not answer (') ? true : undefined))

    await beginOrigin(first.port)
    const again = await get(port, '/other')
    expect([again.status, again.header('cache-status')]).toEqual([200, 'samekey; fwd=uri-miss; stored; ttl=60'])
    await until('the note', async () => (up.err().includes('answers again') ? true : undefined))
  })

  test('an app that was never there does not keep it from getting ready, and is said to be missing', async () => {
    const up = begin(['127.0.0.1:9', '--listen', '127.0.0.1:0'])
    const port = await up.ready()
    await until('the note', async () => (up.err().includes('the app at http://127.0.0.1:9 does not answer') ? true : undefined))
    expect((await get(port, '/')).status).toBe(502)
  })

  test('without memcached the app answers', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'samekey-up-test-'))
    running.push({ stop: async () => rmSync(folder, { recursive: true, force: true }) })
    const free = createServer().listen(0, '127.0.0.1')
    await once(free, 'listening')
    const memcachedPort = (free.address() as AddressInfo).port
    await new Promise((resolve) => free.close(resolve))
    const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
    const memcached = startGuarded(['memcached', '-l', '127.0.0.1', '-p', String(memcachedPort), '-U', '0', ...user], { log: join(folder, 'log') })
    running.push(memcached)
    await until('memcached', () => listens(memcachedPort), { unless: memcached.exited })

    const origin = await beginOrigin()
    const up = begin([`127.0.0.1:${origin.port}`, '--listen', '127.0.0.1:0', '--memcached', `127.0.0.1:${memcachedPort}`])
    const port = await up.ready()
    await until('a hit', async () => ((await get(port, '/')).header('cache-status')?.startsWith('samekey; hit') ? true : undefined))
    await memcached.stop()
    const response = await get(port, '/')
    expect([response.status, response.header('cache-status')]).toEqual([200, 'samekey; fwd=uri-miss; detail=memcached-502'])
    expect((await up.descendants()).map(nameOf)).not.toContain('memcached')
  })
})
