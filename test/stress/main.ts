// npm run stress: purges that never lose, and a crowd that costs one render, on real Nginx, memcached and app processes.

import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { startTestRun } from '../support/docker_engine.js'
import { breaks } from './breaks.js'
import { crowd, type CrowdOptions, type CrowdReport } from './crowd.js'
import { oracleRun, type OracleReport } from './oracle_run.js'
import { PAGE_SETS, type PageSetName } from './page_sets.js'
import { runSchedules, type SchedulesReport } from './schedule_runs.js'

const NAMES = ['schedules', 'oracle', 'crowd', 'leaders'] as const
type Name = (typeof NAMES)[number]

const usage = `npm run stress [-- OPTIONS]
  --only NAME     one of ${NAMES.join(', ')} (default: all)
  --seed N        the same seed makes the same choices (default: another one each time, printed)
  --pages NAME    of the oracle run: ${Object.keys(PAGE_SETS).join(', ')} (default mixed)
  --reads N       of the oracle run (default 1000000)
  --purges N      of the oracle run (default 10000)
  --accidents N   restarts, kills and losses in the oracle run (default 60)
  --break ID      the oracle run with a mistake in the writer; it must find stale reads: ${breaks.map(({ id }) => id).join(', ')}
  --schedules N   orders of commands, of each sort (default 1000)
  --crowd N       visitors at once (default 2000)
  --json FILE     all figures`

const { values } = parseArgs({
  options: {
    only: { type: 'string' }, seed: { type: 'string' }, pages: { type: 'string', default: 'mixed' }, reads: { type: 'string', default: '1000000' }, purges: { type: 'string', default: '10000' },
    accidents: { type: 'string', default: '60' }, break: { type: 'string' }, crowd: { type: 'string', default: '2000' },
    schedules: { type: 'string', default: '1000' }, json: { type: 'string' },
    help: { type: 'boolean', default: false }
  }
})

const number = (count: number): string => count.toLocaleString('en')
const counts = (of: Record<string, number>): string => Object.entries(of).map(([name, count]) => `${number(count)} ${name}`).join(', ') || 'none'

function wholeNumber(name: 'seed' | 'reads' | 'purges' | 'accidents' | 'crowd' | 'schedules', text: string): number {
  if (!/^[0-9]{1,9}$/.test(text)) throw new TypeError(`--${name}: expected a whole number, got ${JSON.stringify(text)}\n${usage}`)
  return Number(text)
}

function chosen(): readonly Name[] {
  if (values.only === undefined) return values.break === undefined ? NAMES : ['oracle']
  const name = NAMES.find((each) => each === values.only)
  if (name === undefined) throw new TypeError(`--only: expected one of ${NAMES.join(', ')}, got ${JSON.stringify(values.only)}`)
  return [name]
}

async function main(): Promise<number> {
  if (values.help) return console.log(usage), 0
  const seed = values.seed === undefined ? Math.floor(Math.random() * 1e9) : wholeNumber('seed', values.seed)
  const names = chosen()
  const report: Record<string, unknown> = { seed }
  console.log(`seed ${seed}`)
  const scenarios: Record<Name, () => Promise<boolean>> = {
    schedules: async () => schedulesHeld(report['schedules'] = await runSchedules(seed, wholeNumber('schedules', values.schedules), console.log)),
    oracle: async () => oracleHeld(report['oracle'] = await runOracle(seed)),
    crowd: async () => crowdsHeld(report['crowd'] = await runCrowds(seed, [{ apps: 1, ending: 'stored' }, { apps: 4, ending: 'stored' }])),
    leaders: async () => crowdsHeld(report['leaders'] = await runCrowds(seed, LEADERS))
  }
  let held = true
  for (const name of names) held = (await scenarios[name]()) && held
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(report, null, 2) + '\n')
  return held ? 0 : 1
}

// ---------------------------------------------------------------------------------------------------------- oracle run

