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
  /** Median CPU of the case by median CPU of what it is compared with. */
  ratio: number
  /** Quartiles of the ratios within the rounds: how far the machine lets this be known. */
  low: number
  high: number
}

export function compare(samples: Samples, id: string, against: string, of: 'workerCpu' | 'systemCpu' = 'workerCpu'): Ratio | null {
  const [own, other] = [samples[id] ?? [], samples[against] ?? []].map((each) => each.map((sample) => sample[of])) as [number[], number[]]
  if (own.length === 0 || other.length === 0) return null
  const ratios = own.map((value, round) => value / (other[round] as number))
  return { ratio: median(own) / median(other), low: quantile(ratios, 0.25), high: quantile(ratios, 0.75) }
}
