// A line of `samekey ls` for people.

import { expect, test } from 'vitest'
import { type ItemRow, rowText, shortSize, shortTime } from '../../cli/item_row.js'

test.each([
  [0, '0s'], [119, '119s'], [120, '2m'], [7199, '119m'], [7200, '2h'], [172_799, '47h'], [172_800, '2d'], [-5, '-5s'], [-300, '-5m']
])('%d seconds: %s', (seconds, text) => expect(shortTime(seconds)).toBe(text))

test.each([[0, '0'], [1023, '1023'], [1024, '1.0K'], [12_600, '12.3K'], [5 * 2 ** 20, '5.0M'], [3 * 2 ** 30, '3.0G']])('%d bytes: %s', (bytes, text) => expect(shortSize(bytes)).toBe(text))

const row: ItemRow = {
  state: 'fresh', url: 'http://h/a', variants: null, bytes: 2048, status: 200, ageSeconds: 5, ttlSeconds: 55, expiresInSeconds: 4000, tags: [], varyFields: [], clock: 'e.1', bodyKey: null, key: 'k', server: 's:1'
}

test.each<{ id: string; change: Partial<ItemRow>; line: string }>([
  { id: 'a page', change: {}, line: 'fresh         2.0K    5s   55s  http://h/a\n' },
  { id: 'what it has', change: { variants: 'de,EUR', status: 404, tags: ['a', 'g:b'] }, line: 'fresh         2.0K    5s   55s  http://h/a [de,EUR] status 404 tags a, g:b\n' },
  { id: 'a marker', change: { state: 'marker', status: null, ageSeconds: null, ttlSeconds: null, varyFields: ['accept', 'origin'] }, line: 'marker        2.0K     -   66m  http://h/a varies on accept, origin\n' },
  { id: 'no page, for ever', change: { state: 'bans', url: null, status: null, ageSeconds: null, ttlSeconds: null, expiresInSeconds: null }, line: 'bans          2.0K     -     -  k\n' },
  { id: 'control characters', change: { url: 'http://h/\u001b[2J' }, line: 'fresh         2.0K    5s   55s  http://h/\\x1b[2J\n' }
])('$id', ({ change, line }) => expect(rowText({ ...row, ...change })).toBe(line))
