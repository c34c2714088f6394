// explain says what the core does. Its order of rules is held to the core's by requests that break two rules at once.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { explainRequest, type Explanation, RULE_NAMES } from '../../cli/explanation.js'
import { readPageRequest } from '../../cli/page_request.js'
import { loadPolicy } from '../../node-writer/policy/load.js'
import type { PolicyDocument } from '../../node-writer/policy/types.js'
import { runCli } from './cli_run.js'

function explain(target: string, headers: [string, string][] = [], document: PolicyDocument = {}, method = 'GET', host = 'Example.org:80'): Explanation {
  return explainRequest(readPageRequest(target, { header: headers, method, host, scheme: 'http' }), loadPolicy(document))
}

describe('the rules', () => {
  /** What makes a request break each rule; parts of a target are put behind each other. */
  const breaking: Record<(typeof RULE_NAMES)[number], { method?: string; header?: [string, string]; path?: string; host?: string }> = {
    'method': { method: 'POST' },
    'upgrade': { header: ['Upgrade', 'websocket'] },
    'body': { header: ['Content-Length', '3'] },
    'authorization': { header: ['Authorization', 'Basic x'] },
    'cookie': { header: ['Cookie', 'PHPSESSID=1'] },
    'request-no-cache': { header: ['Cache-Control', 'no-cache'] },
    'not-ascii': { path: '/\u00e9' },
    'too-long': { path: '/' + 'a'.repeat(300) },
    'ambiguous-path': { path: '//' },
    'host': { host: 'a b' },
    'ignored': { path: '/zz' }
  }
  // The only rule whose path must come first to be broken.
  const policy: PolicyDocument = { requestNoCache: true, maxTargetBytes: 256, ignore: ['/admin', '/zz'] }

  function broken(...names: (typeof RULE_NAMES)[number][]): Explanation {
    const parts = [...names].sort((a) => (a === 'ignored' ? -1 : 1)).map((name) => breaking[name])
    return explain(
      parts.map((part) => part.path ?? '').join('') || '/',
      parts.flatMap((part) => (part.header ? [part.header] : [])),
      policy,
      parts.find((part) => part.method)?.method ?? 'GET',
      parts.find((part) => part.host)?.host ?? 'example.org'
    )
  }

  test.each(RULE_NAMES)('%s alone decides, and is said to', (name) => {
    const { bypass, rules, page } = broken(name)
    expect(bypass).toBe(name)
    expect(page).toBeNull()
    expect(rules.map((rule) => rule.outcome)).toEqual(RULE_NAMES.map((each, i) => (each === name ? 'bypass' : i < RULE_NAMES.indexOf(name) ? 'pass' : 'not asked')))
  })

  test.each(RULE_NAMES.slice(0, -1).flatMap((first, i) => RULE_NAMES.slice(i + 1).map((second) => [first, second] as const)))('%s comes before %s', (first, second) => {
    expect(broken(first, second).bypass).toBe(first)
    expect(broken(second, first).bypass).toBe(first)
  })

  test('a request that breaks none passes all', () => {
    expect(explain('/').rules.every((rule) => rule.outcome === 'pass')).toBe(true)
  })

  const details: { id: string; explanation: Explanation; text: RegExp }[] = [
    { id: 'the cookie and its glob, never the value', explanation: explain('/', [['Cookie', 'theme=dark; wordpress_logged_in_1=hunter2']]), text: /^cookie wordpress_logged_in_1 is a session: it matches \*logged_in\* / },
    { id: 'a glob of the policy', explanation: explain('/', [['Cookie', 'basket2=1; My_Login=hunter2']], { cookies: { session: ['my_*'], sessionDefaults: false } }), text: /^cookie My_Login is a session: it matches my_\* / },
    { id: 'the pattern', explanation: explain('/Admin/users', [], { ignore: ['/feed', '/admin'] }), text: /^the policy ignores \/admin \(ignore\[1\]\)$/ },
    { id: 'the ambiguity', explanation: explain('/a%2fb'), text: /^encoded-slash: / },
    { id: 'the place of the byte', explanation: explain('/ab\u00e9'), text: /position 4$/ },
    { id: 'no host', explanation: explain('/', [], {}, 'GET', ''), text: /^there is no Host field$/ },
    { id: 'another host', explanation: explain('/', [], { hosts: ['other.test'] }), text: /not one of the hosts/ }
  ]
  test.each(details)('$id', ({ explanation, text }) => {
    const decided = explanation.rules.find((rule) => rule.outcome === 'bypass')
    expect(decided?.text).toMatch(text)
    expect(JSON.stringify(explanation)).not.toContain('hunter2')
  })
})

