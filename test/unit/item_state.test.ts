// What a listing says of an item is what Nginx would do with it.

import { describe, expect, test } from 'vitest'
import { type Ban, formatBanList } from '../../njs/core/bans.js'
import { type EntryHead, formatHead } from '../../njs/core/entry.js'
import { formatMarker } from '../../njs/core/vary.js'
import { Bans, readItem } from '../../node-writer/listing/item_state.js'
import type { KeyText } from '../../node-writer/listing/key_text.js'

const NOW = 2000
const page: KeyText = { role: 'page', url: 'http://example.org/blog/1', isWhole: true, variants: '' }
const head: EntryHead = { status: 200, bodyBytes: 0, storedAt: 1900, initialAge: 0, freshUntil: 2100, refreshUntil: 2100, errorUntil: 2100, bodyKey: '', clock: 'e.5', rule: '', tags: ['news'], headers: [] }
const list = (...bans: Ban[]): Bans => new Bans(formatBanList({ epoch: 'e', counter: 9, base: 2, markTime: 0, markCounter: 0, bans }))
const stateOf = (text: string, bans: Bans | null = list(), key = page, mode: 'full' | 'raw' = 'full'): string => readItem(key, Buffer.from(text), text.length, bans, mode, NOW).state

describe('entries', () => {
  test.each<{ id: string; change?: Partial<EntryHead>; bans?: Bans | null; key?: KeyText; state: string }>([
    { id: 'fresh', state: 'fresh' },
    { id: 'stale, refreshed while it is served', change: { freshUntil: 2000, refreshUntil: 2001, errorUntil: 2000 }, state: 'stale' },
    { id: 'stale, when the app fails', change: { freshUntil: 2000, refreshUntil: 2000, errorUntil: 2001 }, state: 'stale' },
    { id: 'only to be confirmed', change: { freshUntil: 2000, refreshUntil: 2000, errorUntil: 2000 }, state: 'revalidate' },
    { id: 'its tag is banned', bans: list({ kind: 't', argument: 'news', counter: 6 }), state: 'banned' },
    { id: 'its tag was banned before', bans: list({ kind: 't', argument: 'news', counter: 5 }), state: 'fresh' },
    { id: 'another tag', bans: list({ kind: 't', argument: 'sport', counter: 6 }), state: 'fresh' },
    { id: 'its prefix', bans: list({ kind: 'p', argument: 'http://example.org/blog', counter: 6 }), state: 'banned' },
    { id: 'a pattern', bans: list({ kind: 'r', argument: '/BLOG', counter: 6 }), state: 'fresh' },
    { id: 'a pattern without case', bans: list({ kind: 'i', argument: '/BLOG', counter: 6 }), state: 'banned' },
    { id: 'everything', change: { clock: 'e.1' }, state: 'banned' },
    { id: 'no clock, and so no ban', change: { clock: '' }, bans: new Bans(null), state: 'fresh' },
    { id: 'a ban counts before freshness', change: { freshUntil: 1 }, bans: list({ kind: 't', argument: 'news', counter: 6 }), state: 'banned' },
    { id: 'another epoch', change: { clock: 'f.5' }, state: 'disowned' },
    { id: 'no list', bans: new Bans(null), state: 'disowned' },
    { id: 'a list that cannot be read', bans: new Bans('SKB1 e.5 nonsense\n'), state: 'disowned' },
    { id: 'the list did not answer', bans: null, state: 'unsure' },
    { id: 'a shortened key, no prefix or pattern', key: { ...page, isWhole: false }, state: 'fresh' },
    { id: 'a shortened key and a short prefix', key: { ...page, isWhole: false }, bans: list({ kind: 'p', argument: 'http://example.org/b', counter: 6 }), state: 'banned' },
    { id: 'a shortened key and another prefix', key: { ...page, isWhole: false }, bans: list({ kind: 'p', argument: 'http://example.org/c', counter: 6 }), state: 'fresh' },
    { id: 'a shortened key and a longer prefix', key: { ...page, isWhole: false }, bans: list({ kind: 'p', argument: 'http://example.org/blog/12', counter: 6 }), state: 'unsure' },
    { id: 'a shortened key and a pattern', key: { ...page, isWhole: false }, bans: list({ kind: 'i', argument: '/x', counter: 6 }), state: 'unsure' }
  ])('$id: $state', ({ change = {}, bans, key, state }) => {
    expect(stateOf(formatHead({ ...head, ...change }), bans, key)).toBe(state)
  })
})

test.each<{ id: string; text: string; key?: Partial<KeyText>; mode?: 'raw'; state: string }>([
  { id: 'a claim', text: 'SKC1 AbCdEfGhI-_0', state: 'claim' },
  { id: 'a marker', text: formatMarker({ fields: ['accept'], token: 'AbCdEfGhI-_0', digests: [] }), state: 'marker' },
  { id: 'a marker under a second key', text: formatMarker({ fields: ['accept'], token: 'AbCdEfGhI-_0', digests: [] }), key: { role: 'second' }, state: 'unreadable' },
  { id: "somebody else's bytes", text: '<html>', state: 'unreadable' },
  { id: 'an entry that is cut short', text: formatHead({ ...head, bodyBytes: 5 }), state: 'unreadable' },
  { id: 'raw mode', text: '<html>', mode: 'raw', state: 'raw' },
  { id: "raw mode's claim", text: 'SKC1 AbCdEfGhI-_0', key: { role: 'claim' }, mode: 'raw', state: 'claim' },
  { id: 'a lease', text: 'x', key: { role: 'lease' }, state: 'lease' },
  { id: 'an uncacheable page', text: 'uncacheable', key: { role: 'lease' }, state: 'uncacheable' },
  { id: 'a rule', text: 'SKN2 s', key: { role: 'rule' }, state: 'rule' },
  { id: 'a claim on a rule', text: 'SKC1 AbCdEfGhI-_0', key: { role: 'rule' }, state: 'claim' },
  { id: 'a raw page that looks like a claim', text: 'SKC1 AbCdEfGhI-_0', mode: 'raw', state: 'raw' },
  { id: 'a body', text: '', key: { role: 'body' }, state: 'body' },
  { id: 'the ban list', text: '', key: { role: 'bans' }, state: 'bans' },
  { id: "a later version's", text: '', key: { role: 'unknown' }, state: 'unreadable' }
])('$id', ({ text, key = {}, mode, state }) => {
  expect(stateOf(text, list(), { ...page, ...key }, mode)).toBe(state)
})
