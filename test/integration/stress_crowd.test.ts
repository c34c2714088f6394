// First visitors of one page at the same moment, through real Nginx: one render, and everybody is answered. How quickly
// is a figure of `npm run stress`, which also brings thousands.
import { expect, test } from 'vitest'
import { crowd, type CrowdOptions } from '../stress/crowd.js'

const some: Omit<CrowdOptions, 'apps' | 'ending'> = { seed: 1, visitors: 300, renderMs: 1000, node: 'njs-0.7.9' }

test.each([1, 4])('%s app processes', async (apps) => {
  const { renders, answers } = await crowd({ ...some, apps, ending: 'stored' })
  expect({ renders, answers }).toEqual({ renders: 1, answers: { 200: some.visitors } })
})

test('the process that renders dies: one more render', async () => {
  const { renders, answers } = await crowd({ ...some, apps: 4, ending: 'dies' })
  expect(answers).toEqual({ 200: some.visitors })
  expect(renders).toBeLessThanOrEqual(3)
})

test('the app fails: one visitor sees it, the others get the next render', async () => {
  const { renders, answers } = await crowd({ ...some, apps: 4, ending: 'error' })
  expect({ renders, answers }).toEqual({ renders: 2, answers: { 200: some.visitors - 1, 500: 1 } })
})

test('the page is not cacheable: everybody gets one of their own, after the first', async () => {
  const { renders, answers } = await crowd({ ...some, apps: 4, ending: 'uncacheable' })
  expect({ renders, answers }).toEqual({ renders: some.visitors, answers: { 200: some.visitors } })
})
