// Many schedules on the real parts, for a person with a few minutes; test/integration/stress_schedules.test.ts has the few.

import { seeded } from '../fuzz/random.js'
import type { PurgeKind as ModelPurge, Size } from '../model/protocol.js'
import { everyOrder, follow, interleave, walk, type Cast, type Outcome } from './schedules.js'
import { SteppedSite, type PurgeKind } from './stepped_site.js'

export interface SchedulesReport {
  what: string
  schedules: number
  /** Every order that there is was tried. */
  all: boolean
  /** The first that broke a promise. */
  broken: (Outcome & { seed?: number })[]
}

const KINDS: readonly PurgeKind[] = ['url', 'tag', 'prefix', 'pattern', 'all']

/** At most `limit` of each sort. */
export async function runSchedules(seed: number, limit: number, tell: (line: string) => void): Promise<SchedulesReport[]> {
  const site = await SteppedSite.start()
  const reports: SchedulesReport[] = []
  const keep = (report: SchedulesReport): void => {
    reports.push(report)
    tell(`${report.schedules.toLocaleString('en').padStart(8)} ${report.all ? 'are all orders' : 'orders'} of ${report.what}: ${report.broken.length === 0 ? 'every promise kept' : 'BROKEN'}`)
    for (const { trace, broken, seed: own } of report.broken.slice(0, 1)) tell(`  ${broken}${own === undefined ? '' : `, seed ${own}`}\n    ${trace.join('\n    ')}`)
  }
  try {
    tell('')
    for (const visits of [[0], [0, 1]]) {
      for (const purge of KINDS) keep(await orders(site, { visits, purge }, limit))
    }
    for (const purge of KINDS) keep(await byChance(site, { visits: [0, 1, 2], purge }, seed, limit))
    for (const kind of ['tag', 'all'] as const) keep(await walks(site, ['url', kind], seed, limit))
  } finally {
    await site.stop()
  }
  const raw = await SteppedSite.start('raw')
  try {
    for (const visits of [[0], [0, 1]]) keep(await orders(raw, { visits, purge: 'url' }, limit, 'raw mode: '))
    keep(await byChance(raw, { visits: [0, 1, 2], purge: 'url' }, seed, limit, 'raw mode: '))
    return reports
  } finally {
    await raw.stop()
  }
}

async function orders(site: SteppedSite, cast: Cast, limit: number, mode = ''): Promise<SchedulesReport> {
  const broken: Outcome[] = []
  const { schedules, all } = await everyOrder(limit, async (decide) => {
    const outcome = await interleave(site, cast, decide)
    if (outcome.broken !== '') broken.push(outcome)
  })
  return { what: mode + nameOf(cast), schedules, all, broken }
}

async function byChance(site: SteppedSite, cast: Cast, seed: number, schedules: number, mode = ''): Promise<SchedulesReport> {
  const broken: SchedulesReport['broken'] = []
  for (let i = 0; i < schedules; i++) {
    const random = seeded(seed + i)
    const outcome = await interleave(site, cast, (choices) => random.below(choices))
    if (outcome.broken !== '') broken.push({ ...outcome, seed: seed + i })
  }
  return { what: `${mode}${nameOf(cast)}, by chance`, schedules, all: false, broken }
}

async function walks(site: SteppedSite, purges: ModelPurge[], seed: number, schedules: number): Promise<SchedulesReport> {
  const broken: SchedulesReport['broken'] = []
  const size: Size = { processes: 3, nodes: 2, purges }
  for (let i = 0; i < schedules; i++) {
    const outcome = await follow(site, walk(size, 40, seeded(seed + i)))
    if (outcome.broken !== '') broken.push({ ...outcome, seed: seed + i })
  }
  return { what: `40 steps of the model, with purges of ${purges.join(' and ')}`, schedules, all: false, broken }
}

function nameOf({ visits, purge }: Cast): string {
  return `${visits.length === 1 ? 'a visit' : `${visits.length} visits`} and a purge of ${purge}`
}
