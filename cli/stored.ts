// What memcached has of a page, found as Nginx would find it (by its key, by the rule of its path, through a vary
// marker) and judged as Nginx would judge it.

import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { clockOf } from '../njs/core/bans.js'
import { type EntryHead, headBytes } from '../njs/core/entry.js'
import type { Verdict } from '../njs/core/resolve.js'
import { digestOf } from '../njs/core/vary.js'
import { Bans, type ItemReading, readBans, readItem, type State } from '../node-writer/listing/item_state.js'
import type { LoadedPolicy } from '../node-writer/policy/types.js'
import { keyByRule, readRule } from '../node-writer/search_rules.js'
import { type FieldOf, secondKey } from '../node-writer/second_keys.js'
import { type Store, StoreError } from '../node-writer/store.js'
import { CliError } from './io.js'

/** What is printed as JSON. */
export interface Stored {
  /** 'ruleless': it was stored by a rule of its path for the query which is gone, or found by one and stored without it. */
  state: State | 'absent' | 'ruleless'
  /** Where it lies: the page's key, another one by the rule of its path, or a second key. */
  key: string
  bytes: number
  head: EntryHead | null
  ageSeconds: number | null
  freshForSeconds: number | null
  /** A head that names a body which is gone is a miss. */
  bodyMissing: boolean
  /** The fields on which the page varies, and how many of its forms are known. */
  vary: { fields: string[]; forms: number } | null
  /** The clock of the ban list now; null in raw mode and when there is no list. */
  listClock: string | null
  gzip: boolean
}

export interface StoredPage {
  server: string
  stored: Stored
  /** As stored; null when there is none. */
  body: Buffer | null
}

/** Throws a CliError that names the server when it does not answer. */
export async function readStored(store: Store, verdict: Verdict, policy: LoadedPolicy, field: FieldOf): Promise<StoredPage> {
  try {
    const bans = policy.mode === 'raw' ? new Bans(null) : await readBans(store, policy)
    const found = await look(store, verdict, policy, bans, field)
    return { server: store.serverOf(found.stored.key), ...found }
  } catch (error) {
    if (error instanceof StoreError) throw new CliError(error.message)
    throw error
  }
}

type Found = Omit<StoredPage, 'server'>

async function look(store: Store, verdict: Verdict, policy: LoadedPolicy, bans: Bans, field: FieldOf): Promise<Found> {
  const url = `${verdict.scheme}://${verdict.host}${verdict.forward}`
  const read = (key: string, role: 'page' | 'second'): Promise<Found & ItemReading> => readAt(store, key, role, url, policy, bans)

  const page = { ...verdict, target: verdict.forward }
  const lookAt = async (key: string): Promise<Found> => {
    const found = await read(key, 'page')
    const { marker } = found
    if (marker === null) return found
    const vary = { fields: marker.fields, forms: marker.digests.length }
    const second = secondKey(key, marker.token, marker.fields, field)
    const entry = second !== '' && marker.digests.includes(digestOf(second)) ? await read(second, 'second') : null
    const shown = entry === null || entry.stored.state === 'absent' ? found : entry
    return { stored: { ...shown.stored, vary }, body: shown.body }
  }
  const own = await lookAt(page.key)
  const needsRule = own.stored.state === 'absent' || (own.stored.head !== null && own.stored.head.rule !== '')
  if (policy.mode === 'raw' || !needsRule) return own
  const rule = await readRule(store, page, policy)
  if (own.stored.head !== null && own.stored.head.rule === rule?.token) return own
  const key = rule === null ? page.key : keyByRule(page, rule, policy)
  const other = rule === null || key === page.key ? null : await lookAt(key)
  if (other !== null && other.stored.head !== null && other.stored.head.rule === rule?.token) return other
  const shown = other === null || other.stored.state === 'absent' ? own : other
  return shown.stored.head === null ? shown : { ...shown, stored: { ...shown.stored, state: 'ruleless' } }
}

async function readAt(store: Store, key: string, role: 'page' | 'second', url: string, policy: LoadedPolicy, bans: Bans): Promise<Found & ItemReading> {
  const item = await store.get(key)
  const now = Math.floor(Date.now() / 1000)
  const text = { role, url, isWhole: true, variants: '' }
  const value = item?.value ?? Buffer.alloc(0)
  const reading = readItem(text, value, value.length, bans, policy.mode, now)
  const { head } = reading
  const body = item === null ? null : await bodyOf(store, value, reading)
  const stored: Stored = {
    state: item === null ? 'absent' : reading.state,
    key,
    bytes: value.length,
    head,
    ageSeconds: head === null ? null : head.initialAge + Math.max(now - head.storedAt, 0),
    freshForSeconds: head === null ? null : head.freshUntil - now,
    bodyMissing: head !== null && body === null,
    vary: null,
    listClock: bans.list === null ? null : clockOf(bans.list),
    gzip: head === null ? (item?.gzip ?? false) : head.headers.some(([name, coding]) => name.toLowerCase() === 'content-encoding' && coding === 'gzip')
  }
  return { ...reading, stored, body }
}

async function bodyOf(store: Store, value: Buffer, { state, head }: ItemReading): Promise<Buffer | null> {
  if (state === 'raw') return value
  if (head === null) return null
  return head.bodyKey === '' ? value.subarray(headBytes(value.toString('latin1', 0, 13))) : ((await store.get(head.bodyKey))?.value ?? null)
}

/** As the client that takes no gzip gets it. */
export async function inflated({ body, stored }: StoredPage): Promise<Buffer | null> {
  if (body === null || !stored.gzip) return body
  try {
    return await promisify(gunzip)(body)
  } catch (error) {
    throw new CliError(`the body claims to be gzip and is not: ${(error as Error).message}; --raw writes it as it is`)
  }
}