function runOracle(seed: number): Promise<OracleReport> {
  const broken = values.break === undefined ? undefined : breaks.find(({ id }) => id === values.break)
  if (values.break !== undefined && broken === undefined) throw new TypeError(`--break: expected one of ${breaks.map(({ id }) => id).join(', ')}, got ${JSON.stringify(values.break)}`)
  if (broken !== undefined) console.log(`with a mistake in ${broken.file}: ${broken.because}`)
  return oracleRun({
    seed, pages: pageSet(values.pages), reads: wholeNumber('reads', values.reads), purges: wholeNumber('purges', values.purges), accidents: wholeNumber('accidents', values.accidents),
    nodes: ['njs-0.7.9', 'njs-0.8.9'], apps: 3, visitors: 24, ...(broken === undefined ? {} : { broken }),
    progress: (line) => { if (process.stderr.isTTY) process.stderr.write(`\r${line} `) }
  })
}

function pageSet(name: string): PageSetName {
  if (name in PAGE_SETS) return name as PageSetName
  throw new TypeError(`--pages: expected one of ${Object.keys(PAGE_SETS).join(', ')}, got ${JSON.stringify(name)}`)
}

function oracleHeld(report: OracleReport): boolean {
  if (process.stderr.isTTY) process.stderr.write('\r')
  console.log(`
oracle, ${values.pages} pages: 2 Nginx nodes, 3 app processes, 2 memcached, ${report.seconds.toFixed(0)} s
reads           ${number(report.reads)}, of them hits ${((100 * report.hits) / report.reads).toFixed(1)} %; renders ${number(report.renders)}
purges          ${counts(report.purges)}; repeated until acknowledged ${number(report.repeated)}; ${number(report.acknowledgedPosts)} of POST acknowledged
accidents       ${counts(report.accidents)}; single items taken away ${number(report.losses)}
evictions       ${number(report.evictions)}, seen: ${counts(report.evicted)}
without a page  ${counts(report.failed)}
wrong pages     ${report.wrong.length}
bans obeyed     ${report.latestMs.toFixed(0)} ms after they were acknowledged, at the latest
stale reads     ${number(report.staleReads)}`)
  for (const line of report.wrong.slice(0, 5)) console.log(`  ${line}`)
  for (const read of report.stale.slice(0, 5)) {
    const after = (read.began - read.purge.acknowledged).toFixed(1)
    console.log(`  ${read.page.target} ${read.form} from node ${read.node + 1}: version ${read.version}, but a purge of ${read.purge.cover.kind} (${read.purge.by}) ` +
      `made it ${read.expected}, ${after} ms before the read began; ${read.cacheStatus}`)
  }
  return report.staleReads === 0 && report.wrong.length === 0
}

function schedulesHeld(reports: SchedulesReport[]): boolean {
  return reports.every(({ broken }) => broken.length === 0)
}

// -------------------------------------------------------------------------------------------------------------- crowds

const LEADERS = (['dies', 'hangs', 'error', 'uncacheable'] as const).map((ending) => ({ apps: 4, ending, visitors: 200 }))

type Crowd = Pick<CrowdOptions, 'apps' | 'ending'> & { visitors?: number }

async function runCrowds(seed: number, crowds: readonly Crowd[]): Promise<CrowdReport[]> {
  const reports: CrowdReport[] = []
  console.log('\nvisitors at once  processes  its render    renders  answered  median     99 %  slowest')
  for (const each of crowds) {
    const report = await crowd({ seed, node: 'njs-0.7.9', renderMs: 1000, visitors: wholeNumber('crowd', values.crowd), ...each })
    reports.push(report)
    console.log([
      number(report.visitors).padStart(16), String(report.apps).padStart(9), report.ending.padEnd(12), number(report.renders).padStart(8), counts(report.answers).padStart(9),
      ...[report.median, report.p99, report.slowest].map((ms) => `${ms} ms`.padStart(8))
    ].join('  '))
  }
  return reports
}

function crowdsHeld(reports: CrowdReport[]): boolean {
  return reports.every(({ ending, renders, answers, visitors }) => ending !== 'stored' || (renders === 1 && answers['200'] === visitors))
}

// ----------------------------------------------------------------------------------------------------------------- run

// A folder that is removed also when this process is killed; the servers end with it as well.
const run = await startTestRun({ containers: false })
Object.assign(process.env, run.environment)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
try {
  process.exitCode = await main()
} catch (error) {
  console.error(`stress: ${(error as Error).message}`)
  process.exitCode = error instanceof TypeError ? 2 : 1
} finally {
  await run.stop()
}
