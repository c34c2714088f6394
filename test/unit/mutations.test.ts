// Proof that the vectors can fail: each mistake of test/mutation/mutations.ts turns at least one of them red.
import { expect, test } from 'vitest'
import { sha256Hex } from '../../node-writer/key.js'
import { buildCore, type Core } from '../mutation/mutate.js'
import { mutations } from '../mutation/mutations.js'
import { checkEntry, checkGolden, checkGroup, checkVector } from '../vectors/check_vectors.js'
import { type EntryVector, type GoldenKey, groups, policyOf, readFile, resolveVectors } from '../vectors/read_vectors.js'
import { toRequest, type VectorRequest } from '../vectors/to_request.js'

const entries = readFile<EntryVector[]>('entry.json')
const goldenKeys = readFile<GoldenKey[]>('golden_keys.json')

/** How many vectors fail. A core that throws fails, too. */
function redVectors(core: Core): number {
  const run = (request: VectorRequest, policy: string) => core.resolve(toRequest(request), policyOf(policy), sha256Hex)
  const checks: (() => string[])[] = [
    ...resolveVectors.map((vector) => () => checkVector(vector, run(vector.in, vector.policy), policyOf(vector.policy).keyHead)),
    ...groups.map((group) => () => checkGroup(group, (group.same ?? group.distinct ?? []).map((member) => run(member, group.policy)))),
    ...goldenKeys.map((golden) => () => checkGolden(golden, run(golden.in, golden.policy))),
    ...entries.map((vector) => () => checkEntry(vector, core.parseHead(vector.in.head, vector.in.itemBytes)))
  ]
  return checks.filter((check) => {
    try {
      return check().length > 0
    } catch {
      return true
    }
  }).length
}

test('no vector is red without a mutation', async () => {
  expect(redVectors(await buildCore())).toBe(0)
})

test('every mutation turns a vector red', async () => {
  const red = await Promise.all(mutations.map(async (mutation) => redVectors(await buildCore(mutation))))
  const survivors = mutations.filter((_, index) => red[index] === 0).map(({ id, file }) => `${file}: ${id}`)
  expect(survivors).toEqual([])
// Each is a build of its own.
}, 30_000)

test('ids of mutations are unique', () => {
  expect(new Set(mutations.map(({ id }) => id)).size).toBe(mutations.length)
})
