// One line of `samekey ls`, as data and as text.

import type { DumpedItem } from '../node-writer/listing/dump_keys.js'
import type { ItemReading, State } from '../node-writer/listing/item_state.js'
import type { KeyText } from '../node-writer/listing/key_text.js'
import { printable } from './io.js'

export interface ItemRow {
  state: State
  /** Null for what belongs to no page, and cut short ('…') for a shortened key. */
  url: string | null
  /** The selected values joined by ','; null when the policy declares none. */
  variants: string | null
  /** What it costs memcached, and a body of its own that it needs. */
  bytes: number
  /** The rest is null where it is not known. */
  status: number | null
  ageSeconds: number | null
  /** Of freshness; negative when it is stale. */
  ttlSeconds: number | null
  /** Until memcached drops it; null: never. */
  expiresInSeconds: number | null
  tags: string[]
  /** The fields on which a page varies. */
  varyFields: string[]
  clock: string | null
  bodyKey: string | null
  key: string
  server: string
}

/** `now` in seconds since 1970. */
export function rowOf(item: DumpedItem, text: KeyText, { state, head, marker }: ItemReading, server: string, now: number): ItemRow {
  return {
    state,
    url: text.url === '' ? null : text.url + (text.isWhole ? '' : '…'),
    variants: text.variants === '' ? null : text.variants,
    bytes: item.bytes + (head !== null && head.bodyKey !== '' ? head.bodyBytes : 0),
    status: head?.status ?? null,
    ageSeconds: head === null ? null : head.initialAge + Math.max(now - head.storedAt, 0),
    ttlSeconds: head === null ? null : head.freshUntil - now,
    expiresInSeconds: item.expiresAt === null ? null : item.expiresAt - now,
    tags: head?.tags ?? [],
    varyFields: marker?.fields ?? [],
    clock: head === null || head.clock === '' ? null : head.clock,
    bodyKey: head === null || head.bodyKey === '' ? null : head.bodyKey,
    key: item.key,
    server
  }
}

export const ROW_HEADER = `${'STATE'.padEnd(11)} ${'SIZE'.padStart(6)} ${'AGE'.padStart(5)} ${'TTL'.padStart(5)}  PAGE\n`

export function rowText(row: ItemRow): string {
  // What is no entry has only the time for which memcached keeps it.
  const ttl = row.ttlSeconds ?? row.expiresInSeconds
  const notes = [
    ...(row.variants === null ? [] : [`[${row.variants}]`]),
    ...(row.status === null || row.status === 200 ? [] : [`status ${row.status}`]),
    ...(row.varyFields.length === 0 ? [] : [`varies on ${row.varyFields.join(', ')}`]),
    ...(row.tags.length === 0 ? [] : [`tags ${row.tags.join(', ')}`])
  ]
  const age = row.ageSeconds === null ? '-' : shortTime(row.ageSeconds)
  return printable([row.state.padEnd(11), shortSize(row.bytes).padStart(6), age.padStart(5), (ttl === null ? '-' : shortTime(ttl)).padStart(5), '', row.url ?? row.key, ...notes].join(' ')) + '\n'
}

const TIMES: [seconds: number, unit: string][] = [[86400, 'd'], [3600, 'h'], [60, 'm']]

/** `45s`, `10m`, `3h`, `2d`: whole units, rounded towards 0. */
export function shortTime(seconds: number): string {
  // From two of a unit, so that 90 s are not told as 1 m.
  const [size, unit] = TIMES.find(([each]) => Math.abs(seconds) >= 2 * each) ?? [1, 's']
  return `${Math.trunc(seconds / size)}${unit}`
}

const SIZES: [bytes: number, unit: string][] = [[2 ** 30, 'G'], [2 ** 20, 'M'], [2 ** 10, 'K']]

/** `512`, `12.3K`, `1.0M`. */
export function shortSize(bytes: number): string {
  const [size, unit] = SIZES.find(([each]) => bytes >= each) ?? [1, '']
  return unit === '' ? String(bytes) : `${(bytes / size).toFixed(1)}${unit}`
}
