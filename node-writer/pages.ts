// What goes on after a response has ended: its page is stored, or what is stored of it goes. Nobody waits for it.

import { encodeEntry, type EntryTimes } from './encode_entry.js'
import type { Events } from './events.js'
import { joinFields } from './http/fields.js'
import { parseNoVarySearch } from './http/no_vary_search.js'
import { formatSearchRule } from '../njs/core/no_vary_search.js'
import { Atomic } from './invalidation/atomic.js'
import type { PageAddress } from './key.js'
import { keyByRule, ruleKeyOf } from './search_rules.js'
import type { LoadedPolicy } from './policy/types.js'
import type { Render, Renders } from './renders.js'
import { type FieldOf, markSecondKey, secondKey } from './second_keys.js'
import type { Storable } from './storable.js'
import { type Store, StoreError } from './store.js'

/** A marker or a rule outlives the entries that it leads to, since one of them may be stored again for longer. */
const SIDE_ITEM_SECONDS = 24 * 60 * 60

/** For so long after a page has been stored a request may come that Nginx had looked up before. */
const FORWARDED_MS = 1000

/** Bodies that wait to be compressed or sent, of all pages together. */
const MAX_BYTES_WAITING = 64 * 1024 * 1024

/** A complete response that may be stored. */
export interface Page {
  address: PageAddress
  url: string
  /** Of the request. */
  field: FieldOf
  status: number
  body: Buffer
  storable: Storable
  tags: string[]
  /** Seconds since 1970, when the head was sent. */
  receivedAt: number
  render: Render
  /** Called when it has been stored. */
  onStored?: () => void
}

export interface PagesContext {
  policy: LoadedPolicy
  compress: boolean
  store: Store
  events: Events
  renders: Renders
}

export class Pages {
  readonly #items: Atomic
  readonly #work = new Set<Promise<void>>()
  readonly #saving = new Map<string, Promise<void>>()
  #bytesWaiting = 0

  constructor(private readonly context: PagesContext) {
    this.#items = new Atomic((key) => context.store.connectionOf(key))
  }

  save(page: Page): void {
    if (this.#bytesWaiting + page.body.length <= MAX_BYTES_WAITING) {
      const { key } = page.address
      const saved = this.#save(page).finally(() => {
        setTimeout(() => this.#saving.get(key) === saved && this.#saving.delete(key), FORWARDED_MS).unref()
      })
      this.#saving.set(key, saved)
      return this.after(saved)
    }
    this.context.renders.end(page.render)
    this.context.events.tell('dropped', { operation: 'encode', key: page.address.key, error: new Error(`more than ${MAX_BYTES_WAITING} bytes are waiting to be stored`) })
  }

  /** Settles when what this process is storing of a page, or just has, is stored; undefined when that is nothing. */
  saving(key: string): Promise<void> | undefined {
    return this.#saving.get(key)
  }

  forget(key: string): void {
    const { store, events } = this.context
    this.after(store.delete(key).then(() => undefined, (error: Error) => events.fail('delete', key, error)))
  }

  after(work: Promise<void>): void {
    this.#work.add(work)
    void work.finally(() => this.#work.delete(work))
  }

  /** When all that was begun has ended. */
  async settled(): Promise<void> {
    while (this.#work.size > 0) await Promise.all(this.#work)
  }

  async #save(page: Page): Promise<void> {
    const { policy, compress, store, events, renders } = this.context
    const { storable, receivedAt, render, address, url } = page
    const { varyNames } = storable
    const fields = joinFields(storable.fields)
    const rule = policy.mode === 'raw' ? null : parseNoVarySearch(fields['no-vary-search'] ?? '')
    const pageKey = rule === null ? address.key : keyByRule(address, rule, policy)
    const key = varyNames.length === 0 ? pageKey : secondKey(pageKey, varyNames, page.field)
    this.#bytesWaiting += page.body.length
    try {
      if (key === '') return events.skip(url, 'vary', varyNames.join(', '))
      const items = await encodeEntry({ status: page.status, headers: storable.fields }, page.body, policy, {
        key, tags: page.tags, times: timesOf(storable, receivedAt), compress, maxItemBytes: store.maxItemBytes
      })
      if (items === null) return this.#refuseTooLarge(url, address.key)
      const elapsed = Math.floor(Date.now() / 1000) - receivedAt
      const ttlSeconds = (policy.mode === 'raw' ? storable.freshSeconds : storable.itemTtlSeconds) - elapsed
      if (ttlSeconds < 1) return events.skip(url, 'expired')
      for (const item of items) {
        // Asked before every item: a purge may have come meanwhile, and its delete has then been sent already.
        if (render.purged) return events.skip(url, 'purged')
        // A body outlives its head by a minute, so that it is never the first to go.
        await store.set(item.key, item.value, { ttlSeconds: item.key === key ? ttlSeconds : ttlSeconds + 60, gzip: item.gzip })
      }
      const sideSeconds = Math.max(ttlSeconds + 60, SIDE_ITEM_SECONDS)
      if (key !== pageKey) {
        if (render.purged) return events.skip(url, 'purged')
        await markSecondKey(this.#items, pageKey, varyNames, key, sideSeconds)
      }
      if (policy.mode === 'full') await this.#learnRule(page, rule === null ? '' : formatSearchRule(rule), sideSeconds)
      page.onStored?.()
      events.tell('stored', { key, url, bytes: items.reduce((bytes, item) => bytes + item.value.length, 0), ttlSeconds: Math.max(storable.freshSeconds - elapsed, 0) })
    } catch (error) {
      if (error instanceof StoreError && error.code === 'too-large') this.#refuseTooLarge(url, address.key)
      else events.fail(error instanceof StoreError ? 'set' : 'encode', key, error as Error)
    } finally {
      this.#bytesWaiting -= page.body.length
      renders.end(render)
    }
  }

  /** The newest page of a path says what holds for it; '' when it says nothing, which matters only where there is a query. */
  async #learnRule({ address, status }: Page, rule: string, ttlSeconds: number): Promise<void> {
    const { policy, store } = this.context
    if (rule !== '') await store.set(ruleKeyOf(address, policy), Buffer.from(rule), { ttlSeconds })
    else if (status === 200 && address.target.includes('?')) await store.delete(ruleKeyOf(address, policy))
  }

  #refuseTooLarge(url: string, key: string): void {
    this.context.events.skip(url, 'item-too-large')
    this.forget(key)
  }
}

function timesOf(storable: Storable, receivedAt: number): EntryTimes {
  return {
    receivedAt,
    initialAge: storable.initialAgeSeconds,
    freshUntil: receivedAt + storable.freshSeconds,
    refreshUntil: receivedAt + storable.refreshSeconds,
    errorUntil: receivedAt + storable.errorSeconds
  }
}
