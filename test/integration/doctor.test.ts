// `samekey doctor`: on a healthy site nothing is wrong, and every check can say that something is.

import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { formatBanList } from '../../njs/core/bans.js'
import { formatHead } from '../../njs/core/entry.js'
import { type Check, type CheckId, type Checks, isAtLeast } from '../../cli/doctor/check.js'
import { checkFiles } from '../../cli/doctor/files.js'
import { checkBanList, checkServer } from '../../cli/doctor/memcached.js'
import { checkNginx } from '../../cli/doctor/nginx.js'
import { checkSite } from '../../cli/doctor/site.js'
import { CliError } from '../../cli/io.js'
import { findPrograms, missingMessage, type Programs } from '../../cli/programs.js'
import { writeNginxFiles } from '../../nginx/generate.js'
import { createInvalidation } from '../../node-writer/invalidation/invalidation.js'
import { keysOfUrl } from '../../node-writer/key.js'
import { loadPolicy } from '../../node-writer/policy/load.js'
import { parseServers, type ServerAddress } from '../../node-writer/ring.js'
import { Store } from '../../node-writer/store.js'
import { type Memcached, startMemcached } from '../support/memcached.js'
import { until } from '../support/until.js'
import { runCli } from '../unit/cli_run.js'
import { type Origin, startOrigin } from './up_origin.js'
import { startUp, type Up } from './up_process.js'

const policy = loadPolicy({})
const closers: (() => unknown)[] = []
let folder: string
let memcached: Memcached
let store: Store

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'samekey-doctor-test-'))
  memcached = await startMemcached()
  store = new Store({ memcached: memcached.address, timeoutMs: 5000 })
})
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})
afterAll(async () => {
  store?.close()
  await memcached?.stop()
  rmSync(folder, { recursive: true, force: true })
})

const addressOf = (text: string): ServerAddress => parseServers(text)[0] as ServerAddress

async function all(checks: Checks): Promise<Check[]> {
  const found: Check[] = []
  for await (const check of checks) found.push(check)
  return found
}

function troubles(checks: Check[]): Check[] {
  for (const { status, todo } of checks) expect(todo === null).toBe(status === 'ok')
  return checks.filter(({ status }) => status !== 'ok')
}

async function own(...args: string[]): Promise<Memcached> {
  const server = await startMemcached(args)
  closers.push(() => server.stop())
  return server
}

/** Talks the text protocol as a server that cannot be had here. */
async function fakeMemcached(stats: Record<string, string | number>, settings: Record<string, string | number>): Promise<ServerAddress> {
  const sockets: Socket[] = []
  const lines = (values: object): string => Object.entries(values).map(([name, value]) => `STAT ${name} ${value}\r\n`).join('') + 'END\r\n'
  const server: Server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      const text = chunk.toString('latin1')
      if (!text.startsWith('stats')) return socket.destroy()
      return socket.write(lines(text.startsWith('stats settings') ? settings : stats))
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => {
    sockets.forEach((socket) => socket.destroy())
    server.close()
  })
  return addressOf(`127.0.0.1:${(server.address() as AddressInfo).port}`)
}

const GOOD_STATS = { version: '1.6.18', uptime: 5, curr_items: 1, bytes: 1, limit_maxbytes: 64 * 2 ** 20, evictions: 0, curr_connections: 1, max_connections: 1024, listen_disabled_num: 0 }
const GOOD_SETTINGS = { item_size_max: 2 ** 20, cas_enabled: 'yes', evictions: 'on', inter: '127.0.0.1', domain_socket: 'NULL' }

