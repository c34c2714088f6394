// Whether an entry may be served, by the text of the ban list.
import { describe, expect, test } from 'vitest'
import { clockOf, formatBanList, judgeByBans, parseBanList, type Ban, type BanList, type Judgement } from '../../njs/core/bans.js'
import { addPurge, emptyList, MAX_COMPARED, MAX_LIST_BYTES, type Purge } from '../../node-writer/invalidation/compact.js'

const EPOCH = 'Zq3-_0aBcDeFgHiJ'
const page = 'https://example.org/blog/2024/?page=2'

/** The list after these purges, a second apart, of which nothing is let go. */
function listOf(...purges: Purge[]): BanList {
  return purges.reduce((list, purge, i) => addPurge(list, purge, i, 1e9), emptyList(EPOCH, 0))
}

function judged(list: BanList | string, counter: number | string, { tags = [] as string[], url = page } = {}): Judgement {
  const clock = typeof counter === 'string' ? counter : `${EPOCH}.${counter}`
  return judgeByBans(typeof list === 'string' ? list : formatBanList(list), clock, tags, () => url)
}

const tag = (...tags: string[]): Purge => ({ kind: 'tag', tags })
const prefix = (...prefixes: string[]): Purge => ({ kind: 'prefix', prefixes })
const pattern = (text: string, caseSensitive = false): Purge => ({ kind: 'pattern', pattern: text, caseSensitive })
const all: Purge = { kind: 'all' }

interface Case { id: string; purges: Purge[]; tags?: string[]; url?: string; good: boolean }

// The entry was rendered before the first purge.
const cases: Case[] = [
  { id: 'no purge', purges: [], good: true },
  { id: 'its tag', purges: [tag('news')], tags: ['news'], good: false },
  { id: 'the last of its tags', purges: [tag('news')], tags: ['a', 'b', 'news'], good: false },
  { id: 'another tag', purges: [tag('news')], tags: ['new', 'newsletter', 'old-news'], good: true },
  { id: 'a tag like a counter', purges: [tag('1')], tags: ['2', '11'], good: true },
  { id: 'a tag in another letter case', purges: [tag('News')], tags: ['news'], good: true },
  { id: 'a tag like a part of the list', purges: [tag('t'), prefix('https://t/')], tags: ['p', '#', 'SKB1'], good: true },
  { id: 'an entry without tags', purges: [tag('news')], good: true },
  { id: 'its prefix', purges: [prefix('https://example.org/blog/')], good: false },
  { id: 'its whole URL as a prefix', purges: [prefix(page)], good: false },
  { id: 'a longer prefix', purges: [prefix(page + '0')], good: true },
  { id: 'the prefix of another host', purges: [prefix('https://www.example.org/blog/')], good: true },
  { id: 'the prefix of another scheme', purges: [prefix('http://example.org/blog/')], good: true },
  { id: 'a pattern from the start of the target', purges: [pattern('/blog/\\d+/')], good: false },
  { id: 'a pattern in the middle of the target', purges: [pattern('2024')], good: true },
  { id: 'an alternative in the middle of the target', purges: [pattern('/news|2024')], good: true },
  { id: 'a pattern ignores case', purges: [pattern('/BLOG/')], good: false },
  { id: 'a case-sensitive pattern does not', purges: [pattern('/BLOG/', true)], good: true },
  { id: 'a pattern of the query', purges: [pattern('/.*page=2')], good: false },
  { id: 'a pattern and a port', purges: [pattern('/x')], url: 'https://example.org:8443/x', good: false },
  { id: 'a pattern that no engine can read covers everything', purges: [pattern('(')], good: false },
  { id: 'everything', purges: [all], good: false },
  { id: 'everything, then a tag', purges: [all, tag('other')], good: false },
  { id: 'the first of many', purges: [tag('news'), ...Array.from({ length: 300 }, (_, i) => tag(`t${i}`))], tags: ['news'], good: false },
  { id: 'one of many', purges: [tag(...Array.from({ length: 300 }, (_, i) => `t${i}`))], tags: ['t299'], good: false },
  { id: 'none of many', purges: [tag(...Array.from({ length: 300 }, (_, i) => `t${i}`))], tags: ['t300', 't', 't2990'], good: true }
]

describe('an entry older than the purges', () => {
  test.each(cases)('$id', ({ purges, good, tags, url }) => {
    expect(judged(listOf(...purges), 0, { ...(tags && { tags }), ...(url && { url }) })).toBe(good ? 'good' : 'covered')
  })
})

describe('an entry that began to be rendered after a purge', () => {
  test.each(cases)('$id', ({ purges, tags, url }) => {
    expect(judged(listOf(...purges), purges.length, { ...(tags && { tags }), ...(url && { url }) })).toBe('good')
  })

  test('is covered by the next one only', () => {
    const list = listOf(tag('a'), tag('b'), tag('a'), tag('c'))
    expect([0, 1, 2, 3, 4].map((counter) => judged(list, counter, { tags: ['a'] }))).toEqual(['covered', 'covered', 'covered', 'good', 'good'])
    expect([0, 1, 2, 3, 4].map((counter) => judged(list, counter, { tags: ['b'] }))).toEqual(['covered', 'covered', 'good', 'good', 'good'])
  })
})

