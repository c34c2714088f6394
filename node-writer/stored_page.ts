// What memcached has for a page now, read as Nginx reads it: by the page's key, and through a vary marker by a second
// key. Only a request that must go to the app anyway waits for this, and never longer than the store's timeout.

import { type EntryHead, FIXED_BYTES, headBytes, parseHead } from '../njs/core/entry.js'
import type { Policy } from '../njs/core/policy.js'
import { digestOf, parseMarker } from '../njs/core/vary.js'
import type { PageAddress } from './key.js'
import { keyByRule, readRule } from './search_rules.js'
import { type FieldOf, secondKey } from './second_keys.js'
import type { Store } from './store.js'

export interface StoredPage {
  /** Where the entry lies: the page's key, that by the rule of its path, or a second one. */
  key: string
  head: EntryHead
  body: Buffer
}

/** Null when there is nothing usable: no entry, an unreadable one, a body that is gone. Rejects when memcached is in trouble. */
export async function readStoredPage(store: Store, page: PageAddress, policy: Policy, field: FieldOf): Promise<StoredPage | null> {
  const item = await store.get(page.key)
  if (item !== null) return readItem(store, page.key, item.value, field)
  const rule = await readRule(store, page, policy)
  const key = rule === null ? page.key : keyByRule(page, rule, policy)
  const other = key === page.key ? null : await store.get(key)
  return other === null ? null : readItem(store, key, other.value, field)
}

async function readItem(store: Store, key: string, item: Buffer, field: FieldOf): Promise<StoredPage | null> {
  const marker = parseMarker(item.toString('latin1'))
  if (marker === null) return readEntry(store, key, item)
  const second = secondKey(key, marker.fields, field)
  const entry = second === '' || !marker.digests.includes(digestOf(second)) ? null : await store.get(second)
  return entry === null ? null : readEntry(store, second, entry.value)
}

async function readEntry(store: Store, key: string, item: Buffer): Promise<StoredPage | null> {
  const bytes = headBytes(item.toString('latin1', 0, FIXED_BYTES))
  const head = bytes < 0 ? null : parseHead(item.toString('latin1', 0, bytes), item.length)
  if (head === null) return null
  if (head.bodyKey === '') return { key, head, body: item.subarray(bytes) }
  const body = await store.get(head.bodyKey)
  return body === null || body.value.length !== head.bodyBytes ? null : { key, head, body: body.value }
}
