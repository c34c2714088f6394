// Whoever can write to memcached chooses the text of a rule: each engine must read the same in it, or nothing.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { describe, expect, test } from 'vitest'
import { applySearchRule, parseSearchRule } from '../../njs/core/no_vary_search.js'
import { engines, runOnEngine } from '../support/engines.js'

const rules = [
  'SKN2 AbCdEfGhI-_0 sd\n', 'SKN2 AbCdEfGhI-_0 -k =a =\n', 'SKN2 AbCdEfGhI-_0 sd =c%20d =a\n', 'SKN2 AbCdEfGhI-_0 -d ==b\n',
  // A second line: in PCRE `$` is also before a last line break.
  'SKN2 AbCdEfGhI-_0 sd =a\n\n', 'SKN2 AbCdEfGhI-_0 sd =a\nx\n', '\nSKN2 AbCdEfGhI-_0 sd =a\n', 'SKN2 AbCdEfGhI-_0 sd =a\r\n', 'SKN2 AbCdEfGhI-_0 sd =a', 'SKN1 sd =a\n', 'SKN2 AbCdEfGhI-_ sd =a\n', '', 'SKN2 AbCdEfGhI-_0 sd  =a\n', 'SKN2 AbCdEfGhI-_0 sd =a \n', 'SKN2 AbCdEfGhI-_0 sd =\u00e4\n'
]
const targets = ['/p?b=1&a=2&a=1', '/p', '/p?', '/p?c+d=1&=2&&a', '/p?%61=1', '/p?c%20d=1&b=%2', '/p?%3Db=1']

/** What becomes of each target, or 'none'; one line for each rule. */
const expected = rules.map((text) => {
  const rule = parseSearchRule(text)
  return rule === null ? 'none' : [rule.token].concat(targets.map((target) => applySearchRule(target, rule))).join(' ')
})

const source = `
import { applySearchRule, parseSearchRule } from './no_vary_search.js'
const rules = ${JSON.stringify(rules)}
const targets = ${JSON.stringify(targets)}
rules.forEach((text) => {
  const rule = parseSearchRule(text)
  console.log(rule === null ? 'none' : [rule.token].concat(targets.map((target) => applySearchRule(target, rule))).join(' '))
})`

describe.each(engines)('$id', ({ id }) => {
  test('reads the same rules and applies them alike', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'samekey-rule-'))
    try {
      const stdin = { contents: source, resolveDir: fileURLToPath(new URL('../../njs/core', import.meta.url)), loader: 'js' as const }
      const built = await build({ stdin, bundle: true, format: 'iife', target: 'es2017', charset: 'ascii', write: false })
      await writeFile(join(folder, 'main.js'), (built.outputFiles[0] as { text: string }).text)
      const { stdout, stderr, code } = await runOnEngine(id, folder, 'main.js')
      expect(stderr + code).toBe('0')
      expect(stdout.trimEnd().split('\n')).toEqual(expected)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
})

test('four of them are rules', () => expect(expected.filter((line) => line !== 'none')).toHaveLength(4))
