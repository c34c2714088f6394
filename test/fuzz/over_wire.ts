// Nginx against the writer's side over HTTP: the same raw bytes to both, what they decide side by side.

import { parseVerdict, startVerdictStack, type SeenVerdict, type VerdictStack } from '../integration/verdict_stack.js'
import type { EngineId } from '../support/engines.js'
import { policyOf } from '../vectors/read_vectors.js'
import type { VectorRequest } from '../vectors/to_request.js'
import { generator } from './generate.js'
import type { Report } from './in_engines.js'
import { type Answer, sendMany } from './pipeline.js'
import { seeded } from './random.js'
import { judge, type Subject, subjects } from './subjects.js'

export interface WireReport extends Report {
  /** Cases that Nginx, Node or both did not accept as HTTP: never looked up, or never stored. */
  refused: number
}

const BATCH = 1000

/** Runs at least `cases` cases through Nginx with one engine, spread over the policies. */
export async function fuzzNginx(engine: EngineId, cases: number, seed: number, progress: (done: number) => void = () => {}): Promise<WireReport> {
  const report: WireReport = { cases: 0, keys: 0, refused: 0, findings: [] }
  const share = Math.ceil(cases / subjects.length)
  for (const [index, subject] of subjects.entries()) {
    const servers = await startVerdictStack(engine, policyOf(subject.name))
    try {
      await fuzzPolicy(servers, subject, share, seed + index, report, progress)
    } finally {
      await servers.stop()
    }
  }
  return report
}

async function fuzzPolicy(servers: VerdictStack, subject: Subject, cases: number, seed: number, report: WireReport, progress: (done: number) => void): Promise<void> {
  const next = generator(seeded(seed), { wire: true })
  for (let done = 0; done < cases; done += BATCH) {
    const requests = Array.from({ length: Math.min(BATCH, cases - done) }, next)
    const raw = requests.map(rawRequest)
    const [nginx, node] = await Promise.all([sendMany(servers.nginxPort, raw), sendMany(servers.nodePort, raw)])
    requests.forEach((request, index) => {
      judge(subject, request, seed, report.findings)
      compare(subject, request, nginx[index] as Answer, node[index] as Answer, seed, report)
    })
    report.cases += requests.length
    progress(report.cases)
  }
}

function compare(subject: Subject, request: VectorRequest, nginx: Answer, node: Answer, seed: number, report: WireReport): void {
  if (nginx.status !== 200 || node.status !== 200) {
    report.refused++
    return
  }
  const there = parseVerdict(nginx.verdict)
  const here = parseVerdict(node.verdict)
  if (here.key !== '') report.keys++
  if (show(there) !== show(here)) report.findings.push({ policy: subject.name, request, seed, what: `Node:  ${show(here)}\nNginx: ${show(there)}` })
}

function show(verdict: SeenVerdict): string {
  return [verdict.bypass, verdict.key, verdict.host, verdict.forward].join(' ')
}

export function rawRequest(request: VectorRequest): string {
  const fields = Object.entries(request.headers ?? {}).flatMap(([name, value]) => [value].flat().map((each) => `${name}: ${each}\r\n`))
  return `${request.method ?? 'GET'} ${request.target} HTTP/1.1\r\nHost: ${request.host ?? 'example.com'}\r\n${fields.join('')}\r\n`
}
