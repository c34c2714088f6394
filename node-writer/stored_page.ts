// What memcached has for a page now, read as Nginx reads it: by the page's key, or that by the rule of its path, through a
// vary marker by a second key, and judged by the ban list.

import { clockOf, formatBanList, judgeByBans } from '../njs/core/bans.js'
import { type EntryHead, FIXED_BYTES, headBytes, parseHead } from '../njs/core/entry.js'
import { applySearchRule, type LearntRule } from '../njs/core/no_vary_search.js'
import { digestOf, parseMarker } from '../njs/core/vary.js'
import type { BanLists } from './invalidation/ban_list.js'
import { isClaim } from './invalidation/claim.js'
import { type PageAddress } from './key.js'
import type { LoadedPolicy } from './policy/types.js'
import { hasQuery, keyByRule, readRule } from './search_rules.js'
import { type FieldOf, secondKey } from './second_keys.js'
import { routeOf } from './storable.js'
import type { Reader } from './store.js'

export interface StoredPage {
  /** Where the entry lies: the page's key, that by the rule of its path, or a second one. */
  key: string
  head: EntryHead
  body: Buffer
}

/** 'vary-miss': it is there in other forms only. Null when there is nothing usable: no entry, an unreadable one, a body that is gone. */
export type Found = StoredPage | 'vary-miss' | null

/** Who asks for which page. */
export interface Wanted {
  address: PageAddress
  field: FieldOf
  policy: LoadedPolicy
  lists: BanLists
}

/** Looks where Nginx looks. Rejects when memcached is in trouble. */
export async function readStoredPage(reader: Reader, wanted: Wanted): Promise<Found> {
  const { address, policy } = wanted
  const item = await reader.get(address.key)
  if (policy.mode === 'raw') return item === null ? null : rawPage(item, wanted)
  const found = item === null || isClaim(item.value) ? null : await readItem(reader, address.key, item.value, wanted, null)
  if ((found !== null && found !== 'vary-miss') || !hasQuery(address)) return found
  const rule = await readRule(reader, address, policy)
  const key = rule === null ? address.key : keyByRule(address, rule, policy)
  const other = key === address.key ? null : await reader.get(key)
  return rule === null || other === null ? found : readItem(reader, key, other.value, wanted, rule)
}

/** What an item means for this request; `rule`: that by which it was found, null when it lies under the page's own key. */
export async function readItem(reader: Reader, key: string, item: Buffer, wanted: Wanted, rule: LearntRule | null): Promise<Found> {
  const marker = parseMarker(item.toString('latin1'))
  if (marker === null) return readEntry(reader, key, item, wanted, rule)
  const second = secondKey(key, marker.token, marker.fields, wanted.field)
  const entry = second === '' || !marker.digests.includes(digestOf(second)) ? null : await reader.get(second)
  return entry === null ? 'vary-miss' : readEntry(reader, second, entry.value, wanted, rule)
}

async function readEntry(reader: Reader, key: string, item: Buffer, wanted: Wanted, rule: LearntRule | null): Promise<StoredPage | null> {
  const bytes = headBytes(item.toString('latin1', 0, FIXED_BYTES))
  const head = bytes < 0 ? null : parseHead(item.toString('latin1', 0, bytes), item.length)
  if (head === null) return null
  // Good only with the rule that it was stored by (search_rules.ts).
  const { address, policy } = wanted
  if (head.rule !== (rule?.token ?? '') && (rule !== null || head.rule !== (await readRule(reader, address, policy))?.token)) return null
  if (!(await isGood(head, wanted, rule === null ? address.target : applySearchRule(address.target, rule)))) return null
  if (head.bodyKey === '') return { key, head, body: item.subarray(bytes) }
  const body = await reader.get(head.bodyKey)
  return body === null || body.value.length !== head.bodyBytes ? null : { key, head, body: body.value }
}

/** docs/invalidation.md: whether no ban covers it. */
async function isGood({ clock, tags }: EntryHead, { lists, address }: Wanted, target: string): Promise<boolean> {
  const judge = (list: Awaited<ReturnType<BanLists['current']>>) =>
    clockOf(list) === clock ? 'good' : judgeByBans(formatBanList(list), clock, tags, () => `${address.scheme}://${address.host}${target}`)
  const judgement = judge(await lists.current())
  // Newer than the list that is held.
  return (judgement === 'unknown' ? judge(await lists.fresh()) : judgement) === 'good'
}

/** A raw entry is the body alone, and good for as long as it is there. */
function rawPage({ value, gzip }: { value: Buffer; gzip: boolean }, { address, policy }: Wanted): StoredPage {
  const headers: [string, string][] = [['Content-Type', routeOf(address.target, policy).contentType], ...(gzip ? [['Content-Encoding', 'gzip'] as [string, string]] : [])]
  const times = { storedAt: 0, initialAge: 0, freshUntil: Infinity, refreshUntil: Infinity, errorUntil: Infinity }
  return { key: address.key, body: value, head: { status: 200, bodyBytes: value.length, ...times, bodyKey: '', clock: '', rule: '', tags: [], headers } }
}
