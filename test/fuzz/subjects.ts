// What the fuzzers run under: the policies of the vectors, the blocks of cases, and the oracles of Node's side.

import { resolve, type Verdict } from '../../njs/core/resolve.js'
import { sha256Hex } from '../../node-writer/key.js'
import { TRACKING_ARGUMENTS } from '../../node-writer/policy/defaults.js'
import { policyNames, policyOf } from '../vectors/read_vectors.js'
import { toRequest, type VectorRequest } from '../vectors/to_request.js'
import { droppedNames, Oracles } from './oracles.js'

/** A broken promise, or two sides that disagree. */
export interface Finding {
  policy: string
  request: VectorRequest
  what: string
  /** Of the block that it was generated in: `--seed` and `--policy` give it again. */
  seed: number
}

export interface Subject {
  name: string
  resolve(request: VectorRequest): Verdict
  oracles: Oracles
}

export const subjects: Subject[] = policyNames.map((name) => {
  const policy = policyOf(name)
  const resolveHere = (request: VectorRequest) => resolve(toRequest(request), policy, sha256Hex)
  return { name, resolve: resolveHere, oracles: new Oracles(policy, resolveHere, droppedNames(policy, TRACKING_ARGUMENTS)) }
})

/** What happens to a case in Node: resolve() never throws, and the oracles agree. */
export function judge(subject: Subject, request: VectorRequest, seed: number, findings: Finding[]): Verdict | undefined {
  const found = (what: string) => findings.push({ policy: subject.name, request, what, seed })
  try {
    const verdict = subject.resolve(request)
    for (const what of subject.oracles.check(request, verdict)) found(what)
    return verdict
  } catch (error) {
    found(`Node threw ${String(error)}`)
    return undefined
  }
}
