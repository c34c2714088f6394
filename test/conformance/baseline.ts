// What was measured last, by edition of the suite, Nginx, engine and policy: a failure that is not in it is a regression.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export interface Recorded {
  /** Of the run, YYYY-MM-DD. */
  date: string
  /** Passed and all, of each kind. */
  required: string
  optimal: string
  check: string
  /** Ids of the required and optimal tests that did not pass. */
  failed: string[]
}

export type Baseline = Record<string, Recorded>

const FILE = fileURLToPath(new URL('baseline.json', import.meta.url))

export function readBaseline(): Baseline {
  return existsSync(FILE) ? JSON.parse(readFileSync(FILE, 'utf8')) as Baseline : {}
}

export function writeBaseline(baseline: Baseline): void {
  const sorted = Object.fromEntries(Object.entries(baseline).sort(([a], [b]) => a.localeCompare(b)))
  writeFileSync(FILE, JSON.stringify(sorted, null, 2) + '\n')
}
