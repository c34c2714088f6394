// Rounds: each measures every case once, so that whatever else the machine does falls on all of them alike. Each begins
// with another case, because the first one after a pause is at a disadvantage.
import type { Subject } from '../subjects/subject.js'
import type { Page } from '../pages.js'
import { HOST } from '../pages.js'
import { cpuNanoseconds } from './cpu.js'
import { median, quantile } from './statistics.js'
import { runWrk, type Answered } from './wrk.js'

export interface Case {
  id: string
  subject: Subject
  page: Page
  /** The id of the case that this one is compared with. */
  against?: string
}

export interface Sample extends Answered {
  /** Of the subject's workers. */
  cpuMicrosecondsPerRequest: number
}

export interface RoundOptions {
  rounds: number
  secondsEach: number
  connections: number
  log?: (line: string) => void
}

/** The samples of each case by its id, in the order of the rounds. */
export type Samples = Record<string, Sample[]>

export async function measureRounds(cases: readonly Case[], { rounds, secondsEach, connections, log }: RoundOptions): Promise<Samples> {
  const samples: Samples = Object.fromEntries(cases.map(({ id }) => [id, []]))
  for (let round = 0; round < rounds; round++) {
    log?.(`round ${round + 1} of ${rounds}`)
    for (let i = 0; i < cases.length; i++) {
      const each = cases[(i + round * 7) % cases.length] as Case
      ;(samples[each.id] as Sample[]).push(await measure(each, secondsEach, connections))
    }
  }
  return samples
}

async function measure({ subject, page }: Case, seconds: number, connections: number): Promise<Sample> {
  const before = cpuNanoseconds(subject.pids)
  const answered = await runWrk({ url: `http://127.0.0.1:${subject.port}${page.target}`, seconds, connections, headers: { Host: HOST } })
  const cpu = cpuNanoseconds(subject.pids) - before
  return { ...answered, cpuMicrosecondsPerRequest: cpu / 1000 / answered.requests }
}

export interface Ratio {
  /** Median CPU of the case by median CPU of what it is compared with. */
  ratio: number
  /** Quartiles of the ratios within the rounds: how far the machine lets this be known. */
  low: number
  high: number
}

export function compare(samples: Samples, id: string, against: string): Ratio {
  const own = cpuOf(samples, id)
  const other = cpuOf(samples, against)
  const ratios = own.map((value, round) => value / (other[round] as number))
  return { ratio: median(own) / median(other), low: quantile(ratios, 0.25), high: quantile(ratios, 0.75) }
}

export function cpuOf(samples: Samples, id: string): number[] {
  return (samples[id] ?? []).map(({ cpuMicrosecondsPerRequest }) => cpuMicrosecondsPerRequest)
}
