// The same vectors in every engine that Nginx may run the module in.
import { describe, expect, test } from 'vitest'
import { engines } from '../support/engines.js'
import { checkEntry, checkGolden, checkGroup, checkHttp, checkVector } from '../vectors/check_vectors.js'
import { type EntryVector, type GoldenKey, groups, type HttpVector, policyNames, policyOf, readFile, resolveVectors } from '../vectors/read_vectors.js'
import { headsIn, resultsIn, verdictsIn } from './run_in_engine.js'

const goldenKeys = readFile<GoldenKey[]>('golden_keys.json')
const entries = readFile<EntryVector[]>('entry.json')
const http = readFile<HttpVector[]>('http.json')

describe.each(engines)('$id', ({ id }) => {
  // One run of the engine for each policy: which one it has is decided by an import.
  test.each(policyNames)('vectors, groups and golden keys of the policy %s', async (name) => {
    const policy = policyOf(name)
    const vectors = resolveVectors.filter((vector) => vector.policy === name)
    const ownGroups = groups.filter((group) => group.policy === name)
    const golden = goldenKeys.filter((each) => each.policy === name)
    const members = ownGroups.map((group) => group.same ?? group.distinct ?? [])

    const verdicts = await verdictsIn(id, policy, [...vectors, ...golden].map((vector) => vector.in).concat(members.flat()))

    const take = (count: number) => verdicts.splice(0, count)
    const failures = [
      ...take(vectors.length).flatMap((verdict, index) => checkVector(vectors[index] as (typeof vectors)[0], verdict, policy.keyHead)),
      ...take(golden.length).flatMap((verdict, index) => checkGolden(golden[index] as GoldenKey, verdict)),
      ...ownGroups.flatMap((group, index) => checkGroup(group, take((members[index] as []).length)))
    ]
    expect(verdicts, 'one verdict a request').toEqual([])
    expect(failures).toEqual([])
  })

  test('http.json', async () => {
    const results = await resultsIn(id, policyOf('default'), http.map((vector) => vector.in))
    expect(results.length).toBe(http.length)
    expect(results.flatMap((result, index) => checkHttp(http[index] as HttpVector, result))).toEqual([])
  })

  test('entry.json', async () => {
    const heads = await headsIn(id, policyOf('default'), entries.map((vector) => vector.in))
    expect(heads.length).toBe(entries.length)
    expect(heads.flatMap((head, index) => checkEntry(entries[index] as EntryVector, head))).toEqual([])
  })
})
