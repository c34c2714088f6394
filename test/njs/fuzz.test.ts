// The short form of `npm run fuzz`, with another seed each time; a failure tells it.
import { expect, test } from 'vitest'
import { fuzzEngines } from '../fuzz/in_engines.js'
import { engines } from '../support/engines.js'

const newSeed = () => Math.floor(Math.random() * 1e9)

test('generated requests have one verdict in Node and in njs 0.7.9, and keep every promise', async () => {
  const { cases, keys, findings } = await fuzzEngines(['njs-0.7.9'], 50_000, newSeed())
  expect(findings.slice(0, 5)).toEqual([])
  expect(cases).toBeGreaterThanOrEqual(50_000)
  expect(keys).toBeGreaterThan(cases / 5)
})

test('and in all other engines', async () => {
  const { findings } = await fuzzEngines(engines.map(({ id }) => id).filter((id) => id !== 'njs-0.7.9'), 10_000, newSeed())
  expect(findings.slice(0, 5)).toEqual([])
})
