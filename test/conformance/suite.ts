// The public suite as it is installed: its tests, its client, its server's handlers and its own reading of results.
// Nothing of it is patched or copied. Two layouts are known: the npm release and the project's repository.

import { existsSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

export type Kind = 'required' | 'optimal' | 'check'

export interface Test {
  id: string
  name: string
  /** Absent: required. */
  kind?: Kind
  /** Ids of tests without which this one says nothing. */
  depends_on?: string[]
  /** Needs a browser, which a proxy is not. */
  browser_only?: boolean
  /** The suite's client and server print what they see of it. */
  dump?: boolean
  requests: object[]
}

export interface Category {
  id: string
  name: string
  tests: Test[]
}

/** true, or the error's name (`Setup`, `Assertion`, …) and message. */
export type RawResult = true | [name: string, message: string]
export type Verdict = 'pass' | 'fail' | 'optional_fail' | 'yes' | 'no' | 'setup_fail' | 'dependency_fail' | 'retry' | 'harness_fail' | 'untested'
export type Handler = (path: string[], req: IncomingMessage, res: ServerResponse) => void

export interface Suite {
  categories: Category[]
  handlers: { config: Handler; test: Handler; state: Handler }
  /** Runs once in a process: the suite keeps its results in module state. */
  run(categories: Category[], baseUrl: string): Promise<Record<string, RawResult>>
  /** The suite's own: tests that a failed one makes meaningless do not count as passed. */
  verdict(id: string, results: Record<string, RawResult>): Verdict
}

/** A request without an answer is a failed test, not a run that never ends. */
const REQUEST_TIMEOUT_MS = 20_000

/** The suite's results are symbols for a terminal; these are their names in its source. */
const VERDICTS: Record<string, Verdict> = {
  '-': 'untested', '✅': 'pass', '⛔️': 'fail', '⚠️': 'optional_fail', Y: 'yes', N: 'no',
  '🔹': 'setup_fail', '⁉️': 'harness_fail', '⚪️': 'dependency_fail', '↻': 'retry'
}

/** `folder`: a checkout of the suite; without it the release that package.json names. */
export async function loadSuite(folder?: string): Promise<Suite> {
  const root = folder === undefined ? join(createRequire(import.meta.url).resolve('http-cache-tests/package.json'), '..') : resolve(folder)
  const isRepository = existsSync(join(root, 'test-engine'))
  const engine = isRepository ? join(root, 'test-engine') : root
  const load = (...path: string[]): Promise<any> => import(pathToFileURL(join(...path)).href)

  const categories: Category[] = (await load(root, 'tests', 'index.mjs')).default
  const { determineTestResult } = await load(engine, 'lib', isRepository ? 'results.mjs' : 'display.mjs')
  const { runTests, getResults } = await load(engine, 'client', 'runner.mjs')
  const handler = async (name: string): Promise<Handler> => (await load(engine, 'server', `handle-${name}.mjs`)).default
  return {
    categories: categories.map((category) => ({ ...category, tests: category.tests.filter((test) => test.browser_only !== true) })),
    handlers: { config: await handler('config'), test: await handler('test'), state: await handler('state') },
    async run(chosen, baseUrl) {
      await runTests(chosen, await fetchOf(root), false, baseUrl)
      return getResults()
    },
    verdict(id, results) {
      const [, , symbol] = determineTestResult(categories, id, results)
      const verdict = VERDICTS[symbol]
      if (verdict === undefined) throw new Error(`the suite gave ${JSON.stringify(symbol)} for ${id}, which is not known here`)
      return verdict
    }
  }
}

/** The client that the suite itself brings, else Node's. */
async function fetchOf(root: string): Promise<(url: string, init: object) => Promise<unknown>> {
  const require = createRequire(join(root, 'package.json'))
  try {
    const nodeFetch = require('node-fetch')
    return (url, init) => nodeFetch(url, { ...init, timeout: REQUEST_TIMEOUT_MS })
  } catch {
    return (url, init) => fetch(url, { signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS), ...init })
  }
}
