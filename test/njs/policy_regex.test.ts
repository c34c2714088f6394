// Whatever the portable grammar accepts means the same in every engine: V8's answers beside the real engines', for
// the constructs that people write, for random patterns, and for texts that make an engine try everything.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sessionCookieRegex } from '../../node-writer/policy/globs.js'
import { loadPolicy } from '../../node-writer/policy/load.js'
import { policyModuleSource } from '../../node-writer/policy/module_source.js'
import { anchoredRegex, parsePattern, RegexProblem, searchingRegex } from '../../node-writer/policy/regex.js'
import type { PolicyDocument } from '../../node-writer/policy/types.js'
import { engines, runOnEngine } from '../support/engines.js'
import { patternsFrom, randomFrom, slowTexts, soupFrom } from '../unit/policy_random_patterns.js'

const CONSTRUCTS = [
  'a', '^/a', '/a|/b', '/(a|b)c', '/(?:a|b)*c', '/[abc]', '/[^abc]', '/[a-z0-9]+$', '/[^/]+/edit', '.*\\.php$', '.', '/.$', '/a?b', '/a??b', '/a+?b', '/a{2}', '/a{2,}', '/a{1,3}b',
  '\\d', '\\D', '\\w', '\\W', '\\s', '\\S', '/a\\b', '/a\\B', '\\ba', '\\B/', '[\\d]', '[^\\d]', '[\\w]', '[^\\w]', '[\\W]', '[^\\W]', '[\\s]', '[^\\s]', '[\\D\\d]', '[\\w.]', '[\\w-]', '[-\\w]', '[\\d\\w]', '[^\\d/]',
  '[-a]', '[a-]', '[^-a]', '[a\\-z]', '[+--]', '[!-~]', '[ -~]', '[#-%]', '[,-.]', '[Z-a]', '[^Z-a]', '[A-z]', '[_-z]', '[@-Z]', '[\\.-a]', '[!-\\/]', '[\\--\\/]', '[a^]', '[\\^a]', '[\\]a]', '[\\[a]', '[^\\]]', '[.*+?(){}|$/]',
  '[\\\\]', '\\\\', '[/]', '/[/]', '\\/', '["\'`]', '["\'`<>]', '[&&a]', '[a&&b]', '[a~~b]', '[a||b]', '[a:]', '[:a]', '[.]', '[a..]', '[=a]', '[^:a:]',
  ...[...'!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~'].map((character) => '\\' + character), ...[...'!"#%&\',-/:;<=>@_`~ '],
  '/x(?:/|$)', '(?:a$|b)', '/a$|/b', '/(?:|b)c', '(?:a|b|)c', '/(a(b)?)+c', '(?:/[a-z]+)*/x', '(?:ab){2}', '(?:a|b){2,3}c', '(?:ab?)*$', 'k', 's', '[k-s]', '[^k]', 'K', 'i', '\\?', '\\?(?:[^&]*&)*a=', '%2F', '/caf%C3%A9'
]

const PRINTABLE = Array.from({ length: 95 }, (_, index) => String.fromCharCode(0x20 + index))

function textsFrom(seed: number): string[] {
  const random = randomFrom(seed)
  return [
    '', ...PRINTABLE, ...PRINTABLE.map((character) => '/' + character), ...PRINTABLE.map((character) => `/a${character}b`),
    '/a', '/ab', '/aab', '/aaab', '/abc', '/ac', '/bc', '/a/b', '/a/b/x', '/x', '/x/', '/xy', '/7/edit/9', '/a.php', '/a.PHP?x', '/a?b=1&a=2', '/caf%C3%A9', '/caf%c3%a9', 'ab', 'abab', 'aba', 'bac',
    ...slowTexts(random, 12, 150), ...slowTexts(random, 48, 50)
  ]
}

/** What the accepted ones of these compile to, each from the start and anywhere, with both cases. */
function compiled(patterns: string[], maxLength: number): RegExp[] {
  return patterns.flatMap((pattern) => [true, false].flatMap((anchored) => [true, false].flatMap((caseSensitive) => {
    try {
      const parsed = parsePattern({ pattern, caseSensitive }, { maxLength, anchored, mayBeEmpty: true })
      return [anchored ? anchoredRegex([parsed]) : searchingRegex(parsed)]
    } catch (error) {
      if (error instanceof RegexProblem) return []
      throw error
    }
  })))
}

// The module is written by the code that writes Nginx's, and so are its regex literals.
const RUNNER = `import fs from 'fs'
import policy from 'samekey_policy.js'
var texts = JSON.parse(fs.readFileSync('texts.json', 'utf8'))
var ignore = policy().ignore
for (var i = 0; i < ignore.length; i++) {
  var line = ''
  for (var j = 0; j < texts.length; j++) line += ignore[i].test(texts[j]) ? '1' : '0'
  console.log(line)
}
`

