// key, explain, get and purge say what a running Nginx and writer have really done.

import { gunzipSync } from 'node:zlib'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RawResponse, sendRaw } from '../support/raw_http.js'
import { until } from '../support/until.js'
import { runCli, type Ran } from '../unit/cli_run.js'
import { type Origin, startOrigin } from './up_origin.js'
import { startUp, type Up } from './up_process.js'

let folder: string
let origin: Origin
let up: Up
let port: number
let memcached: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'samekey-up-test-'))
  writeFileSync(join(folder, 'samekey.json'), JSON.stringify({ variants: [{ name: 'lang', cookie: 'lang', values: ['en', 'de'] }] }))
  origin = await startOrigin()
  up = startUp([`127.0.0.1:${origin.port}`, '--listen', '127.0.0.1:0', '--json'], { cwd: folder })
  port = await up.ready()
  memcached = (JSON.parse(up.out()[0] as string) as { memcached: string }).memcached
})

afterAll(async () => {
  await up?.stop()
  await origin?.close()
  rmSync(folder, { recursive: true, force: true })
})

function visit(target: string, headers = ''): Promise<RawResponse> {
  return sendRaw(port, `GET ${target} HTTP/1.1\r\nHost: site.test\r\n${headers}Connection: close\r\n\r\n`)
}

function stored(target: string, headers = ''): Promise<RawResponse> {
  return until(`${target} is stored`, async () => {
    const response = await visit(target, headers)
    return response.header('cache-status')?.startsWith('samekey; hit') ? response : undefined
  })
}

function samekey(...args: string[]): Promise<Ran> {
  return runCli(args, { cwd: folder, env: { SAMEKEY_MEMCACHED: memcached } })
}

test("key prints the key that Nginx logs", async () => {
  const target = '/key?b=%7e&a=1&utm_source=x'
  await visit(target)
  const key = await until('the log line', async () => up.out().map((line) => JSON.parse(line) as { uri?: string; key?: string }).find(({ uri }) => uri === target)?.key)
  expect((await samekey('key', `http://site.test${target}`)).out).toBe(key + '\n')
})

test('get shows the head and the body that visitors get', async () => {
  const page = await stored('/get')
  const head = await samekey('get', 'http://site.test/get?fbclid=1')
  expect(head).toMatchObject({ exitCode: 0, err: '' })
  expect(head.out).toMatch(/\nstatus 200, \d+ fields, a body of \d+ bytes; age \d+ s, fresh for \d+ s \(127\.0\.0\.1:\d+\)\nclock \S+\nContent-Type: text\/html\n/)
  expect((await samekey('get', 'http://site.test/get', '--body')).out).toBe(page.body.toString())
  const json = JSON.parse((await samekey('get', 'http://site.test/get', '--body', '--json')).out) as { stored: { state: string }; body: string }
  expect(json.stored.state).toBe('fresh')
  expect(Buffer.from(json.body, 'base64').toString()).toBe(page.body.toString())
})

test('a large page is in an item of its own, compressed once; get inflates it', async () => {
  const page = await stored('/large')
  expect(page.body.length).toBeGreaterThan(300_000)
  const ran = await samekey('get', 'http://site.test/large')
  expect(ran.out).toContain('in an item of its own, samekey:')
  expect((await samekey('get', 'http://site.test/large', '--body')).out === page.body.toString()).toBe(true)
  const raw = (await samekey('get', 'http://site.test/large', '--body', '--raw')).out
  expect(gunzipSync(Buffer.from(raw, 'latin1')).equals(page.body)).toBe(true)
})

test('nothing stored is exit code 4', async () => {
  expect(await samekey('get', 'http://site.test/none')).toMatchObject({ exitCode: 4, out: '' })
  const ran = await samekey('get', 'http://site.test/none', '--json')
  expect(ran.exitCode).toBe(4)
  expect(JSON.parse(ran.out)).toMatchObject({ variants: 'en', stored: { state: 'absent', head: null } })
})

test('explain sees what is stored, of the variant that is asked for', async () => {
  await stored('/explain', 'Cookie: lang=de\r\n')
  const german = await samekey('explain', 'http://site.test/explain', '-H', 'Cookie: lang=de')
  expect(german.exitCode).toBe(0)
  expect(german.out).toContain('lang=de from cookie lang')
  expect(german.out).toMatch(/In memcached now\n {2}status 200, /)
  expect((await samekey('get', 'http://site.test/explain', '-H', 'Cookie: lang=de')).out).toContain('\nvariant de\n')
  const english = JSON.parse((await samekey('explain', 'http://site.test/explain', '--json')).out) as { memcached: { state: string } }
  expect(english.memcached.state).toBe('absent')
})

test('purge deletes every variant, and the next visitor gets a new page', async () => {
  await stored('/purge')
  const german = await stored('/purge', 'Cookie: lang=de\r\n')
  const first = await samekey('purge', 'http://site.test/purge')
  expect(first.exitCode).toBe(0)
  expect(first.out).toBe('purged  http://site.test/purge (2 keys)\n2 items deleted\n')
  const next = await visit('/purge', 'Cookie: lang=de\r\n')
  expect(next.header('cache-status')).toMatch(/^samekey; fwd=uri-miss/)
  expect(next.body).not.toEqual(german.body)
  const again = await samekey('purge', 'http://site.test/never', '--json')
  expect(JSON.parse(again.out)).toMatchObject({ outcome: 'done', asked: { urls: ['http://site.test/never'] }, deleted: 0, failures: [], pages: [{ keys: [expect.any(String), expect.any(String)] }] })
})

test('ls tells of each page what Nginx does with it: fresh, purged, being rendered', async () => {
  const stateOf = async (path: string): Promise<string[]> => {
    const ran = await samekey('ls', '--prefix', path, '--json')
    return ran.out.split('\n').filter((line) => line !== '').map((line) => (JSON.parse(line) as { state: string }).state)
  }
  expect(await stateOf('/ls/')).toEqual([])
  await stored('/ls/page')
  expect(await stateOf('/ls/')).toEqual(['fresh'])
  expect((await samekey('purge', '--prefix', 'http://site.test/ls/')).exitCode).toBe(0)
  expect(await stateOf('/ls/')).toEqual(['banned'])
  // The bound of such a purge is a second.
  await until('Nginx obeys the ban', async () => (await visit('/ls/page')).header('cache-status')?.startsWith('samekey; fwd=') || undefined)
  await stored('/ls/page')
  expect(await stateOf('/ls/')).toEqual(['fresh'])

  const slow = visit('/slow').catch(() => undefined)
  await until('it is claimed', async () => (await stateOf('/slow')).join() === 'claim' || undefined)
  void slow
})
