// The command line: what goes in, what comes out, with which exit code, and that no secret ever comes out.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runCli } from './cli_run.js'

let folder: string
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'samekey-cli-test-'))))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Nothing listens on port 1 of loopback. */
const NOWHERE = '127.0.0.1:1'
const SECRET = 'hunter2'

describe('key', () => {
  const cases: { id: string; args: string[]; out?: RegExp; err?: RegExp; exitCode: number }[] = [
    { id: 'an absolute URL', args: ['http://Example.org:80/%7ea?b=2&a=1&utm_source=x'], out: /^samekey:[0-9a-z]+:http:\/\/example\.org\/~a\?a=1&b=2\n$/, exitCode: 0 },
    { id: 'no path', args: ['https://example.org'], out: /:https:\/\/example\.org\/\n$/, exitCode: 0 },
    { id: 'a query without a path', args: ['http://example.org?a'], out: /:http:\/\/example\.org\/\?a\n$/, exitCode: 0 },
    { id: 'a fragment is not sent', args: ['http://example.org/#part'], out: /:http:\/\/example\.org\/\n$/, exitCode: 0 },
    { id: 'a path with its host', args: ['/a', '--host', 'example.org', '--scheme', 'https'], out: /:https:\/\/example\.org\/a\n$/, exitCode: 0 },
    { id: 'a Host field wins', args: ['http://127.0.0.1/a', '-H', 'Host: example.org'], out: /:http:\/\/example\.org\/a\n$/, exitCode: 0 },
    { id: 'a fragment in a raw path is ambiguous', args: ['/a#b', '--host', 'example.org'], out: /^$/, err: /^bypass: ambiguous-path \(fragment\)\n$/, exitCode: 3 },
    { id: 'dot segments are not resolved before the rules see them', args: ['http://example.org/a/../b'], out: /^$/, err: /^bypass: ambiguous-path \(dot-segment\)\n$/, exitCode: 3 },
    { id: 'the method', args: ['http://example.org/', '--method', 'POST'], out: /^$/, err: /^bypass: method\n$/, exitCode: 3 },
    { id: 'a session cookie among two fields', args: ['http://example.org/', '-H', 'Cookie: a=b', '-H', `cookie: PHPSESSID=${SECRET}`], out: /^$/, err: /^bypass: cookie\n$/, exitCode: 3 },
    { id: 'authorization', args: ['http://example.org/', '-H', `Authorization: Bearer ${SECRET}`], out: /^$/, err: /^bypass: authorization\n$/, exitCode: 3 },
    { id: 'a body', args: ['http://example.org/', '-H', 'Content-Length: 3'], out: /^$/, err: /^bypass: body\n$/, exitCode: 3 },
    { id: 'bypass in JSON', args: ['http://example.org//', '--json'], out: /^\{"url":"http:\/\/example.org\/\/","key":null,"bypass":"ambiguous-path","detail":"empty-segment"\}\n$/, err: /^$/, exitCode: 3 },
    { id: 'key in JSON', args: ['http://example.org/', '--json'], out: /^\{"url":"http:\/\/example.org\/","key":"samekey:[^"]+","bypass":null,"detail":null\}\n$/, exitCode: 0 },
    { id: 'a path without a host', args: ['/a'], err: /^samekey: a path needs --host HOST/, exitCode: 2 },
    { id: 'no URL', args: ['a'], err: /^samekey: expected http:\/\/HOST\/PATH/, exitCode: 2 },
    { id: 'another scheme', args: ['ftp://example.org/'], err: /^samekey: expected http:\/\/HOST\/PATH/, exitCode: 2 },
    { id: 'a user name in the URL', args: [`http://me:${SECRET}@example.org/`], err: /^samekey: leave the user name out/, exitCode: 2 },
    { id: 'a field without a colon', args: ['http://example.org/', '-H', SECRET], err: /^samekey: -H: expected/, exitCode: 2 },
    { id: 'a field with a line break', args: ['http://example.org/', '-H', 'A: b\r\nC: d'], err: /^samekey: -H: expected/, exitCode: 2 },
    { id: 'a policy that is not there', args: ['http://example.org/', '--policy', 'none.json'], err: /^samekey: --policy: there is no file .*none\.json\n$/, exitCode: 2 },
    { id: 'no argument', args: [], err: /missing required argument/, exitCode: 2 },
    { id: 'an unknown option', args: ['http://example.org/', '--nope'], err: /unknown option/, exitCode: 2 }
  ]
  test.each(cases)('$id', async ({ args, out, err, exitCode }) => {
    const ran = await runCli(['key', ...args])
    expect(ran).toMatchObject({ exitCode })
    if (out) expect(ran.out).toMatch(out)
    if (err) expect(ran.err).toMatch(err)
    expect(ran.out + ran.err).not.toContain(SECRET)
    expect(ran.err).not.toMatch(/^ +at /m)
  })

  test('all variants, one a line, the one of the request among them', async () => {
    writeFileSync(join(folder, 'variants.json'), JSON.stringify({ variants: [{ name: 'lang', cookie: 'lang', values: ['en', 'de', 'fr'] }] }))
    const all = await runCli(['key', 'http://example.org/', '--all-variants', '--policy', 'variants.json'], { cwd: folder })
    const keys = all.out.trim().split('\n')
    const one = await runCli(['key', 'http://example.org/', '-H', 'Cookie: lang=de', '--policy', 'variants.json'], { cwd: folder })
    expect(new Set(keys).size).toBe(3)
    expect(keys).toContain(one.out.trim())
    expect(JSON.parse((await runCli(['key', 'http://example.org/', '--all-variants', '--json', '--policy', 'variants.json'], { cwd: folder })).out)).toMatchObject({ keys })
  })

  test('samekey.json of the current folder is the default policy', async () => {
    const own = mkdtempSync(join(folder, 'own-'))
    writeFileSync(join(own, 'samekey.json'), JSON.stringify({ prefix: 'shop' }))
    expect((await runCli(['key', 'http://example.org/'], { cwd: own })).out).toMatch(/^shop:/)
    expect((await runCli(['key', 'http://example.org/'], { cwd: folder })).out).toMatch(/^samekey:/)
  })

  test('a wrong policy is told with its place', async () => {
    writeFileSync(join(folder, 'wrong.json'), JSON.stringify({ ignore: ['(a+)+$'], nope: 1 }))
    const ran = await runCli(['key', 'http://example.org/', '--policy', 'wrong.json'], { cwd: folder })
    expect(ran.exitCode).toBe(2)
    expect(ran.err).toMatch(/^samekey: .*wrong\.json/)
    expect(ran.err).toContain('nope')
  })
})

describe('nginx', () => {
  const args = (out: string, ...more: string[]): string[] => ['nginx', '--out', out, '--app', '127.0.0.1:3000', '--memcached', '127.0.0.1:11211', ...more]

  test('writes the files, says what to include, and may write them again', async () => {
    for (let i = 0; i < 2; i++) {
      const ran = await runCli(args('out', '--nginx-dir', '/etc/nginx/samekey'), { cwd: folder })
      expect(ran).toMatchObject({ exitCode: 0, err: '' })
      expect(ran.out).toContain('include /etc/nginx/samekey/samekey.server.conf;')
      expect(ran.out).toContain('nginx -t')
    }
    expect(readdirSync(join(folder, 'out')).sort()).toEqual(['nginx.conf', 'samekey.body.conf', 'samekey.forward.conf', 'samekey.http.conf', 'samekey.js', 'samekey.location.conf', 'samekey.server.conf', 'samekey_policy.js', 'samekey_replay.js'])
    expect(readFileSync(join(folder, 'out/samekey.http.conf'), 'utf8')).toContain('js_path "/etc/nginx/samekey"')
  })

  test("somebody else's file is left alone, and nothing else is written", async () => {
    const out = mkdtempSync(join(folder, 'foreign-'))
    writeFileSync(join(out, 'nginx.conf'), '# mine\n')
    const ran = await runCli(args(out))
    expect(ran).toMatchObject({ exitCode: 1, out: '' })
    expect(ran.err).toMatch(/^samekey: .*nginx\.conf is there and was not written by samekey/)
    expect(readdirSync(out)).toEqual(['nginx.conf'])
    expect(await runCli(args(out, '--force'))).toMatchObject({ exitCode: 0 })
    expect(readFileSync(join(out, 'nginx.conf'), 'utf8')).not.toContain('mine')
  })

  test.each([
    { id: 'an app without a port', args: ['--app', 'localhost'], err: /app: expected host:port/ },
    { id: 'a folder that Nginx cannot read in its configuration', args: ['--nginx-dir', 'relative'], err: /directory: expected an absolute path/ },
    { id: 'a memcached password', args: ['--memcached', `me:${SECRET}@host:1`], err: /host:port/ },
    { id: 'a memcached server without a port', args: ['--memcached', 'localhost'], err: /expected host:port/ },
    { id: 'another engine', args: ['--engine', 'v8'], err: /Allowed choices are njs, qjs/ }
  ])('$id', async ({ args: more, err }) => {
    const ran = await runCli([...args('out'), ...more], { cwd: folder })
    expect(ran).toMatchObject({ exitCode: 2, out: '' })
    expect(ran.err).toMatch(err)
    expect(ran.err).not.toContain(SECRET)
  })
})

describe('without memcached', () => {
  test('get says who does not answer', async () => {
    const ran = await runCli(['get', 'http://example.org/', '--memcached', NOWHERE])
    expect(ran).toMatchObject({ exitCode: 1, out: '' })
    expect(ran.err).toMatch(/^samekey: memcached 127\.0\.0\.1:1: /)
  })

  test('get of what is never stored', async () => {
    expect(await runCli(['get', 'http://example.org//', '--memcached', NOWHERE])).toEqual({ exitCode: 3, out: '', err: 'samekey: never stored: bypass ambiguous-path (empty-segment)\n' })
  })

  test('purge says which key failed', async () => {
    const ran = await runCli(['purge', 'http://example.org/', '--memcached', NOWHERE])
    expect(ran.exitCode).toBe(1)
    expect(ran.out).toMatch(/^failed {2}samekey:\S+ \(127\.0\.0\.1:1\): .*\n0 items deleted\n$/)
  })

  test.each(['nope', '/path', `http://me:${SECRET}@example.org/`])('purge of %s deletes nothing', async (url) => {
    const ran = await runCli(['purge', 'http://example.org/', url, '--memcached', NOWHERE])
    expect(ran).toMatchObject({ exitCode: 2, out: '' })
    expect(ran.err).not.toContain(SECRET)
  })

  test.each<{ id: string; args: string[]; err: RegExp }>([
    { id: 'nothing', args: [], err: /nothing to purge: name URLs, --tag/ },
    { id: 'everything without --yes', args: ['--all'], err: /--all .* add --yes/ },
    { id: 'a bad tag', args: ['--tag', 'a b'], err: /\$\.tags\[0\]: expected 1 to 128 characters/ },
    { id: 'a bad pattern', args: ['--tag', 'a', '--pattern', '/('], err: /\$\.pattern\[0\]: no valid regex/ },
    { id: 'a prefix of no site', args: ['--prefix', '/a'], err: /\$\.prefix\[0\]: which site is meant/ },
    { id: 'a site with a password', args: ['--prefix', '/a', '--site', `https://me:${SECRET}@example.org`], err: /leave the user name out/ },
    { id: '--base without --warm', args: ['--tag', 'a', '--base', 'http://127.0.0.1:1'], err: /--base is for --warm/ },
    { id: 'a log that cannot be written', args: ['--tag', 'a', '--purge-log', '/nowhere/log'], err: /--purge-log: .*\/nowhere\/log/ }
  ])('purge: $id: exit code 2, and no server is asked', async ({ args, err }) => {
    const ran = await runCli(['purge', ...args, '--memcached', NOWHERE])
    expect(ran).toMatchObject({ exitCode: 2, out: '' })
    expect(ran.err).toMatch(err)
    expect(ran.err).not.toContain(SECRET)
  })
})

describe('up', () => {
  test.each([
    { id: 'a token that is too short', env: { SAMEKEY_PURGE_TOKEN: 'tooshort' }, args: [], err: /SAMEKEY_PURGE_TOKEN: expected at least 16/ },
    { id: 'a network that is none', env: { SAMEKEY_PURGE_TOKEN: SECRET.padEnd(16, 'x') }, args: ['--purge-allow', '10.0.0.0/8,nope'], err: /--purge-allow: .*"nope"/ },
    { id: 'networks without a token', env: {}, args: ['--purge-allow', '10.0.0.0/8'], err: /--purge-allow: .* SAMEKEY_PURGE_TOKEN/ }
  ])('$id', async ({ env, args, err }) => {
    const ran = await runCli(['up', '127.0.0.1:1', ...args], { env })
    expect(ran).toMatchObject({ exitCode: 2, out: '' })
    expect(ran.err).toMatch(err)
    expect(ran.err).not.toMatch(/tooshort/)
    expect(ran.err).not.toContain(SECRET)
  })

  test.each([
    { id: 'no origin', args: [], err: /missing required argument 'origin'/ },
    { id: 'a path in the origin', args: ['http://127.0.0.1:1/app'], err: /ORIGIN: an app is a host and a port/ },
    { id: 'a password in the origin', args: [`http://me:${SECRET}@127.0.0.1:1`], err: /ORIGIN: a user name/ },
    { id: 'another scheme', args: ['ftp://127.0.0.1'], err: /ORIGIN: expected/ },
    { id: 'a listen address without a port', args: ['127.0.0.1:1', '--listen', 'localhost'], err: /--listen: expected HOST:PORT/ },
    { id: 'a port that is none', args: ['127.0.0.1:1', '--listen', '127.0.0.1:70000'], err: /--listen: expected HOST:PORT/ }
  ])('$id', async ({ args, err }) => {
    const ran = await runCli(['up', ...args])
    expect(ran).toMatchObject({ exitCode: 2, out: '' })
    expect(ran.err).toMatch(err)
    expect(ran.err).not.toContain(SECRET)
  })
})

describe('the program itself', () => {
  test('--help lists the commands and the exit codes', async () => {
    const ran = await runCli(['--help'])
    expect(ran.exitCode).toBe(0)
    for (const command of ['up', 'nginx', 'key', 'explain', 'get', 'ls', 'purge', 'warm', 'stats', 'doctor']) expect(ran.out).toMatch(new RegExp(`^  ${command} `, 'm'))
    expect(ran.out).toContain('Exit codes:')
  })

  test('--version is that of the package', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
    expect(await runCli(['--version'])).toEqual({ exitCode: 0, out: `${version}\n`, err: '' })
  })

  test('an unknown command', async () => {
    expect(await runCli(['nope'])).toMatchObject({ exitCode: 2, out: '' })
  })
})
