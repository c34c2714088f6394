// One response, judged twice: by storable.ts and by http-cache-semantics, a shared cache without heuristics.

import CachePolicy from 'http-cache-semantics'
import { joinFields } from '../../node-writer/http/fields.js'
import { loadPolicy } from '../../node-writer/policy/load.js'
import { isStorable } from '../../node-writer/storable.js'
import { DIFFERENCES, type Outcomes } from './differences.js'
import { type GeneratedResponse, NOW, responses } from './generate.js'

const policy = loadPolicy({})

class CachePolicyAtNow extends CachePolicy {
  now(): number {
    return NOW * 1000
  }
}

export function judge(response: GeneratedResponse): Outcomes {
  const verdict = isStorable(response, '/page', policy, { requestedAt: NOW, receivedAt: NOW, authorized: response.authorized })
  const headers = Object.fromEntries(Object.entries(joinFields(response.headers)).map(([name, value]) => [name, value ?? '']))
  const theirs = new CachePolicyAtNow(
    { method: 'GET', headers: response.authorized ? { authorization: 'Basic x' } : {} },
    { status: response.status, headers },
    { shared: true, cacheHeuristic: 0, immutableMinTimeToLive: 0 }
  )
  // Their lifetime without the time for which it may be stale, which timeToLive() would add.
  const freshSeconds = theirs.storable() ? Math.max(0, Math.floor(theirs.maxAge() - theirs.age())) : 0
  return {
    ours: verdict.store ? { store: true, reason: '', freshSeconds: verdict.freshSeconds } : { store: false, reason: verdict.reason, freshSeconds: 0 },
    theirs: { store: theirs.storable(), freshSeconds }
  }
}

export interface Comparison {
  compared: number
  different: number
  /** How often each explanation applies, and how often it is the only one. */
  explained: Map<string, { all: number; alone: number }>
  unexplained: { response: GeneratedResponse; outcomes: Outcomes }[]
}

export function compareAll(seed: number, count: number): Comparison {
  const result: Comparison = { compared: 0, different: 0, explained: new Map(DIFFERENCES.map(({ id }) => [id, { all: 0, alone: 0 }])), unexplained: [] }
  for (const response of responses(seed, count)) {
    result.compared++
    const outcomes = judge(response)
    const { ours, theirs } = outcomes
    if (ours.store === theirs.store && ours.freshSeconds === theirs.freshSeconds) continue
    result.different++
    const fields = joinFields(response.headers)
    const found = DIFFERENCES.filter((difference) => difference.explains({ status: response.status, fields, ...outcomes }))
    if (found.length === 0) result.unexplained.push({ response, outcomes })
    for (const { id } of found) {
      const counts = result.explained.get(id) as { all: number; alone: number }
      counts.all++
      if (found.length === 1) counts.alone++
    }
  }
  return result
}
