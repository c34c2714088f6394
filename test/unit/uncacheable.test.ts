// Which pages are known not to be storable, for how long, and how many.

import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Uncacheable } from '../../node-writer/uncacheable.js'

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }))
afterEach(() => void vi.useRealTimers())

test('for a minute', () => {
  const known = new Uncacheable()
  expect(known.has('a')).toBe(false)
  known.add('a')
  vi.setSystemTime(Date.now() + 59_999)
  expect(known.has('a')).toBe(true)
  vi.setSystemTime(Date.now() + 1)
  expect(known.has('a')).toBe(false)
})

test('a minute from when it was last found out, and not once it has been stored', () => {
  const known = new Uncacheable()
  known.add('a')
  vi.setSystemTime(Date.now() + 30_000)
  known.add('a')
  vi.setSystemTime(Date.now() + 59_999)
  expect(known.has('a')).toBe(true)
  known.delete('a')
  expect(known.has('a')).toBe(false)
})

test('10,000 of them; the one that was found out first goes', () => {
  const known = new Uncacheable()
  for (let i = 0; i < 10_000; i++) known.add(`k${i}`)
  known.add('k0')
  known.add('one more')
  expect(['k0', 'k1', 'k2', 'one more'].map((key) => known.has(key))).toEqual([true, false, true, true])
})
