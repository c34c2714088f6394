// One render per key, with real processes on a real memcached. Times are bounds with room: what is asserted is how often
// was rendered, and that everybody was answered.
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { keyOf, Leases, type LeaseOptions } from '../../node-writer/invalidation/lease.js'
import { startMemcached, type Memcached } from '../support/memcached.js'
import { until } from '../support/until.js'
import { connectItems, type Items } from './invalidation_items.js'
import type { Answer, Crowd, Message } from './invalidation_process.js'

let memcached: Memcached
let items: Items

beforeAll(async () => {
  memcached = await startMemcached()
  items = connectItems(memcached.address)
})
afterAll(async () => {
  items?.close()
  await memcached?.stop()
})

class App {
  renders = 0
  #answers: ((answers: Answer[]) => void)[] = []

  private constructor(readonly child: ChildProcess) {
    child.on('message', (message: Message) => {
      if (message === 'rendering') this.renders++
      else if (message !== 'ready') this.#answers[message.crowd]?.(message.answers)
    })
  }

  static async start(lease: LeaseOptions): Promise<App> {
    const child = fork(new URL('invalidation_process.ts', import.meta.url), { execArgv: ['--import', 'tsx'] })
    const app = new App(child)
    running.push(app)
    const ready = once(child, 'message')
    child.send({ memcached: memcached.address, lease })
    await ready
    return app
  }

  visit(crowd: Crowd): Promise<Answer[]> {
    return new Promise((resolve) => {
      this.#answers.push(resolve)
      this.child.send(crowd)
    })
  }

  async end(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const exited = once(this.child, 'exit')
    this.child.kill('SIGKILL')
    await exited
  }
}

const running: App[] = []
afterEach(async () => { await Promise.all(running.splice(0).map((app) => app.end())) })

let key = ''
let keys = 0
beforeEach(() => { key = `test:1:http://example.org/${++keys}` })

const start = (count: number, lease: LeaseOptions = {}) => Promise.all(Array.from({ length: count }, () => App.start(lease)))
const renders = (apps: App[]) => apps.reduce((sum, app) => sum + app.renders, 0)
const ways = (answers: Answer[][]) => answers.flat().map(({ way }) => way).sort()
const repeat = (way: Answer['way'], times: number) => Array<string>(times).fill(way)

describe('four app processes', () => {
  test('2,000 visitors of a page that takes a second cost one render', async () => {
    const apps = await start(4)
    const answers = await Promise.all(apps.map((app) => app.visit({ key, visitors: 500, renderMs: 1000, ending: 'stored' })))
    expect(renders(apps)).toBe(1)
    expect(ways(answers)).toEqual(['led', ...repeat('stored', 1999)])
  })

  test('those who come later find it stored', async () => {
    const apps = await start(2)
    await apps[0]!.visit({ key, visitors: 1, renderMs: 0, ending: 'stored' })
    const answers = await Promise.all(apps.map((app) => app.visit({ key, visitors: 50, renderMs: 0, ending: 'stored' })))
    expect(renders(apps)).toBe(1)
    expect(ways(answers)).toEqual(repeat('stored', 100))
  })

  test('a render of another page waits for nobody', async () => {
    const apps = await start(2)
    const hanging = apps[0]!.visit({ key, visitors: 1, renderMs: 0, ending: 'hangs' })
    const other = await apps[1]!.visit({ key: `${key}/other`, visitors: 3, renderMs: 0, ending: 'stored' })
    expect(ways([other])).toEqual(['led', 'stored', 'stored'])
    void hanging
  })

  test('an uncacheable page is rendered once alone, then for everybody at once', async () => {
    const apps = await start(2)
    const crowd: Crowd = { key, visitors: 20, renderMs: 300, ending: 'uncacheable' }
    const answers = await Promise.all(apps.map((app) => app.visit(crowd)))
    expect(ways(answers)).toEqual(['led', ...repeat('rendered', 39)])
    // Remembered: nobody leads, nobody waits.
    expect(ways([await apps[1]!.visit(crowd)])).toEqual(repeat('rendered', 20))
  })

  test('when the leader dies, its followers in other processes go on with one render', async () => {
    const apps = await start(3, { leaseSeconds: 2, longestWaitMs: 20_000 })
    void apps[0]!.visit({ key, visitors: 1, renderMs: 0, ending: 'hangs' })
    await until('the leader renders', async () => (apps[0]!.renders > 0 ? true : undefined))
    const waiting = Promise.all(apps.slice(1).map((app) => app.visit({ key, visitors: 20, renderMs: 50, ending: 'stored' })))
    await apps[0]!.end()
    expect(ways(await waiting)).toEqual(['led', ...repeat('stored', 39)])
    expect(renders(apps)).toBe(2)
  })

  test('a leader that hangs is followed by another, and the next one as well', async () => {
    const apps = await start(2, { longestLeadMs: 500, longestWaitMs: 20_000 })
    const hung: Crowd = { key, visitors: 1, renderMs: 0, ending: 'hangs' }
    void apps[0]!.visit(hung)
    await until('the leader renders', async () => (apps[0]!.renders > 0 ? true : undefined))
    void apps[1]!.visit(hung)
    const answers = await Promise.all(apps.map((app) => app.visit({ key, visitors: 20, renderMs: 0, ending: 'stored' })))
    // Which of them follows first is open.
    expect(renders(apps)).toBeLessThanOrEqual(3)
    expect(ways(answers)).toEqual(['led', ...repeat('stored', 39)])
  })

  test('when all leaders hang, nobody waits for ever', async () => {
    const apps = await start(2, { longestLeadMs: 500, longestWaitMs: 1500 })
    void apps.map((app) => app.visit({ key, visitors: 20, renderMs: 0, ending: 'hangs' }))
    await until('everybody renders', async () => (renders(apps) === 40 ? true : undefined))
  })

  test('a render that fails is tried again by the next, until nobody wants to wait any more', async () => {
    const apps = await start(2, { longestWaitMs: 1000 })
    const answers = await Promise.all(apps.map((app) => app.visit({ key, visitors: 20, renderMs: 300, ending: 'fails' })))
    const led = answers.flat().filter(({ way }) => way === 'led').length
    expect(led).toBeGreaterThan(1)
    expect(ways(answers)).toEqual([...repeat('led', led), ...repeat('rendered', 40 - led)])
  })

  test('a purge during the render: the page is not stored, and one more render follows', async () => {
    const apps = await start(2)
    const waiting = Promise.all(apps.map((app) => app.visit({ key, visitors: 20, renderMs: 1500, ending: 'stored' })))
    await until('somebody renders', async () => (renders(apps) > 0 ? true : undefined))
    for (const name of [key, keyOf(key)]) {
      const item = await items.atomic.get(name)
      expect(item !== null && (await items.atomic.delete(item))).toBe(true)
    }
    const answers = await waiting
    expect(renders(apps)).toBe(2)
    expect(ways(answers)).toEqual(['led', 'led', ...repeat('stored', 38)])
  })
})

