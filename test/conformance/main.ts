// npm run conformance: the public suite http-cache-tests against `samekey up` on each Nginx; exit code 1 when something
// fails that baseline.json does not name.

import { type ChildProcess, fork } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { suites, type Suite as DebianSuite } from '../support/rootfs.js'
import type { Outcome, RunOptions } from './one_run.js'
import { failuresOf, report, type Choices } from './report.js'

const USAGE = `npm run conformance -- [--suite LIST] [--engine njs|qjs] [--tests DIR] [--policy FILE] [--only ID] [--json FILE] [--record]
  --suite   whose Nginx: ${suites.join(', ')} (default: all of them)
  --engine  the JavaScript engine in Nginx (default njs; qjs with sid only)
  --tests   a checkout of http-tests/cache-tests instead of the npm release
  --policy  a policy instead of test/conformance/policy.json
  --only    one test by its id, with the requests and responses that both ends see
  --json    write the outcome of every test to a file
  --record  make this run the baseline`

/** Of one suite's edition, Nginx and engine: the ids of the required and optimal tests that are known to fail. */
type Baseline = Record<string, string[]>

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const readJson = <Value>(name: string, fallback: Value): Value => (existsSync(file(name)) ? JSON.parse(readFileSync(file(name), 'utf8')) : fallback)

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
  const { engine } = values
  if (engine !== 'njs' && engine !== 'qjs') throw new Error(`--engine: expected njs or qjs, got ${JSON.stringify(engine)}\n${USAGE}`)
  const choices = readJson<Choices>('choices.json', {})
  const baseline = readJson<Baseline>('baseline.json', {})
  const all: Record<string, Outcome[]> = {}
  let regressions = 0

  for (const debian of debianSuites(values.suite)) {
    const { tests, only, policy } = values
    const outcomes = await inProcess({ debian, engine, ...(tests && { tests }), ...(only && { only }), ...(policy && { policy }) })
    const name = `${tests === undefined ? 'release' : 'repository'} ${debian} ${engine}`
    all[name] = outcomes
    console.log(report(name, outcomes, choices))
    if (only !== undefined) continue
    const failed = failuresOf(outcomes).map(({ id }) => id)
    if (values.record) baseline[name] = failed.sort()
    const known = baseline[name]
    if (known === undefined) console.log(`${name}: no baseline; --record makes one\n`)
    const regressed = known === undefined ? [] : failed.filter((id) => !known.includes(id))
    const better = known?.filter((id) => !failed.includes(id)) ?? []
    if (better.length > 0) console.log(`better than the baseline: ${better.join(' ')}\n`)
    if (regressed.length > 0) console.log(`REGRESSED: ${regressed.join(' ')}\n`)
    regressions += regressed.length
  }
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(all, null, 2) + '\n')
  if (values.record) writeFileSync(file('baseline.json'), JSON.stringify(baseline, null, 2) + '\n')
  return regressions === 0 ? 0 : 1
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
    const child: ChildProcess = fork(file('one_run.ts'), { execArgv: ['--import', 'tsx'] })
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
