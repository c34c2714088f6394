// The smallest request that still shows a finding of the core in Node: what is left is what matters.

import type { VectorRequest } from '../vectors/to_request.js'
import { type Finding, judge, type Subject, subjects } from './subjects.js'

/** Undefined when the finding does not show in Node with this request alone. */
export function minimise(finding: Finding): VectorRequest | undefined {
  const subject = subjects.find(({ name }) => name === finding.policy) as Subject
  const shows = (request: VectorRequest) => {
    const findings: Finding[] = []
    judge(subject, request, finding.seed, findings)
    return findings.some(({ what }) => what.slice(0, 15) === finding.what.slice(0, 15))
  }
  if (!shows(finding.request)) return undefined
  let smallest = finding.request
  for (let tried = candidates(smallest); ; ) {
    const next = tried.find(shows)
    if (next === undefined) return smallest
    smallest = next
    tried = candidates(smallest)
  }
}

function candidates(request: VectorRequest): VectorRequest[] {
  const without = (['headers', 'host', 'method', 'scheme'] as const).filter((part) => request[part] !== undefined).map((part) => {
    const copy = { ...request }
    delete copy[part]
    return copy
  })
  const target = request.target
  const shorter = [Math.ceil(target.length / 2), 4, 1].flatMap((length) =>
    Array.from({ length: Math.max(target.length - length + 1, 0) }, (_, at) => ({ ...request, target: target.slice(0, at) + target.slice(at + length) })))
  return [...without, ...shorter.filter((each) => each.target !== target)]
}