describe('memcached', () => {
  test('a good one', async () => {
    const checks = await all(checkServer(addressOf(memcached.address), policy))
    expect(troubles(checks)).toEqual([])
    expect(checks.map(({ id }) => id)).toEqual(['memcached-answers', 'memcached-version', 'memcached-cas', 'memcached-works', 'memcached-item-size', 'memcached-evictions', 'memcached-connections', 'memcached-exposed'])
    expect(await store.get(`${policy.keyHead}#doctor`)).toBeNull()
  })

  test.each<{ id: CheckId; args: string[]; status: 'warn' | 'fail'; text: RegExp }>([
    { id: 'memcached-cas', args: ['-C'], status: 'fail', text: /runs without CAS/ },
    { id: 'memcached-item-size', args: ['-I', '512k'], status: 'warn', text: /items of 512\.0K at most/ },
    { id: 'memcached-evictions', args: ['-M'], status: 'warn', text: /runs with -M/ },
    { id: 'memcached-works', args: ['-B', 'ascii'], status: 'fail', text: /closed the connection|no answer|ECONNRESET/ }
  ])('$id: $args', async ({ id, args, status, text }) => {
    const server = await own(...args)
    expect(troubles(await all(checkServer(addressOf(server.address), policy)))).toMatchObject([{ id, status, on: server.address, text: expect.stringMatching(text) }])
  })

  test('memcached-evictions: too little memory', async () => {
    const server = await own('-m', '2')
    const full = new Store({ memcached: server.address, timeoutMs: 5000 })
    closers.push(() => full.close())
    for (let i = 0; i < 60; i++) await full.set(`page-${i}`, Buffer.alloc(500_000), { ttlSeconds: 100 }).catch(() => {})
    expect(troubles(await all(checkServer(addressOf(server.address), policy)))).toMatchObject([{ id: 'memcached-evictions', status: 'warn', text: expect.stringMatching(/^\d+ items had to go/) }])
  })

  test.each<{ id: CheckId; limit: number; taken: number; status: string; todo: RegExp }>([
    { id: 'memcached-connections', limit: 200, taken: 170, status: 'warn', todo: /more than -c 200/ },
    // Some of them it needs itself.
    { id: 'memcached-answers', limit: 60, taken: 60, status: 'fail', todo: /more connections \(-c\)/ }
  ])('$id: $taken of $limit are taken', async ({ id, limit, taken, status, todo }) => {
    const server = await own('-t', '1', '-c', String(limit))
    for (let i = 0; i < taken; i++) {
      const socket = connect(server.port, '127.0.0.1').on('error', () => {})
      closers.push(() => socket.destroy())
      await once(socket, 'connect')
    }
    expect(troubles(await all(checkServer(addressOf(server.address), policy)))).toMatchObject([{ id, status, todo: expect.stringMatching(todo) }])
  })

  test.each<{ id: CheckId; stats?: object; settings?: object; text: RegExp }>([
    { id: 'memcached-version', stats: { version: '1.5.22' }, text: /^1\.5\.22, tested from 1\.6/ },
    { id: 'memcached-connections', stats: { listen_disabled_num: 3 }, text: /3 times it took no more/ },
    { id: 'memcached-exposed', settings: { inter: '0.0.0.0' }, text: /every address/ },
    { id: 'memcached-exposed', settings: { inter: 'NULL' }, text: /every address/ },
    { id: 'memcached-exposed', settings: { inter: '127.0.0.1,10.1.2.3' }, text: /10\.1\.2\.3/ }
  ])('$id: $stats$settings', async ({ id, stats = {}, settings = {}, text }) => {
    const address = await fakeMemcached({ ...GOOD_STATS, ...stats }, { ...GOOD_SETTINGS, ...settings })
    // What is written to it goes nowhere.
    expect(troubles(await all(checkServer(address, policy))).filter((check) => check.id !== 'memcached-works')).toMatchObject([{ id, status: 'warn', text: expect.stringMatching(text) }])
  })

  test('memcached-exposed: a socket is not', async () => {
    const address = await fakeMemcached(GOOD_STATS, { ...GOOD_SETTINGS, inter: 'NULL', domain_socket: '/run/memcached.sock' })
    expect(troubles(await all(checkServer(address, policy))).map(({ id }) => id)).toEqual(['memcached-works'])
  })

  test('memcached-answers: nobody there', async () => {
    expect(await all(checkServer(addressOf('127.0.0.1:1'), policy))).toMatchObject([{ id: 'memcached-answers', status: 'fail' }])
  })
})

