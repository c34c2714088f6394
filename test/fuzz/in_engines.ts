// The core in Node against the core in the njs command line: the same generated cases, one digest a block; where two
// digests differ, the cases one by one. A block is a process, because njs frees nothing before it ends.

import { createHash } from 'node:crypto'
import { verdictLine } from '../njs/verdict_line.js'
import { digestIn, verdictsIn } from '../njs/run_in_engine.js'
import type { EngineId } from '../support/engines.js'
import { policyOf } from '../vectors/read_vectors.js'
import type { VectorRequest } from '../vectors/to_request.js'
import { generator } from './generate.js'
import { seeded } from './random.js'
import { type Finding, judge, type Subject, subjects } from './subjects.js'

const BLOCK = 10_000

export interface Report {
  cases: number
  /** Cases that got a key; the others were bypassed. */
  keys: number
  findings: Finding[]
}

/** Runs at least `cases` cases in Node and in each engine. `progress` is told how many are done. */
export async function fuzzEngines(engines: readonly EngineId[], cases: number, seed: number, progress: (done: number) => void = () => {}): Promise<Report> {
  const report: Report = { cases: 0, keys: 0, findings: [] }
  const size = Math.min(BLOCK, Math.ceil(cases / subjects.length))
  // One block ahead: Node generates the next one while the engines work on this one.
  let running: Promise<void> = Promise.resolve()
  for (let block = 0; report.cases < cases; block++) {
    const subject = subjects[block % subjects.length] as Subject
    const blockSeed = seed + block
    const requests = makeBlock(size, blockSeed)
    const hash = createHash('sha256')
    for (const request of requests) {
      const verdict = judge(subject, request, blockSeed, report.findings)
      if (verdict === undefined) continue
      hash.update(verdictLine(verdict))
      if (verdict.key !== '') report.keys++
    }
    report.cases += size
    await running
    progress(report.cases)
    running = compare(engines, subject, requests, blockSeed, hash.digest('hex'), report.findings)
    // A rejection is told by the await above or below; until then it must not end the process.
    running.catch(() => {})
  }
  await running
  return report
}

function makeBlock(size: number, seed: number): VectorRequest[] {
  const next = generator(seeded(seed))
  return Array.from({ length: size }, next)
}

async function compare(engines: readonly EngineId[], subject: Subject, requests: VectorRequest[], seed: number, digest: string, findings: Finding[]): Promise<void> {
  const policy = policyOf(subject.name)
  for (const engine of engines) {
    if (await digestIn(engine, policy, requests) === digest) continue
    const verdicts = await verdictsIn(engine, policy, requests)
    verdicts.forEach((verdict, index) => {
      const request = requests[index] as VectorRequest
      const here = verdictLine(subject.resolve(request))
      if (verdictLine(verdict) !== here) findings.push({ policy: subject.name, request, seed, what: `Node: ${here}${engine}: ${verdictLine(verdict)}` })
    })
  }
}
