// The real writers, purges and Nginx nodes in the orders that the model of the protocol is checked in: each memcached
// command waits until the schedule lets it go. More of them: npm run stress -- --only schedules
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { seeded } from '../fuzz/random.js'
import { protocol, PROTOCOL, type Rules, type Size } from '../model/protocol.js'
import { search } from '../model/search.js'
import { everyOrder, follow, interleave, type Outcome, walk } from '../stress/schedules.js'
import { SteppedSite, type PurgeKind } from '../stress/stepped_site.js'

let site: SteppedSite

beforeAll(async () => { site = await SteppedSite.start() })
afterAll(async () => { await site?.stop() })

const kept = ({ trace }: Outcome) => ({ trace, broken: '' })

describe('every order of one visit and one purge', () => {
  test.each<PurgeKind>(['url', 'tag', 'prefix', 'pattern', 'all'])('of %s', async (purge) => {
    const { schedules, all } = await everyOrder(500, async (decide) => {
      const outcome = await interleave(site, { visits: [0], purge }, decide)
      expect(outcome).toEqual(kept(outcome))
    })
    expect(all).toBe(true)
    expect(schedules).toBeGreaterThanOrEqual(10)
  })
})

test.each<PurgeKind>(['url', 'all'])('orders of two visits in two processes and a purge of %s, by chance', async (purge) => {
  for (let seed = 1; seed <= 25; seed++) {
    const random = seeded(seed)
    const outcome = await interleave(site, { visits: [0, 1], purge }, (choices) => random.below(choices))
    expect({ seed, ...outcome }).toEqual({ seed, ...kept(outcome) })
  }
})

describe('what breaks the promise without a part of the protocol keeps it with all of them', () => {
  const url: Size = { processes: 2, nodes: 1, purges: ['url'] }
  const tag: Size = { processes: 2, nodes: 1, purges: ['tag'] }
  test.each<{ without: keyof Rules; size: Size }>([
    { without: 'newEpoch', size: tag },
    { without: 'clockBeforeRender', size: tag },
    { without: 'claimBeforeRender', size: url },
    { without: 'storeByCas', size: url },
    { without: 'claimWhereAbsent', size: url },
    { without: 'noSecondTry', size: url },
    { without: 'sameConnection', size: url },
    { without: 'listByCas', size: { processes: 1, nodes: 1, purges: ['tag', 'all'] } },
    { without: 'staleWithoutList', size: tag },
    { without: 'copyExpires', size: tag }
  ])('$without', async ({ without, size }) => {
    const { trace } = search(protocol(size, { ...PROTOCOL, [without]: false }))
    const outcome = await follow(site, trace)
    expect(outcome).toEqual(kept(outcome))
    // All that the real parts have steps for was done.
    expect(outcome.trace.length).toBeGreaterThanOrEqual(trace.length - 2)
  })
})

test('walks through the model', async () => {
  const sizes: Size[] = (['tag', 'all'] as const).map((kind) => ({ processes: 3, nodes: 2, purges: ['url', kind] }))
  for (let seed = 1; seed <= 25; seed++) {
    const outcome = await follow(site, walk(sizes[seed % sizes.length] as Size, 40, seeded(seed)))
    expect({ seed, ...outcome }).toEqual({ seed, ...kept(outcome) })
  }
})

describe('raw mode', () => {
  let raw: SteppedSite
  beforeAll(async () => { raw = await SteppedSite.start('raw') })
  afterAll(async () => { await raw?.stop() })

  test('every order of one visit and one purge of its URL', async () => {
    const { schedules, all } = await everyOrder(500, async (decide) => {
      const outcome = await interleave(raw, { visits: [0], purge: 'url' }, decide)
      expect(outcome).toEqual(kept(outcome))
    })
    expect(all).toBe(true)
    expect(schedules).toBeGreaterThanOrEqual(10)
  })

  test('orders of three visits and a purge, by chance', async () => {
    for (let seed = 1; seed <= 25; seed++) {
      const random = seeded(seed)
      const outcome = await interleave(raw, { visits: [0, 1, 2], purge: 'url' }, (choices) => random.below(choices))
      expect({ seed, ...outcome }).toEqual({ seed, ...kept(outcome) })
    }
  })
})