describe('ban-list', () => {
  const bansOf = (count: number): string => formatBanList({ epoch: 'e', counter: count + 1, base: 0, markTime: 0, markCounter: 0, bans: Array.from({ length: count }, (_, i) => ({ kind: 'p', argument: `http://h/${i}`, counter: i + 1 })) })
  test.each([
    { id: 'none yet', text: null, status: 'ok' },
    { id: 'some', text: bansOf(5), status: 'ok' },
    { id: 'nearly full', text: bansOf(60), status: 'warn' },
    { id: 'unreadable', text: 'nonsense', status: 'fail' }
  ])('$id: $status', async ({ text, status }) => {
    const server = await own()
    const single = new Store({ memcached: server.address, timeoutMs: 5000 })
    closers.push(() => single.close())
    if (text !== null) await single.set(`${policy.keyHead}#bans`, Buffer.from(text), { ttlSeconds: 100 })
    const check = await checkBanList(single, policy)
    expect(check).toMatchObject({ id: 'ban-list', status })
    expect(check.todo === null).toBe(status === 'ok')
  })
  test('its server is away', async () => {
    const nowhere = new Store({ memcached: '127.0.0.1:1' })
    closers.push(() => nowhere.close())
    expect(await checkBanList(nowhere, policy)).toMatchObject({ status: 'fail', on: '127.0.0.1:1' })
  })
})

describe('Nginx', () => {
  const real = (): Programs => findPrograms(process.env, { memcached: false })
  const missing = (...programs: ('nginx' | 'njs')[]) => () => {
    throw new CliError(missingMessage(programs, 'ID=debian\n'))
  }

  /** Answers on the socket of its configuration. */
  function fakeNginx(njsVersion: string, cacheStatus: string): () => Programs {
    const script = join(folder, `nginx-${Math.random().toString(36).slice(2)}`)
    writeFileSync(script, `#!${process.execPath}
if (process.argv.includes('-v')) { console.error('nginx version: nginx/1.24.0'); process.exit() }
const conf = require('fs').readFileSync(process.argv[process.argv.indexOf('-c') + 1], 'utf8')
require('http').createServer((req, res) => res.setHeader('Cache-Status', ${JSON.stringify(cacheStatus)}).end(${JSON.stringify(njsVersion)})).listen(/listen unix:(.*);/.exec(conf)[1])
`)
    chmodSync(script, 0o755)
    return () => ({ nginx: script, njsModule: null, memcached: '' })
  }

  test('the one of this machine', async () => {
    const checks = await all(checkNginx(real, policy, memcached.address))
    expect(troubles(checks)).toEqual([])
    expect(checks.map(({ id }) => id)).toEqual(['nginx-found', 'nginx-version', 'njs-found', 'njs-version', 'nginx-accepts', 'nginx-memcached', 'nginx-serves'])
  })

  test('with a policy that has hosts, variants and raw mode', async () => {
    const other = loadPolicy({ mode: 'raw', hosts: ['example.org'], variants: [{ name: 'lang', cookie: 'lang', values: ['en', 'de'] }] })
    expect(troubles(await all(checkNginx(real, other, memcached.address)))).toEqual([])
  })

  test('several servers, of which each is asked for its own pages, and a ban list that has seen purges', async () => {
    const list = `${memcached.address},${(await own()).address}=3,${(await own()).address}`
    const several = new Store({ memcached: list, timeoutMs: 5000 })
    closers.push(() => several.close())
    const { lists } = createInvalidation(policy, several)
    await lists.append({ kind: 'all' })
    const checks = await all(checkNginx(real, policy, list))
    expect(troubles(checks)).toEqual([])
    expect(checks.at(-1)?.text).toBe('12 pages were stored, found and served')
  })

  test('a policy that looks nothing up', async () => {
    const none = loadPolicy({ ignore: ['/'] })
    const checks = await all(checkNginx(real, none, memcached.address))
    expect(troubles(checks)).toEqual([])
    expect(checks.at(-1)?.text).toMatch(/looks up no page that could be tried \(ignored\)/)
  })

  test.each<{ id: CheckId; find: () => () => Programs; memcached?: string; status: string; text: RegExp; todo: RegExp }>([
    { id: 'nginx-found', find: () => missing('nginx', 'njs'), status: 'warn', text: /not on this machine/, todo: /run the doctor where Nginx runs.*apt-get install/ },
    { id: 'njs-found', find: () => missing('njs'), status: 'fail', text: /JavaScript module/, todo: /apt-get install --no-install-recommends libnginx-mod-http-js/ },
    { id: 'nginx-accepts', find: () => () => ({ ...real(), njsModule: null }), status: 'fail', text: /unknown directive "js_path"/, todo: /built for this Nginx/ },
    { id: 'nginx-memcached', find: () => real, memcached: '127.0.0.1:1', status: 'fail', text: /ECONNREFUSED/, todo: /memcached-answers/ },
    { id: 'njs-version', find: () => fakeNginx('0.7.4', 'samekey; fwd=uri-miss'), status: 'fail', text: /0\.7\.4, needed is 0\.7\.9/, todo: /update/ },
    { id: 'nginx-memcached', find: () => fakeNginx('0.8.0', 'samekey; fwd=uri-miss; detail=memcached-504'), status: 'fail', text: /detail=memcached-504/, todo: /firewall/ },
    { id: 'nginx-serves', find: () => fakeNginx('0.8.0', 'samekey; fwd=uri-miss'), status: 'fail', text: /is not served: samekey; fwd=uri-miss/, todo: /report/ },
    { id: 'nginx-serves', find: () => fakeNginx('0.8.0', ''), status: 'fail', text: /no Cache-Status at all/, todo: /report/ }
  ])('$id: $text', async ({ id, find, memcached: at = memcached.address, status, text, todo }) => {
    expect(troubles(await all(checkNginx(find(), policy, at)))).toMatchObject([{ id, status, text: expect.stringMatching(text), todo: expect.stringMatching(todo) }])
  })

  test('nginx-version', async () => {
    const script = join(folder, 'old-nginx')
    writeFileSync(script, `#!/bin/sh\n[ "$1" = -v ] && { echo 'nginx version: nginx/1.18.0' >&2; exit; }\nexec ${real().nginx} "$@"\n`)
    chmodSync(script, 0o755)
    expect(troubles(await all(checkNginx(() => ({ ...real(), nginx: script }), policy, memcached.address)))).toMatchObject([{ id: 'nginx-version', status: 'fail' }])
  })

  test.each([['1.22.1', '1.22', true], ['1.9.9', '1.22', false], ['1.22', '1.22.0', true], ['2.0', '1.22', true], ['0.7.10', '0.7.9', true], ['0.7.4', '0.7.9', false], ['', '1.6', false]])('%s is at least %s: %s', (version, least, expected) => {
    expect(isAtLeast(version, least)).toBe(expected)
  })
})