let folder = ''
beforeAll(() => { folder = mkdtempSync(join(tmpdir(), 'samekey-regex-')) })
afterAll(() => rmSync(folder, { recursive: true }))

/** `regex on text` for every answer that differs from V8's. */
async function differences(engine: (typeof engines)[number]['id'], regexes: RegExp[], texts: string[]): Promise<string[]> {
  writeFileSync(join(folder, 'samekey_policy.js'), policyModuleSource({ ...loadPolicy({}), ignore: regexes }))
  writeFileSync(join(folder, 'texts.json'), JSON.stringify(texts))
  writeFileSync(join(folder, 'runner.js'), RUNNER)
  const { stdout, stderr, code } = await runOnEngine(engine, folder, 'runner.js')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const lines = stdout.split('\n')
  expect(lines).toHaveLength(regexes.length)
  return regexes.flatMap((regex, index) => texts.flatMap((text, at) => ((lines[index] as string).charAt(at) === (regex.test(text) ? '1' : '0') ? [] : [`${regex} on ${JSON.stringify(text)}`])))
}

describe.each(engines)('$id', ({ id }) => {
  test('the constructs that people write', async () => {
    const regexes = compiled(CONSTRUCTS, 48)
    expect(new Set(regexes.map((regex) => regex.source)).size).toBeGreaterThan(CONSTRUCTS.length)
    expect(await differences(id, regexes, textsFrom(1))).toEqual([])
  })

  test('random patterns', async () => {
    const regexes = compiled([...patternsFrom(7, 400)].map(({ pattern }) => pattern), 48)
    expect(regexes.length).toBeGreaterThan(300)
    expect(await differences(id, regexes, textsFrom(2))).toEqual([])
  })

  test('whatever is accepted of random characters', async () => {
    const regexes = compiled([...soupFrom(11, 600)], 48)
    expect(regexes.length).toBeGreaterThan(200)
    expect(await differences(id, regexes, textsFrom(4))).toEqual([])
  })

  test('long texts: no engine gives up on an accepted pattern', async () => {
    const patterns = ['/[^/]+/edit/[^/]+$', '.*\\.php$', '(?:/[a-z]+)*/x', '.*\\.(?:jpg|jpeg|gif|png|css|js)$', '.*/edit/.*', '(?:[^&]*&)*print=1', '/(?:[^/]*/){0,5}x', ...[...patternsFrom(9, 300)].map(({ pattern }) => pattern)]
    const texts = [...slowTexts(randomFrom(3), 8000, 25), ...['/', '.', '/a', '.ph', '.jpe', '/edi', 'a&', 'print'].map((word) => word.repeat(8000).slice(0, 8000))]
    expect(await differences(id, compiled(patterns, 8000), texts)).toEqual([])
  })

  test('what telling devices apart costs at most: a field full of starts', async () => {
    const texts = ['Android', 'AndroidM', 'Android Mobil', 'Windows', 'WindowsPhon'].map((word) => word.repeat(200).slice(0, 1024))
    expect(await differences(id, compiled(['Android.*Mobile', 'Windows.*Phone', 'Mobile|iPhone|Android'], 1024), texts)).toEqual([])
  })

  test('the lists of a policy: sessions, arguments, hosts', async () => {
    const document: PolicyDocument = { hosts: ['example.org', '*.example.net', '[::1]:8080'], query: { ignore: ['my name', 'caf\u00e9', 'a/b', 'x]*'] }, cookies: { session: ['*x*', 'a|b', '^y'], except: ['ex'] } }
    const policy = loadPolicy(document)
    const regexes = [policy.hosts, policy.query.drop, policy.sessionCookie, loadPolicy({ query: { only: [] } }).query.keep, sessionCookieRegex(['*s'], ['as'])].filter((regex) => regex !== null)
    const texts = ['example.org', 'a.example.net', '[::1]:8080', 'my%20name', 'caf%C3%A9', 'a/b', 'x]y', 'utm_source', 'gclid', 'PHPSESSID=1', 'a=1; sid=2', 'csrftoken=1', ' as =1; bs', 'ex=1', 'a|b=1', '^y', '', ...PRINTABLE,
      ...[';', '; ', ' ', 's', '; s', 'sess'].map((word) => word.repeat(8000).slice(0, 8000)), ...[...slowTexts(randomFrom(5), 40, 40)].map((text) => text.replaceAll('a', '; s').replaceAll('/', '='))]
    expect(await differences(id, regexes, texts)).toEqual([])
  })
})
