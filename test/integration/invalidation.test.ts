// Compare-and-swap, claims and the ban list on real memcached servers.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { clockOf, formatBanList, judgeByBans, parseBanList } from '../../njs/core/bans.js'
import { BanLists } from '../../node-writer/invalidation/ban_list.js'
import { besideKeyOf, Claims, RawClaims } from '../../node-writer/invalidation/claim.js'
import { startMemcached, type Memcached } from '../support/memcached.js'
import { connectItems, type Items } from './invalidation_items.js'

let memcached: Memcached
/** Two processes' worth of connections. */
let one: Items
let two: Items

beforeAll(async () => {
  memcached = await startMemcached()
  one = connectItems(memcached.address)
  two = connectItems(memcached.address)
})
afterAll(async () => {
  one?.close()
  two?.close()
  await memcached?.stop()
})

let key = ''
let keys = 0
beforeEach(() => { key = `test:1:http://example.org/${++keys}` })

const minute = { ttlSeconds: 60 }
const bytes = (text: string) => Buffer.from(text)
const valueOf = async (name = key) => (await one.atomic.get(name))?.value.toString()
/** As a purge does it, whatever the item is. */
const remove = async (name = key) => {
  const item = await two.atomic.get(name)
  if (item !== null) await two.atomic.delete(item)
}

describe('compare-and-swap through memjs', () => {
  test('a version is replaced once', async () => {
    const added = await one.atomic.add(key, bytes('a'), minute)
    expect(await one.atomic.replace(added!, bytes('b'), minute)).not.toBeNull()
    expect(await one.atomic.replace(added!, bytes('c'), minute)).toBeNull()
    expect(await valueOf()).toBe('b')
  })

  test('what another connection wrote in between is kept', async () => {
    const added = await one.atomic.add(key, bytes('a'), minute)
    await two.atomic.replace((await two.atomic.get(key))!, bytes('b'), minute)
    expect(await one.atomic.replace(added!, bytes('c'), minute)).toBeNull()
    expect(await one.atomic.delete(added!)).toBe(false)
    expect(await valueOf()).toBe('b')
  })

  test('the same bytes again are another version', async () => {
    const added = await one.atomic.add(key, bytes('a'), minute)
    await remove()
    await two.atomic.add(key, bytes('a'), minute)
    expect(await one.atomic.replace(added!, bytes('b'), minute)).toBeNull()
  })

  test('nothing is written where the item is gone', async () => {
    const added = await one.atomic.add(key, bytes('a'), minute)
    await remove()
    expect(await one.atomic.replace(added!, bytes('b'), minute)).toBeNull()
    expect(await valueOf()).toBeUndefined()
  })

  test('a version is deleted once, and add does not overwrite', async () => {
    const added = await one.atomic.add(key, bytes('a'), minute)
    expect(await one.atomic.add(key, bytes('b'), minute)).toBeNull()
    expect(await one.atomic.delete(added!)).toBe(true)
    expect(await one.atomic.delete(added!)).toBe(false)
  })

  test('too large is an error, and the connection goes on', async () => {
    await expect(one.atomic.add(key, Buffer.alloc(2_000_000), minute)).rejects.toMatchObject({ code: 'too-large' })
    expect(await one.atomic.add(key, bytes('a'), minute)).not.toBeNull()
  })

  test('a memcached without CAS is refused instead of being overwritten blindly', async () => {
    const without = await startMemcached(['-C'])
    const items = connectItems(without.address)
    try {
      await expect(items.atomic.add(key, bytes('a'), minute)).rejects.toThrow(/without CAS/)
    } finally {
      items.close()
      await without.stop()
    }
  })

  // Its CAS begins at 1 again, so the old number soon names another item.
  test('a version from before a restart of memcached is never mistaken for one after it', async () => {
    const first = await startMemcached()
    const items = connectItems(first.address)
    const added = await items.atomic.add(key, bytes('before'), minute)
    await first.stop()
    const second = await startMemcached([], first.port)
    const other = connectItems(second.address)
    try {
      const again = await other.atomic.add(key, bytes('after'), minute)
      expect(again!.cas).toEqual(added!.cas)
      expect(await items.atomic.replace(added!, bytes('stale'), minute).catch(() => null)).toBeNull()
      expect((await other.atomic.get(key))?.value.toString()).toBe('after')
    } finally {
      items.close()
      other.close()
      await second.stop()
    }
  })
})

