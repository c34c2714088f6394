// The command line of the benchmark: runs the workloads of an extent, prints the targets, leaves the JSON.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

import { engines } from '../test/support/engines.js'
import { curves } from './curves/curves.js'
import { Folder } from './machine/folder.js'
import { commitOf, describeMachine, loadOfMachine } from './machine/machine.js'
import { writeReport } from './report/report.js'
import type { Measured, Results, Workloads } from './results.js'
import { measureTargets } from './targets.js'
import { cluster } from './workloads/cluster.js'
import { crowd } from './workloads/crowd.js'
import { hotPage, PEERS_ENGINE } from './workloads/hot_page.js'
import { manyPages } from './workloads/many_pages.js'
import { memory } from './workloads/memory.js'
import { purgeStorm } from './workloads/purge_storm.js'
import { replay } from './workloads/replay.js'
import { writerLoop } from './workloads/writer_loop.js'

const USAGE = `npm run bench -- [--quick] [--only NAMES] [--rounds N] [--json FILE [--resume]] [--report]
  --quick    under 3 minutes: one Nginx (Debian 12), what the targets need
  --only     some workloads, with commas between them: hotPage manyPages replay crowd purgeStorm cluster memory writer curves
  --rounds   rounds of the interleaved workloads; default 5
  --json     where the results go, with every raw round; written after each workload
  --resume   keep the workloads that FILE has already, from a run that was ended early; the report says what is of another commit
  --report   write docs/benchmarks/ from the results of this run`

const root = fileURLToPath(new URL('..', import.meta.url))

type Log = (line: string) => void
type Run = { [Name in keyof Workloads]-?: (rounds: number, log: Log) => Promise<NonNullable<Workloads[Name]>> }

const ROUND = { secondsEach: 1, connections: 32 }

const quick: Partial<Run> = {
  hotPage: (rounds, log) => Folder.use((folder) => hotPage(folder, { ...ROUND, extent: 'quick', engines: [PEERS_ENGINE], rounds, log })),
  replay: (_, log) => replay({ requests: 12_000, pages: 1000, seed: 1, connections: 16, extent: 'quick', log }),
  crowd: (_, log) => crowd({ visitors: 2000, extent: 'quick', log }),
  memory: (_, log) => memory({ pages: 300, log }),
  writer: (rounds, log) => writerLoop({ rounds, log })
}

const full: Run = {
  hotPage: (rounds, log) => Folder.use((folder) => hotPage(folder, { ...ROUND, extent: 'full', engines, rounds, log })),
  manyPages: (rounds, log) => Folder.use((folder) => manyPages(folder, { ...ROUND, pages: 50_000, rounds, log })),
  replay: (_, log) => replay({ requests: 60_000, pages: 5000, seed: 1, connections: 16, extent: 'full', log }),
  crowd: async (_, log) => [...await crowd({ visitors: 2000, extent: 'full', log }), ...await crowd({ visitors: 10_000, extent: 'full', log })],
  purgeStorm: (_, log) => purgeStorm({ log }),
  cluster: (rounds, log) => cluster({ ...ROUND, rounds, log }),
  memory: (_, log) => memory({ pages: 1000, log }),
  writer: (rounds, log) => writerLoop({ rounds, log }),
  curves: (rounds, log) => curves({ ...ROUND, rounds, log })
}

/** 0 when every workload ran, whatever the targets say; 1 when one failed; 2 for a command line that cannot be read. */
export async function run(args: string[]): Promise<number> {
  const { values: options } = parseArgs({
    args, options: {
      quick: { type: 'boolean', default: false }, only: { type: 'string' }, rounds: { type: 'string', default: '5' }, json: { type: 'string' },
      resume: { type: 'boolean', default: false }, report: { type: 'boolean', default: false }, help: { type: 'boolean', default: false }
    }
  })
  const plan: Partial<Run> = options.quick ? quick : full
  const names = (options.only?.split(',') ?? Object.keys(plan)) as (keyof Workloads)[]
  const unknown = names.find((name) => plan[name] === undefined)
  const rounds = Number(options.rounds)
  if (options.help || unknown !== undefined || !(rounds >= 1) || (options.resume && options.json === undefined)) {
    console.log(unknown === undefined ? USAGE : `no workload ${unknown} here\n${USAGE}`)
    return options.help ? 0 : 2
  }
  const earlier = options.resume ? readEarlier(options.json as string) : null
  const results = earlier ?? await begin(options.quick ? 'quick' : 'full')
  await measure(results, plan, names, rounds, () => {
    if (options.json !== undefined) writeFileSync(options.json, JSON.stringify(results, null, 1) + '\n')
  })
  printTargets(results.targets)
  if (options.report) writeReport(results)
  return Object.keys(results.failures).length === 0 ? 0 : 1
}

async function begin(extent: Results['extent']): Promise<Results> {
  const load = loadOfMachine()
  return {
    samekey: { version: (JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { version: string }).version, commit: commitOf(root) },
    extent, began: new Date().toISOString(), seconds: 0, machine: await describeMachine(), load: { before: load, after: load }, targets: measureTargets({}), failures: {}, commits: {}, workloads: {}
  }
}

function readEarlier(file: string): Results | null {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) as Results : null
}

/** Adds to `results` what they do not have yet; `save` is called after each workload. */
async function measure(results: Results, plan: Partial<Run>, names: readonly (keyof Workloads)[], rounds: number, save: () => void): Promise<void> {
  const workloads = results.workloads as Record<string, unknown>
  const before = results.seconds
  const began = Date.now()
  const log: Log = (line) => console.error(`${String(Math.round((Date.now() - began) / 1000)).padStart(4)} s  ${line}`)
  for (const name of names) {
    if (workloads[name] !== undefined) continue
    delete results.failures[name]
    try {
      workloads[name] = await plan[name]?.(rounds, log)
      results.commits[name] = commitOf(root)
    } catch (error) {
      // What the others measured is kept.
      results.failures[name] = (error as Error).message
      log(`${name}: ${(error as Error).stack}`)
    }
    results.targets = measureTargets(results.workloads)
    results.seconds = before + Math.round((Date.now() - began) / 1000)
    results.load.after = loadOfMachine()
    save()
  }
}

function printTargets(targets: readonly Measured[]): void {
  for (const { what, value, target, met, spread, floor } of targets) {
    if (value === null) continue
    const notes = [...(spread === null ? [] : [`quartiles ${spread.map((each) => each.toFixed(2)).join(' to ')}`]), ...(floor === null ? [] : [`floor ${floor.toFixed(2)}`])]
    const around = notes.length === 0 ? '' : `  (${notes.join('; ')})`
    console.log(`${met === true ? '✓' : '✗'} ${value.toFixed(2).padStart(8)}  at most ${String(Number(target.toFixed(2))).padEnd(5)} ${what}${around}`)
  }
}
