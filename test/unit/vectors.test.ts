// The vectors in Node. test/njs runs the same ones in every njs engine, test/integration over the wire.
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import { formatHead, headBytes, parseHead } from '../../njs/core/entry.js'
import { MAX_KEY_BYTES } from '../../njs/core/key.js'
import { resolve } from '../../njs/core/resolve.js'
import { sha256Hex } from '../../node-writer/key.js'
import { checkEntry, checkGolden, checkGroup, checkHttp, checkVector } from '../vectors/check_vectors.js'
import { type EntryVector, type GoldenKey, groups, type HttpVector, policyOf, readFile, resolveFiles, resolveVectors, type Vector } from '../vectors/read_vectors.js'
import { toRequest, type VectorRequest } from '../vectors/to_request.js'
import { resultOf } from '../vectors/to_result.js'

function resolveVector(request: VectorRequest, policy: string) {
  return resolve(toRequest(request), policyOf(policy), sha256Hex)
}

describe.each(resolveFiles)('%s', (name) => {
  test.each(readFile<Vector[]>(name))('$id', (vector) => {
    expect(checkVector(vector, resolveVector(vector.in, vector.policy), policyOf(vector.policy).keyHead)).toEqual([])
  })
})

test.each(groups)('groups.json: $id', (group) => {
  const members = group.same ?? group.distinct ?? []
  expect(members.length).toBeGreaterThan(1)
  expect(checkGroup(group, members.map((member) => resolveVector(member, group.policy)))).toEqual([])
})

// Changing a line there empties every deployed cache: see docs/key-format.md §10.
test.each(readFile<GoldenKey[]>('golden_keys.json'))('golden_keys.json: $id', (golden) => {
  expect(checkGolden(golden, resolveVector(golden.in, golden.policy))).toEqual([])
})

test.each(readFile<HttpVector[]>('http.json'))('http.json: $id', (vector) => {
  expect(checkHttp(vector, resultOf(vector.in, sha256Hex))).toEqual([])
})

describe('entry.json', () => {
  const entries = readFile<EntryVector[]>('entry.json')
  test.each(entries)('$id', (vector) => {
    expect(checkEntry(vector, parseHead(vector.in.head, vector.in.itemBytes))).toEqual([])
  })
  test.each(entries.filter((vector) => vector.out !== null))('$id is written as it is read', (vector) => {
    expect(formatHead(vector.out as NonNullable<typeof vector.out>)).toBe(vector.in.head)
    expect(headBytes(vector.in.head)).toBe(vector.in.head.length)
  })
})

test('every key is what memcached, Nginx and people can read', () => {
  const keys = resolveVectors.map((vector) => resolveVector(vector.in, vector.policy).key).filter((key) => key !== '')
  expect(keys.length).toBeGreaterThan(100)
  expect(keys.filter((key) => !/^[!-$&-~]+$/.test(key) || key.length > MAX_KEY_BYTES)).toEqual([])
})

test('what the app is shown has the same key again', () => {
  for (const vector of resolveVectors) {
    const verdict = resolveVector(vector.in, vector.policy)
    if (verdict.bypass !== '') continue
    const again = resolveVector({ ...vector.in, target: verdict.forward, host: verdict.host, scheme: verdict.scheme }, vector.policy)
    expect(again, vector.id).toEqual(verdict)
  }
})

describe('the files follow schema.json', () => {
  const schema = readFile<{ $defs: Record<string, unknown> }>('schema.json')
  const ajv = new Ajv2020({ allErrors: true }).addSchema(schema, 'vectors')
  const kinds: Record<string, string> = { 'groups.json': 'groups', 'golden_keys.json': 'goldenKeys', 'entry.json': 'entries', 'http.json': 'http', 'wire.json': 'wire' }
  test.each([...resolveFiles, ...Object.keys(kinds)])('%s', (name) => {
    const rows = readFile<{ id: string }[]>(name)
    ajv.validate(`vectors#/$defs/${kinds[name] ?? 'vectors'}`, rows)
    expect(ajv.errorsText(ajv.errors, { separator: '\n' })).toBe('No errors')
    expect(new Set(rows.map((row) => row.id)).size, 'ids are unique').toBe(rows.length)
  })
  test('a member that no one reads is refused', () => {
    expect(ajv.validate('vectors#/$defs/vectors', [{ id: 'x', why: 'y', policy: 'default', in: { target: '/' }, out: { kye: 'z' } }])).toBe(false)
  })
})
