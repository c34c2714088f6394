import { describe, expect, test } from 'vitest'
import { withJitter } from '../../node-writer/ttl_jitter.js'
import type { Storable } from '../../node-writer/storable.js'

const page = { store: true, freshSeconds: 600, refreshSeconds: 900, errorSeconds: 900, itemTtlSeconds: 4000 } as Storable

describe('a lifetime is shortened at random', () => {
  test.each([
    { id: 'off', fresh: 600, percent: 0, random: 0.9, then: 600 },
    { id: 'the least', fresh: 600, percent: 10, random: 0, then: 600 },
    { id: 'nearly the most', fresh: 600, percent: 10, random: 0.999, then: 541 },
    { id: 'half of it', fresh: 600, percent: 50, random: 0.5, then: 450 },
    { id: 'a second stays a second', fresh: 1, percent: 50, random: 0.999, then: 1 },
    { id: 'what is stored to be revalidated stays that', fresh: 0, percent: 50, random: 0.999, then: 0 }
  ])('$id', ({ fresh, percent, random, then }) => {
    expect(withJitter({ ...page, freshSeconds: fresh }, percent, () => random)).toEqual({ ...page, freshSeconds: then })
  })

  test('what is not stored stays as it is', () => {
    const refused = { store: false as const, reason: 'private' }
    expect(withJitter(refused, 50, () => 0.9)).toBe(refused)
  })
})