describe('the page', () => {
  test('each argument, with what became of it', () => {
    const page = explain('/p?b=%7e&utm_source=x&a=1&&b=1&f%62clid=2').page
    expect(page?.arguments).toEqual([
      { raw: 'b=%7e', outcome: 'kept', as: 'b=~' },
      { raw: 'utm_source=x', outcome: 'ignored', as: 'utm_*' },
      { raw: 'a=1', outcome: 'kept', as: 'a=1' },
      { raw: '', outcome: 'empty', as: null },
      { raw: 'b=1', outcome: 'kept', as: 'b=1' },
      { raw: 'f%62clid=2', outcome: 'ignored', as: 'fbclid' }
    ])
    expect(page).toMatchObject({ sorted: true, host: { from: 'Example.org:80', to: 'example.org' }, app: { host: 'example.org', target: '/p?a=1&b=~&b=1' } })
  })

  test('arguments that only a list keeps', () => {
    const page = explain('/p?x=1&q=2', [], { query: { only: ['q'] } }).page
    expect(page?.arguments).toEqual([{ raw: 'x=1', outcome: 'ignored', as: null }, { raw: 'q=2', outcome: 'kept', as: 'q=2' }])
    expect(page?.sorted).toBe(false)
  })

  test('variants, and what the app sees of their fields', () => {
    const page = explain('/', [['Cookie', 'lang=de; x=1'], ['X-Device', 'phone'], ['X-Forwarded-Host', 'h'], ['Accept', '*/*']], {
      variants: [{ name: 'lang', cookie: 'lang', values: ['en', 'de'] }, { name: 'device', header: 'x-device', values: ['desktop', 'tablet'] }]
    }).page
    expect(page?.variants).toEqual([
      { name: 'lang', source: 'cookie', field: 'lang', value: 'de', isFallback: false },
      { name: 'device', source: 'header', field: 'x-device', value: 'desktop', isFallback: true }
    ])
    expect(page?.app.headers).toEqual([
      { name: 'Cookie', fate: 'canonical' }, { name: 'X-Device', fate: 'canonical' }, { name: 'X-Forwarded-Host', fate: 'removed' }, { name: 'Accept', fate: 'kept' }
    ])
  })

  test.each([{ length: 100, shortened: false }, { length: 400, shortened: true }])('a target of $length bytes: shortened $shortened', ({ length, shortened }) => {
    expect(explain('/' + 'a'.repeat(length)).page).toMatchObject({ shortened })
  })
})

describe('the command', () => {
  let folder: string
  beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'samekey-cli-test-'))))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test('tells a person every step, also without memcached', async () => {
    const ran = await runCli(['explain', 'http://example.org/a?utm_source=x&a=1', '-H', 'Cookie: theme=hunter2', '-H', 'X-Api-Key: hunter2', '--memcached', '127.0.0.1:1'], { cwd: folder })
    expect(ran).toMatchObject({ exitCode: 0, err: '' })
    const steps = ['Request', 'Rules, in their order', 'Normalised', 'Key', 'What the app sees on a miss', 'In memcached now']
    expect(ran.out.split('\n').filter((line) => steps.includes(line))).toEqual(steps)
    expect(ran.out).toContain('utm_source=x dropped: ignored by utm_*')
    expect(ran.out).toContain('unknown: memcached 127.0.0.1:1')
    expect(ran.out).not.toContain('hunter2')
  })

  test('JSON has the same, and 3 is a bypass', async () => {
    writeFileSync(join(folder, 'samekey.json'), JSON.stringify({ ignore: ['/admin'] }))
    const ran = await runCli(['explain', 'http://example.org/admin', '--json'], { cwd: folder })
    expect(ran).toMatchObject({ exitCode: 3, err: '' })
    expect(JSON.parse(ran.out)).toMatchObject({ bypass: 'ignored', page: null, memcached: null })
  })

  test('control characters do not reach the terminal', async () => {
    const ran = await runCli(['explain', '/\u001b[2J', '--host', 'example.org'], { cwd: folder })
    expect(ran.out).toContain('/\\x1b[2J')
    expect(ran.out).not.toContain('\u001b')
  })
})
