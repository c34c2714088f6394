// What memcached has for a page now, read as Nginx reads it: by the page's key, and through a vary marker by a second
// key. Only a request that must go to the app anyway waits for this, and never longer than the store's timeout.

import { type EntryHead, FIXED_BYTES, headBytes, parseHead } from '../njs/core/entry.js'
import { digestOf, parseMarker, variantKey, type VaryMarker } from '../njs/core/vary.js'
import { sha256Hex } from './key.js'
import type { Store } from './store.js'

/** A field of the request by its lower-case name, repeated ones joined by ', '; null when there is none. */
export type FieldOf = (name: string) => string | null

export interface StoredPage {
  /** Where the entry lies: the page's key or a second one. */
  key: string
  head: EntryHead
  body: Buffer
}

/** Null when there is nothing usable: no entry, an unreadable one, a body that is gone, a memcached that is away. */
export async function readStoredPage(store: Store, key: string, field: FieldOf): Promise<StoredPage | null> {
  try {
    const item = await store.get(key)
    if (item === null) return null
    const marker = parseMarker(item.value.toString('latin1'))
    if (marker === null) return await readEntry(store, key, item.value)
    const second = variantKey(key, marker.fields, field, sha256Hex)
    const entry = second === '' || !marker.digests.includes(digestOf(second)) ? null : await store.get(second)
    return entry === null ? null : await readEntry(store, second, entry.value)
  } catch {
    return null
  }
}

/** The marker under a page's key; null when there is none. Rejects when memcached is in trouble. */
export async function readMarker(store: Store, key: string): Promise<VaryMarker | null> {
  const item = await store.get(key)
  return item === null ? null : parseMarker(item.value.toString('latin1'))
}

async function readEntry(store: Store, key: string, item: Buffer): Promise<StoredPage | null> {
  const bytes = headBytes(item.toString('latin1', 0, FIXED_BYTES))
  const head = bytes < 0 ? null : parseHead(item.toString('latin1', 0, bytes), item.length)
  if (head === null) return null
  if (head.bodyKey === '') return { key, head, body: item.subarray(bytes) }
  const body = await store.get(head.bodyKey)
  return body === null || body.value.length !== head.bodyBytes ? null : { key, head, body: body.value }
}