describe('generated files', () => {
  const SERVERS = ['127.0.0.1:11211', '127.0.0.1:11212=2']
  function written(document = {}): string {
    const out = mkdtempSync(join(folder, 'files-'))
    writeNginxFiles(out, { policy: loadPolicy(document), directory: '/etc/nginx/samekey', app: '127.0.0.1:3000', memcached: SERVERS, memcachedKeepalive: 9 })
    return out
  }
  const changed = (name: string, from: string | RegExp, to: string): string => {
    const out = written()
    writeFileSync(join(out, name), readFileSync(join(out, name), 'utf8').replace(from, to))
    return out
  }
  const without = (name: string): string => {
    const out = written()
    rmSync(join(out, name))
    return out
  }

  test('as they are written, with the servers in any order', async () => {
    expect(troubles(await all(checkFiles(written(), policy, SERVERS.join(','))))).toEqual([])
    expect(troubles(await all(checkFiles(written(), policy, [...SERVERS].reverse().join(','))))).toEqual([])
    expect(troubles(await all(checkFiles(changed('nginx.conf', /$/, '# mine'), policy, SERVERS.join(','))))).toEqual([])
  })

  test.each<{ what: string; out: () => string; id: CheckId; status: string; text: RegExp; memcached?: string }>([
    { what: 'an empty folder', out: () => mkdtempSync(join(folder, 'empty-')), id: 'files-there', status: 'fail', text: /no samekey\.http\.conf/ },
    { what: "somebody else's file", out: () => changed('samekey.http.conf', /[^]*/, '# mine'), id: 'files-there', status: 'fail', text: /not one that/ },
    { what: 'a file is missing', out: () => without('samekey.body.conf'), id: 'files-there', status: 'fail', text: /no samekey\.body\.conf/ },
    { what: 'another policy', out: () => written({ query: { ignore: ['x'] } }), id: 'files-policy', status: 'fail', text: /made with another policy/ },
    { what: 'another version', out: () => changed('samekey.js', '// samekey', '// older samekey'), id: 'files-current', status: 'warn', text: /^samekey\.js differs/ },
    { what: 'a part of the policy that moves no key', out: () => written({ maxTargetBytes: 1000 }), id: 'files-current', status: 'warn', text: /samekey_policy\.js/ },
    { what: 'edited', out: () => changed('samekey.server.conf', /$/, '# mine'), id: 'files-current', status: 'warn', text: /samekey\.server\.conf differs/ },
    { what: 'other servers', out: () => written(), id: 'files-memcached', status: 'fail', text: /Nginx has 127\.0\.0\.1:11211, 127\.0\.0\.1:11212=2/, memcached: 'localhost:11211,127.0.0.1:11212=2' },
    { what: 'another weight', out: () => written(), id: 'files-memcached', status: 'fail', text: /--memcached is/, memcached: '127.0.0.1:11211,127.0.0.1:11212' }
  ])('$id: $what', async ({ out, id, status, text, memcached: list = SERVERS.join(',') }) => {
    expect(troubles(await all(checkFiles(out(), policy, list)))).toMatchObject([{ id, status, text: expect.stringMatching(text) }])
  })
})

