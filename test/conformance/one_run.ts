// The suite once, against `samekey up` with one Nginx: a process of its own, because the suite keeps its results in
// module state. Started by main.ts; sends one message with the outcome of every test.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { catchSignals } from '../../cli/signals.js'
import { startStack } from '../../cli/stack.js'
import { loadPolicy } from '../../node-writer/policy/load.js'
import type { Suite as DebianSuite } from '../support/rootfs.js'
import { startOrigin } from './origin.js'
import { programsOf } from '../support/programs.js'
import { loadSuite, type Category, type Kind, type Suite, type Verdict } from './suite.js'

export interface RunOptions {
  debian: DebianSuite
  engine: 'njs' | 'qjs'
  /** A checkout of the suite instead of the release. */
  tests?: string
  /** Only this test, and what both ends see of it. */
  only?: string
  /** A policy file instead of the one here. */
  policy?: string
}

export interface Outcome {
  id: string
  category: string
  kind: Kind
  name: string
  verdict: Verdict
  /** What the suite says of a test that did not pass; '' for others. */
  seen: string
}

const POLICY_FILE = fileURLToPath(new URL('policy.json', import.meta.url))

export async function oneRun(options: RunOptions): Promise<Outcome[]> {
  const suite = await loadSuite(options.tests)
  const chosen = options.only === undefined ? suite.categories : onlyTest(suite, options.only)
  const closers: (() => unknown)[] = []
  const signals = catchSignals()
  try {
    const origin = await startOrigin(suite)
    closers.push(() => origin.close())
    const folder = mkdtempSync(join(tmpdir(), 'samekey-conformance-'))
    closers.push(() => rmSync(folder, { recursive: true, force: true }))
    const stack = await startStack({
      origin: origin.url,
      listen: { host: '127.0.0.1', port: 0 },
      policy: loadPolicy(options.policy ?? POLICY_FILE),
      programs: await programsOf(options.debian, folder),
      engine: options.engine,
      onNginxError: (line) => process.stderr.write(`nginx: ${line}\n`),
      onOriginChange: () => {},
      interrupted: signals.first
    })
    closers.push(() => stack.stop())
    stack.sidecar.cache.on('error', ({ operation, key, error }) => process.stderr.write(`memcached ${operation} ${key}: ${error.message}\n`))
    stack.sidecar.cache.on('drift', ({ url, nginxKey, writerKey }) => process.stderr.write(`drift ${url}: ${nginxKey} ${writerKey}\n`))
    const ended = Promise.race([stack.failed, signals.first.then(() => 'interrupted')]).then((why) => { throw new Error(why) })
    const results = await Promise.race([suite.run(chosen, stack.url), ended])
    return chosen.flatMap(({ id: category, tests }) => tests.map(({ id, name, kind = 'required' }) => {
      const result = results[id]
      return { id, category, kind, name, verdict: suite.verdict(id, results), seen: result === undefined || result === true ? '' : result.join(': ') }
    }))
  } finally {
    for (const close of closers.reverse()) await close()
    signals.release()
  }
}

/** Its dependencies too: without them the suite cannot read its result. */
function onlyTest({ categories }: Suite, id: string): Category[] {
  const all = categories.flatMap(({ tests }) => tests)
  const wanted = new Set<string>()
  const want = (each: string): void => {
    const test = all.find((candidate) => candidate.id === each)
    if (test === undefined) throw new Error(`the suite has no test ${JSON.stringify(each)}`)
    if (wanted.has(each)) return
    wanted.add(each)
    test.depends_on?.forEach(want)
  }
  want(id)
  const test = all.find((candidate) => candidate.id === id)
  if (test !== undefined) test.dump = true
  return categories.map((category) => ({ ...category, tests: category.tests.filter((each) => wanted.has(each.id)) })).filter(({ tests }) => tests.length > 0)
}

if (process.send !== undefined) {
  const tell = (message: object): void => void process.send?.(message, undefined, undefined, () => process.exit())
  process.once('message', (options: RunOptions) => oneRun(options).then((outcomes) => tell({ outcomes }), (error: Error) => tell({ error: error.message })))
}
