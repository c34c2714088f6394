// How a cost grows with one quantity: every point is a case, and all points of a curve take turns.
import type { Folder } from '../machine/folder.js'
import { measureRounds, type RoundOptions } from '../machine/rounds.js'
import type { Load } from '../machine/wrk.js'
import type { Subject } from '../subjects/subject.js'

export interface Point {
  x: number
  /** Microseconds a request, a value a round: of Nginx's worker, and of memcached and it together. */
  workerCpu: number[]
  systemCpu: number[]
}

export interface Curve {
  id: string
  /** What grows, with its unit. */
  axis: string
  points: Point[]
}

/** A point that is ready to be measured: the page is a hit. */
export interface Prepared extends Pick<Load, 'target' | 'targets'> {
  x: number
  subject: Subject
}

export interface CurvePlan extends Omit<Curve, 'points'> {
  prepare(folder: Folder): Promise<Prepared[]>
}

export async function measureCurve(folder: Folder, { id, axis, prepare }: CurvePlan, options: RoundOptions): Promise<Curve> {
  options.log(`curve: ${id}`)
  const prepared = await prepare(folder)
  const samples = await measureRounds(prepared.map(({ x, ...load }) => ({ ...load, id: String(x) })), options)
  const points = prepared.map(({ x }) => {
    const each = samples[String(x)] ?? []
    return { x, workerCpu: each.map(({ workerCpu }) => workerCpu), systemCpu: each.map(({ systemCpu }) => systemCpu) }
  })
  return { id, axis, points }
}