describe('what the list cannot tell', () => {
  const list = listOf(tag('a'))
  test.each([
    ['no list', '', `${EPOCH}.0`],
    ['another epoch', list, 'AAAAAAAAAAAAAAAA.1'],
    ['an epoch that begins like it', list, `${EPOCH.slice(0, -1)}.1`],
    ['a list older than the entry', list, `${EPOCH}.2`],
    ['something else', 'SKC1', `${EPOCH}.0`],
    ['a list of a later version', formatBanList(list).replace('SKB1', 'SKB2'), `${EPOCH}.0`]
  ])('%s', (_, text, clock) => {
    expect(judged(text, clock)).toBe('unknown')
  })

  test.each([['none', ''], ['no counter', EPOCH], ['a counter that is no number', `${EPOCH}.x`], ['a negative one', `${EPOCH}.-1`], ['only a counter', '.1']])('an entry with a clock that is none: %s', (_, clock) => {
    expect(judged(list, clock)).toBe('covered')
  })

  test('a list that was cut short, at every length', () => {
    const text = formatBanList(listOf(prefix('https://a/'), tag('a', 'b'), tag('c')))
    for (let length = 0; length < text.length; length++) expect(judged(text.slice(0, length), 0, { tags: ['c'] })).not.toBe('good')
    expect(judged(text, 0, { tags: ['d'] })).toBe('good')
  })

  // Whoever can write the list can also write pages; it must still not throw, or stall, or let a page pass by accident.
  test('any character of it changed', () => {
    const text = formatBanList(listOf(prefix('https://a/'), tag('abc'), tag('xyz')))
    for (let at = 0; at < text.length; at++) {
      for (const other of ['\n', ' ', '0', 'z', '\0']) {
        const changed = text.slice(0, at) + other + text.slice(at + 1)
        expect(['good', 'covered', 'unknown']).toContain(judged(changed, 0, { tags: ['xyz'] }))
        if (parseBanList(changed) !== null) expect(formatBanList(parseBanList(changed)!)).toBe(changed)
      }
    }
  })
})

describe('the text of the list', () => {
  test('is read back as it was written', () => {
    const list = listOf(tag('a', 'b'), prefix('https://example.org/'), pattern('/x'), pattern('/y', true), tag('c'))
    const read = parseBanList(formatBanList(list))!
    const sorted = (bans: Ban[]) => bans.map((ban) => JSON.stringify(ban)).sort()
    expect({ ...read, bans: sorted(read.bans) }).toEqual({ ...list, bans: sorted(list.bans) })
  })

  test.each([['empty', ''], ['a space', 'a b'], ['a line break', 'a\nt all 9'], ['beyond ASCII', 'é']])('holds no tag that is %s', (_, text) => {
    expect(() => formatBanList(listOf(tag(text)))).toThrow(TypeError)
  })
})

describe('the list stays small', () => {
  const hour = 3600

  test('a purge that comes again takes the place of the one before', () => {
    expect(listOf(tag('a'), tag('b'), tag('a')).bans).toEqual([{ kind: 't', argument: 'b', counter: 2 }, { kind: 't', argument: 'a', counter: 3 }])
  })

  test('a purge of everything is no line', () => {
    const list = listOf(tag('a'), prefix('https://a/'), all)
    expect(list).toMatchObject({ counter: 3, base: 3, bans: [] })
  })

  test.each([
    ['bytes', (i: number) => tag(`a-tag-of-some-length-${i}`), 3000],
    ['prefixes', (i: number) => prefix(`https://example.org/${i}/`), MAX_COMPARED * 3]
  ])('too many %s: the oldest are let go, and what they covered stays covered', (_, purgeOf, purges) => {
    let list = emptyList(EPOCH, 0)
    for (let i = 0; i < purges; i++) {
      list = addPurge(list, purgeOf(i), 0, hour)
      expect(formatBanList(list).length).toBeLessThanOrEqual(MAX_LIST_BYTES)
      expect(list.bans.filter(({ kind }) => kind !== 't').length).toBeLessThanOrEqual(MAX_COMPARED)
    }
    expect(list.base).toBeGreaterThan(0)
    for (const purge of [0, 1, list.base - 1, list.base, purges - 1]) {
      const banned = purgeOf(purge)
      const entry = { tags: banned.kind === 'tag' ? [...banned.tags] : [], url: banned.kind === 'prefix' ? banned.prefixes[0]! : page }
      // Rendered just before that purge, and just after it.
      expect(judged(list, purge, entry)).toBe('covered')
      expect(judged(list, purge + 1, entry)).toBe(purge + 1 < list.base ? 'covered' : 'good')
    }
  })

  test('more tags at once than the list can hold are a purge of everything', () => {
    const list = listOf(tag(...Array.from({ length: 5000 }, (_, i) => `a-tag-of-some-length-${i}`)))
    expect(list).toMatchObject({ base: 1, bans: [] })
  })

  test('bans whose entries have all expired are let go', () => {
    let list = addPurge(emptyList(EPOCH, 0), tag('old'), 1, hour)
    list = addPurge(list, tag('still-needed'), hour, hour)
    expect(list.bans.map(({ argument }) => argument)).toEqual(['old', 'still-needed'])
    list = addPurge(list, tag('new'), 2 * hour, hour)
    expect(list.bans.map(({ argument }) => argument)).toEqual(['still-needed', 'new'])
    expect(list.base).toBe(1)
    expect(judged(list, 1, { tags: ['still-needed'] })).toBe('covered')
    expect(judged(list, 1, { tags: ['other'] })).toBe('good')
  })

  test('a clock that was set back only keeps bans for longer', () => {
    const list = addPurge(listOf(tag('a')), tag('b'), -1e6, hour)
    expect(list.bans).toHaveLength(2)
  })

  test('the clock counts purges, not bans', () => {
    expect(clockOf(listOf(tag('a', 'b'), all))).toBe(`${EPOCH}.2`)
  })
})
