// npm run conformance: the public suite http-cache-tests against `samekey up` on each Nginx; exit code 1 when something
// fails that baseline.json does not name.

import { type ChildProcess, fork } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { suites, type Suite as DebianSuite } from '../support/rootfs.js'
import { type Baseline, readBaseline, writeBaseline } from './baseline.js'
import { readChoices } from './choices.js'
import type { Outcome, RunOptions } from './one_run.js'
import { failuresOf, report, score } from './report.js'

const USAGE = `npm run conformance -- [--suite LIST] [--engine njs|qjs] [--tests DIR] [--policy FILE] [--only ID] [--json FILE] [--record]
  --suite   whose Nginx: ${suites.join(', ')} (default: all of them)
  --engine  the JavaScript engine in Nginx (default njs; qjs with sid only)
  --tests   a checkout of http-tests/cache-tests instead of the npm release
  --policy  a policy instead of test/conformance/policy.json
  --only    one test by its id, with the requests and responses that both ends see
  --json    write the outcome of every test to a file
  --record  make this run the baseline; then \`npx tsx test/conformance/document.ts\``

async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      suite: { type: 'string', default: suites.join(',') }, engine: { type: 'string', default: 'njs' }, tests: { type: 'string' }, policy: { type: 'string' },
      only: { type: 'string' }, json: { type: 'string' }, record: { type: 'boolean', default: false }, help: { type: 'boolean', default: false }
    }
  })
  if (values.help) {
    console.log(USAGE)
    return 0
  }
  const { engine, tests, only, policy } = values
  if (engine !== 'njs' && engine !== 'qjs') throw new Error(`--engine: expected njs or qjs, got ${JSON.stringify(engine)}\n${USAGE}`)
  const choices = readChoices()
  const baseline = readBaseline()
  const all: Record<string, Outcome[]> = {}
  let regressions = 0
  for (const debian of debianSuites(values.suite)) {
    const outcomes = await inProcess({ debian, engine, ...(tests && { tests }), ...(only && { only }), ...(policy && { policy }) })
    const name = [tests === undefined ? 'release' : 'repository', debian, engine, ...(policy === undefined ? [] : [basename(policy, '.json')])].join(' ')
    all[name] = outcomes
    console.log(report(name, outcomes, choices))
    if (only !== undefined) continue
    if (values.record) record(baseline, name, outcomes)
    else regressions += compare(baseline, name, outcomes)
  }
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(all, null, 2) + '\n')
  if (values.record) writeBaseline(baseline)
  return regressions === 0 ? 0 : 1
}

function record(baseline: Baseline, name: string, outcomes: Outcome[]): void {
  const scores = { required: score(outcomes, 'required'), optimal: score(outcomes, 'optimal'), check: score(outcomes, 'check') }
  baseline[name] = { date: new Date().toISOString().slice(0, 10), ...scores, failed: failuresOf(outcomes).map(({ id }) => id).sort() }
}

/** How many tests fail that did not; none when nothing is recorded. */
function compare(baseline: Baseline, name: string, outcomes: Outcome[]): number {
  const failed = failuresOf(outcomes).map(({ id }) => id)
  const known = baseline[name]?.failed
  if (known === undefined) {
    console.log(`${name}: nothing is recorded to compare it with; --record does\n`)
    return 0
  }
  const regressed = failed.filter((id) => !known.includes(id))
  const better = known.filter((id) => !failed.includes(id))
  if (better.length > 0) console.log(`better than recorded: ${better.join(' ')}\n`)
  if (regressed.length > 0) console.log(`REGRESSED: ${regressed.join(' ')}\n`)
  return regressed.length
}

function debianSuites(list: string): DebianSuite[] {
  return list.split(',').map((name) => {
    const suite = suites.find((each) => each === name)
    if (suite === undefined) throw new Error(`--suite: expected ${suites.join(', ')}, got ${JSON.stringify(name)}\n${USAGE}`)
    return suite
  })
}

/** Ctrl-C reaches it too, by the terminal or by us; it takes down what it started before it ends. */
function inProcess(options: RunOptions): Promise<Outcome[]> {
  return new Promise((resolve, reject) => {
    const child: ChildProcess = fork(fileURLToPath(new URL('one_run.ts', import.meta.url)), { execArgv: ['--import', 'tsx'] })
    const end = (): void => void child.kill('SIGTERM')
    process.once('SIGTERM', end)
    process.once('SIGINT', () => {})
    child.send(options)
    child.on('message', ({ outcomes, error }: { outcomes?: Outcome[]; error?: string }) => (outcomes === undefined ? reject(new Error(error)) : resolve(outcomes)))
    child.on('exit', (code, signal) => {
      process.off('SIGTERM', end)
      reject(new Error(`the run ended without results (${signal ?? `exit code ${code}`})`))
    })
  })
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: Error) => {
    console.error(`conformance: ${error.message}`)
    process.exit(2)
  }
)