describe('claims', () => {
  const claims = () => [new Claims(one.atomic, 60), new Claims(two.atomic, 60)] as const

  test('a render is stored over its claim', async () => {
    const [here] = claims()
    const claim = (await here.begin(key))!
    expect(claim.found).toBeNull()
    expect(await here.store(claim, bytes('page'), minute)).toBe(true)
    expect(await valueOf()).toBe('page')
  })

  test('a purge during the render wins', async () => {
    const [here] = claims()
    const claim = (await here.begin(key))!
    await remove()
    expect(await here.store(claim, bytes('old'), minute)).toBe(false)
    expect(await valueOf()).toBeUndefined()
  })

  test('a purge during the render wins also after the next visitor has claimed', async () => {
    const [here, there] = claims()
    const old = (await here.begin(key))!
    await remove()
    const fresh = (await there.begin(key))!
    expect(await here.store(old, bytes('old'), minute)).toBe(false)
    expect(await there.store(fresh, bytes('fresh'), minute)).toBe(true)
    expect(await here.store(old, bytes('old'), minute)).toBe(false)
    expect(await valueOf()).toBe('fresh')
  })

  test('a purge over a stale entry that is being rendered again wins', async () => {
    const [here] = claims()
    await one.atomic.add(key, bytes('stale entry'), minute)
    const claim = (await here.begin(key))!
    expect(claim.found?.toString()).toBe('stale entry')
    await remove()
    expect(await here.store(claim, bytes('old'), minute)).toBe(false)
  })

  test('of two renders the first to end is stored', async () => {
    const [here, there] = claims()
    const a = (await here.begin(key))!
    const b = (await there.begin(key))!
    expect(await there.store(b, bytes('b'), minute)).toBe(true)
    expect(await here.store(a, bytes('a'), minute)).toBe(false)
    expect(await valueOf()).toBe('b')
  })
})

describe('claims beside the page (raw mode)', () => {
  const purge = async () => {
    await remove(besideKeyOf(key))
    await remove()
  }
  /** `beforeSet` happens when the page is on its way to memcached. */
  const claimsOf = (beforeSet = async () => {}) => new RawClaims(one.atomic, {
    async set(name, value) {
      await beforeSet()
      await one.atomic.add(name, value, minute)
    },
    delete: (name) => remove(name)
  }, 60)

  test('a render is stored, and the claim is never the page', async () => {
    const claims = claimsOf()
    const claim = (await claims.begin(key))!
    expect(await valueOf()).toBeUndefined()
    expect(await claims.store(key, claim, bytes('page'), {})).toBe(true)
    expect(await valueOf()).toBe('page')
  })

  test('a purge during the render wins', async () => {
    const claims = claimsOf()
    const claim = (await claims.begin(key))!
    await purge()
    await claims.begin(key)
    expect(await claims.store(key, claim, bytes('old'), {})).toBe(false)
    expect(await valueOf()).toBeUndefined()
  })

  test('a purge while the page is being stored wins, a moment later', async () => {
    const claims = claimsOf(purge)
    const claim = (await claims.begin(key))!
    expect(await claims.store(key, claim, bytes('old'), {})).toBe(false)
    expect(await valueOf()).toBeUndefined()
  })
})

describe('the ban list', () => {
  const lists = (holdMs = 0) => [new BanLists(one.atomic, { key, longestLifeSeconds: 3600, holdMs }), new BanLists(two.atomic, { key, longestLifeSeconds: 3600, holdMs })] as const

  test('two processes that begin together agree on one epoch', async () => {
    const [here, there] = lists()
    const [a, b] = await Promise.all([here.clock(), there.clock()])
    expect(a).toBe(b)
  })

  test('no purge is lost when many come at once from two processes', async () => {
    const [here, there] = lists()
    const before = await here.clock()
    const tags = Array.from({ length: 200 }, (_, i) => `tag${i}`)
    await Promise.all(tags.map((tag, i) => (i % 2 === 0 ? here : there).append({ kind: 'tag', tags: [tag] })))
    const list = await here.current()
    expect(list.counter).toBe(200)
    for (const tag of tags) expect(judgeByBans(formatBanList(list), before, [tag], () => '')).toBe('covered')
    expect(judgeByBans(formatBanList(list), clockOf(list), tags, () => '')).toBe('good')
  })

  test('purges one after the other', async () => {
    const [here] = lists()
    for (let i = 1; i <= 5; i++) expect((await here.append({ kind: 'all' })).counter).toBe(i)
  })

  test('a clock read before a purge is covered, one read after it is not', async () => {
    const [here, there] = lists()
    const before = await here.clock()
    await there.append({ kind: 'all' })
    const after = await here.clock()
    const text = (await valueOf())!
    expect(judgeByBans(text, before, [], () => '')).toBe('covered')
    expect(judgeByBans(text, after, [], () => '')).toBe('good')
  })

  test('a list that was lost disowns everything older', async () => {
    const [here, there] = lists()
    const before = await here.clock()
    await remove()
    await there.append({ kind: 'tag', tags: ['x'] })
    expect(judgeByBans((await valueOf())!, before, [], () => '')).toBe('unknown')
    expect(await here.clock()).not.toBe(before)
  })

  test('bytes that are no list are replaced by one', async () => {
    await one.atomic.add(key, bytes('who knows'), minute)
    const [here] = lists()
    expect(clockOf(parseBanList((await here.clock(), (await valueOf())!))!)).toBe(await here.clock())
  })

  test('a held clock is used again, and a purge of this process is in it at once', async () => {
    const [here, there] = lists(60_000)
    const first = await here.clock()
    await there.append({ kind: 'all' })
    expect(await here.clock()).toBe(first)
    const appended = await here.append({ kind: 'all' })
    expect(await here.clock()).toBe(clockOf(appended))
  })

  test('without memcached it says so', async () => {
    const gone = await startMemcached()
    await gone.stop()
    const items = connectItems(gone.address, 200)
    try {
      await expect(new BanLists(items.atomic, { key, longestLifeSeconds: 60 }).append({ kind: 'all' })).rejects.toMatchObject({ name: 'StoreError' })
    } finally {
      items.close()
    }
  })
})
