// The short form of `npm run fuzz` through real Nginx, with another seed each time; a failure tells it.
import { expect, test } from 'vitest'
import { fuzzNginx } from '../fuzz/over_wire.js'
import { engines } from '../support/engines.js'

test.each(engines)('generated requests have one verdict in Nginx with $id and in Node', async ({ id }) => {
  const { cases, keys, refused, findings } = await fuzzNginx(id, 3000, Math.floor(Math.random() * 1e9))
  expect(findings.slice(0, 5)).toEqual([])
  expect(cases).toBeGreaterThanOrEqual(3000)
  expect(keys).toBeGreaterThan(cases / 5)
  // Most of what is generated is HTTP; otherwise there would be nothing to compare.
  expect(refused).toBeLessThan(cases / 2)
})
