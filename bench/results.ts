// The JSON that a run leaves: every raw round, and what the targets make of them. The report is made from it alone.
import type { Curve } from './curves/curve.js'
import type { Samples } from './machine/rounds.js'
import type { Clustered } from './workloads/cluster.js'
import type { Crowded } from './workloads/crowd.js'
import type { Memory } from './workloads/memory.js'
import type { Stormed } from './workloads/purge_storm.js'
import type { Replayed } from './workloads/replay.js'
import type { WriterLoop } from './workloads/writer_loop.js'

/** A workload that a run left out is not there. */
export interface Workloads {
  hotPage?: Samples
  manyPages?: Samples
  replay?: Replayed[]
  crowd?: Crowded[]
  purgeStorm?: Stormed[]
  cluster?: Clustered
  memory?: Memory
  writer?: WriterLoop
  curves?: Curve[]
}

export interface Measured {
  id: string
  what: string
  /** Null: this run did not measure it. */
  value: number | null
  /** The value must not be above it. */
  target: number
  stretch: number | null
  met: boolean | null
  /** Quartiles over the rounds; null where there is only one value. */
  spread: [low: number, high: number] | null
  /** The least that can be had at all, measured in the same run: above the target, that is out of reach. Null where none is known. */
  floor: number | null
}

export interface Machine {
  cpu: string
  cores: number
  kernel: string
  memoryBytes: number
  /** Programs and their versions. */
  versions: Record<string, string>
}

export interface Results {
  samekey: { version: string; commit: string }
  extent: 'quick' | 'full'
  /** ISO 8601. */
  began: string
  seconds: number
  machine: Machine
  /** One-minute load of the machine before and after: above its cores, others were at work as well. */
  load: { before: number; after: number }
  targets: Measured[]
  /** Why a workload ended early, by its name. */
  failures: Record<string, string>
  /** What each workload was measured on, where a run was resumed on a later commit. */
  commits: Record<string, string>
  workloads: Workloads
}