describe('a lease', () => {
  const never = async () => false

  test('is kept for as long as the render takes', async () => {
    const leases = new Leases(items.atomic, { leaseSeconds: 2 })
    const other = new Leases(items.atomic, { leaseSeconds: 2, longestWaitMs: 2500 })
    const turn = await leases.acquire(key, never)
    const following = await other.acquire(key, never)
    expect('lead' in turn && 'wait' in following && (await following.wait)).toBe('late')
    if ('lead' in turn) await turn.lead.end('gone')
  })

  // The one that was followed for its slowness is often ready before the one that followed it.
  test.each(['stored', 'uncacheable'] as const)('nobody waits for the second leader when the first one ends after all: %s', async (outcome) => {
    const leases = new Leases(items.atomic, { longestLeadMs: 100, longestRefreshMs: 60_000 })
    const first = await leases.acquire(key, never)
    const follower = await leases.acquire(key, never)
    expect('wait' in follower && (await follower.wait)).toBe('gone')
    const second = await leases.tryLead(key)
    const waiting = [await leases.acquire(key, never), await new Leases(items.atomic).acquire(key, async () => true)]
    if ('lead' in first) await first.lead.end(outcome)
    expect(await Promise.all(waiting.map((turn) => 'wait' in turn && turn.wait))).toEqual([outcome, outcome])
    await second?.end('gone')
    expect((await items.atomic.get(keyOf(key)))?.value.toString()).toBe(outcome === 'stored' ? undefined : 'uncacheable')
  })

  test('that another has taken over is left alone', async () => {
    const leases = new Leases(items.atomic)
    const turn = await leases.acquire(key, never)
    const lease = await items.atomic.get(keyOf(key))
    await items.atomic.replace(lease!, Buffer.from('another owner'), { ttlSeconds: 60 })
    if ('lead' in turn) await turn.lead.end('stored')
    expect((await items.atomic.get(keyOf(key)))?.value.toString()).toBe('another owner')
  })

  test('without memcached everybody renders, and nobody is held up', async () => {
    const gone = await startMemcached()
    await gone.stop()
    const without = connectItems(gone.address, 200)
    try {
      const leases = new Leases(without.atomic)
      const turns = await Promise.all([leases.acquire(key, never), leases.acquire(key, never)])
      expect(turns.map((turn) => 'lead' in turn)).toEqual([true, false])
      // Before the leader has ended: what it renders cannot be stored.
      if ('wait' in turns[1]!) expect(await turns[1].wait).toBe('uncacheable')
      expect(await leases.tryLead(key)).toBeNull()
    } finally {
      without.close()
    }
  })
})
