// storable.ts and http-cache-semantics agree on every generated response, or a named class of difference says why not.

import { expect, test } from 'vitest'
import { compareAll } from '../differential/compare.js'
import { DIFFERENCES } from '../differential/differences.js'
import { differenceTable, documentedTable } from '../differential/document.js'

// `npx tsx test/differential/main.ts` compares more.
const comparison = compareAll(1, 40_000)

test('every difference is explained', () => {
  expect(comparison.compared).toBe(40_000)
  expect(comparison.unexplained).toEqual([])
})

test('they do agree', () => {
  expect(comparison.compared - comparison.different).toBeGreaterThan(comparison.compared / 3)
})

test.each(DIFFERENCES.map(({ id }) => id))('%s is needed: it alone explains some differences', (id) => {
  expect(comparison.explained.get(id)?.alone).toBeGreaterThan(0)
})

test('docs/http-caching.md has the table: npx tsx test/differential/document.ts', () => {
  expect(documentedTable()).toBe(differenceTable())
})
