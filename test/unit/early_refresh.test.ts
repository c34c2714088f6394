import { describe, expect, test } from 'vitest'
import { withEarlyRefresh } from '../../node-writer/early_refresh.js'
import type { Storable } from '../../node-writer/storable.js'

const page = { store: true, freshSeconds: 600, refreshSeconds: 600, errorSeconds: 600, itemTtlSeconds: 4000 } as Storable

describe('the end of a lifetime is time to refresh', () => {
  test.each([
    { id: 'off', fresh: 600, refresh: 600, percent: 0, thenFresh: 600, thenRefresh: 600 },
    { id: 'a tenth', fresh: 600, refresh: 600, percent: 10, thenFresh: 540, thenRefresh: 600 },
    { id: 'what it declares itself stays', fresh: 600, refresh: 900, percent: 10, thenFresh: 540, thenRefresh: 900 },
    { id: 'too short for a whole second', fresh: 5, refresh: 5, percent: 10, thenFresh: 5, thenRefresh: 5 },
    { id: 'what is stored to be revalidated stays that', fresh: 0, refresh: 0, percent: 50, thenFresh: 0, thenRefresh: 0 }
  ])('$id', ({ fresh, refresh, percent, thenFresh, thenRefresh }) => {
    const stored = { ...page, freshSeconds: fresh, refreshSeconds: refresh }
    expect(withEarlyRefresh(stored, percent)).toEqual({ ...stored, freshSeconds: thenFresh, refreshSeconds: thenRefresh })
  })

  test('what is not stored stays as it is', () => {
    const refused = { store: false as const, reason: 'private' }
    expect(withEarlyRefresh(refused, 50)).toBe(refused)
  })
})