describe('site', () => {
  const entryOf = (clock: string): Buffer => Buffer.from(formatHead({ status: 200, bodyBytes: 0, storedAt: 1, initialAge: 0, freshUntil: 9e9, refreshUntil: 9e9, errorUntil: 9e9, bodyKey: '', clock, rule: '', tags: [], headers: [] }))
  const entry = entryOf('e.1')

  async function site(answer: (res: ServerResponse, visit: number) => void): Promise<URL> {
    let visits = 0
    const server = createHttpServer((_, res) => answer(res, ++visits)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    closers.push(() => {
      server.close()
      server.closeAllConnections()
    })
    return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  }
  const saying = (...cacheStatus: string[]) => (res: ServerResponse, visit: number): void => void res.setHeader('Cache-Status', cacheStatus[Math.min(visit, cacheStatus.length) - 1] as string).end()
  const STORED = 'samekey; fwd=uri-miss; stored; ttl=60'

  test('all well', async () => {
    await store.set(keysOfUrl('http://h/well', policy)[0] as string, entry, { ttlSeconds: 100 })
    const checks = await all(checkSite('http://h/well', await site(saying(STORED, 'samekey; hit; ttl=9')), store, policy))
    expect(troubles(checks)).toEqual([])
    expect(checks.map(({ id }) => id)).toEqual(['site-answers', 'site-looks-up', 'site-stores', 'site-agrees', 'site-purgeable', 'site-hits'])
  })

  test.each<{ what: string; url: string; answer: (res: ServerResponse, visit: number) => void; id: CheckId; status: string; text: RegExp }>([
    { what: 'not through samekey', url: 'http://h/a', answer: (res) => res.end(), id: 'site-answers', status: 'fail', text: /no Cache-Status of samekey/ },
    { what: 'an error', url: 'http://h/a', answer: (res) => res.writeHead(502).end(), id: 'site-answers', status: 'fail', text: /status 502/ },
    { what: 'both bypass', url: 'http://h/a//b', answer: saying('samekey; fwd=bypass; detail=ambiguous-path'), id: 'site-looks-up', status: 'warn', text: /never looked up: bypass ambiguous-path/ },
    { what: 'Nginx bypasses', url: 'http://h/a', answer: saying('samekey; fwd=bypass; detail=ignored'), id: 'site-looks-up', status: 'fail', text: /by Nginx: bypass ignored; by this policy: looked up/ },
    { what: 'this policy bypasses', url: 'http://h/a//b', answer: saying(STORED), id: 'site-looks-up', status: 'fail', text: /by this policy: bypass ambiguous-path/ },
    { what: 'the writer does not', url: 'http://h/a', answer: saying('samekey; fwd=uri-miss; detail=set-cookie'), id: 'site-stores', status: 'warn', text: /set-cookie/ },
    { what: 'under another key', url: 'http://h/elsewhere', answer: saying(STORED), id: 'site-agrees', status: 'fail', text: /there is nothing/ },
    { what: 'and not found', url: 'http://h/there', answer: saying(STORED, STORED), id: 'site-hits', status: 'fail', text: /asked for again it is rendered/ }
  ])('$id: $what', async ({ url, answer, id, status, text }) => {
    if (url.endsWith('/there')) await store.set(keysOfUrl(url, policy)[0] as string, entry, { ttlSeconds: 100 })
    expect(troubles(await all(checkSite(url, await site(answer), store, policy)))).toMatchObject([{ id, status, text: expect.stringMatching(text) }])
  })

  test('site-purgeable: an entry without a clock', async () => {
    await store.set(keysOfUrl('http://h/old', policy)[0] as string, entryOf(''), { ttlSeconds: 100 })
    expect(troubles(await all(checkSite('http://h/old', await site(saying(STORED, 'samekey; hit; ttl=9')), store, policy)))).toMatchObject([{ id: 'site-purgeable', status: 'fail' }])
  })

  test('site-answers: nobody there', async () => {
    expect(await all(checkSite('http://127.0.0.1:1/', undefined, store, policy))).toMatchObject([{ id: 'site-answers', status: 'fail', todo: expect.stringMatching(/is Nginx running/) }])
  })
})

describe('the command', () => {
  let origin: Origin
  let up: Up
  let base: string
  let used: string
  beforeAll(async () => {
    origin = await startOrigin()
    up = startUp([`127.0.0.1:${origin.port}`, '--listen', '127.0.0.1:0', '--json', '--quiet'])
    base = `http://127.0.0.1:${await up.ready()}`
    used = (JSON.parse(up.out()[0] as string) as { memcached: string }).memcached
  })
  afterAll(async () => {
    await up?.stop()
    await origin?.close()
  })

  test('a site of `samekey up` is well', async () => {
    const ran = await until('the page is stored', async () => {
      const one = await runCli(['doctor', '--memcached', used, '--site', 'http://site.test/doctor', '--base', base], { env: process.env as Record<string, string> })
      return one.exitCode === 0 ? one : undefined
    })
    expect(ran.out).toMatch(/^ok {4}policy +the built-in defaults; full mode, fingerprint [0-9a-f]{8}\n/)
    expect(ran.out).toMatch(/\nok {4}site-agrees +http:\/\/site\.test\/doctor: Nginx, the writer and this policy have one key for it\n/)
    expect(ran.out).toMatch(/\n\n\d+ ok, 0 warnings, 0 failures\n$/)
  })

  test('another policy than that of the site is found out', async () => {
    writeFileSync(join(folder, 'other.json'), JSON.stringify({ query: { ignore: ['x'] } }))
    const ran = await runCli(['doctor', '--memcached', used, '--site', 'http://site.test/drift', '--base', base, '--policy', join(folder, 'other.json'), '--json'], { env: process.env as Record<string, string> })
    expect(ran.exitCode).toBe(1)
    const failed = ran.out.trim().split('\n').map((line) => JSON.parse(line) as Check).filter(({ status }) => status === 'fail')
    expect(failed).toMatchObject([{ id: 'site-agrees', on: 'http://site.test/drift' }])
  })

  test('a wrong policy is a failure like others, and the servers are looked at all the same', async () => {
    writeFileSync(join(folder, 'wrong.json'), '{ "nope": 1 }')
    const ran = await runCli(['doctor', '--memcached', '127.0.0.1:1', '--policy', join(folder, 'wrong.json')])
    expect(ran).toMatchObject({ exitCode: 1, err: '' })
    expect(ran.out).toMatch(/^FAIL {2}policy .*wrong\.json/)
    expect(ran.out).toMatch(/\n {6}-> correct it where it says/)
    expect(ran.out).toMatch(/\nFAIL {2}memcached-answers /)
    expect(ran.out).toMatch(/\n0 ok, 0 warnings, 2 failures\n$/)
  })
})
