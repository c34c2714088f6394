// Rounds: each measures every case once, so that whatever else the machine does falls on all of them alike.
import type { Subject } from '../subjects/subject.js'
import { cpuNanoseconds, residentBytes } from './processes.js'
import { median, quantile } from './statistics.js'
import { runWrk, type Answered, type Load } from './wrk.js'

export interface Case extends Pick<Load, 'target' | 'targets'> {
  id: string
  subject: Subject
}

export interface Sample extends Answered {
  /** Microseconds a request, of the processes that answer. */
  workerCpu: number
  /** Microseconds a request, of these and of all that they may ask: memcached, the app. */
  systemCpu: number
  /** Of the system, afterwards. */
  residentBytes: number
}

export interface RoundOptions {
  rounds: number
  secondsEach: number
  connections: number
  log: (line: string) => void
}

/** The samples of each case by its id, in the order of the rounds. */
export type Samples = Record<string, Sample[]>

export async function measureRounds(cases: readonly Case[], { rounds, secondsEach, connections, log }: RoundOptions): Promise<Samples> {
  const samples: Samples = Object.fromEntries(cases.map(({ id }) => [id, []]))
  for (let round = 0; round < rounds; round++) {
    log(`round ${round + 1} of ${rounds}: ${cases.length} cases of ${secondsEach} s`)
    for (let i = 0; i < cases.length; i++) {
      // Each round begins elsewhere, so that no case is always the one after a heavy one.
      const each = cases[(i + round * 7) % cases.length] as Case
      const sample = await measureLoad(each.subject, { ...each, seconds: secondsEach, connections })
      ;(samples[each.id] as Sample[]).push(sample)
    }
  }
  return samples
}

/** One load by wrk, and what it took. */
export function measureLoad(subject: Subject, load: Omit<Load, 'port'>): Promise<Sample> {
  return measureCost(subject, () => runWrk({ ...load, port: subject.port }))
}

/** What a load took, whoever makes it. */
export async function measureCost(subject: Subject, work: () => Promise<Answered>): Promise<Sample> {
  const [workers, system] = [cpuNanoseconds(subject.workers), cpuNanoseconds(subject.system)]
  const answered = await work()
  const each = (nanoseconds: number) => nanoseconds / 1000 / answered.requests
  return {
    ...answered, workerCpu: each(cpuNanoseconds(subject.workers) - workers), systemCpu: each(cpuNanoseconds(subject.system) - system),
    residentBytes: residentBytes(subject.system)
  }
}

export interface Ratio {
  /** Median over the rounds of how much more CPU the case took than what it is compared with in the same round. */
  ratio: number
  /** Quartiles of the same: how far the machine lets it be known. */
  low: number
  high: number
}

export function compare(samples: Samples, id: string, against: string, of: 'workerCpu' | 'systemCpu' = 'workerCpu'): Ratio | null {
  const other = samples[against] ?? []
  const ratios = (samples[id] ?? []).map((sample, round) => sample[of] / (other[round]?.[of] ?? NaN))
  if (ratios.length === 0 || ratios.some(Number.isNaN)) return null
  return { ratio: median(ratios), low: quantile(ratios, 0.25), high: quantile(ratios, 0.75) }
}
