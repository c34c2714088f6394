// What goes on after a response has ended: its page is stored, by the claim that was made before its render, or what is
// stored of it goes. Only those who wait for this page wait for it.

import type { BodyMemory } from './body_memory.js'
import { encodeEntry, type EntryTimes, isTooLong, type Item } from './encode_entry.js'
import type { Events } from './events.js'
import { joinFields, type ResponseHead } from './http/fields.js'
import { parseNoVarySearch } from './http/no_vary_search.js'
import type { Invalidation } from './invalidation/invalidation.js'
import type { PageAddress } from './key.js'
import type { FullClaim, PageClaim, RawClaim } from './page_claim.js'
import type { LoadedPolicy } from './policy/types.js'
import { keyByRule, learnRule } from './search_rules.js'
import { type FieldOf, formOf } from './second_keys.js'
import type { Storable } from './storable.js'
import { type Store, StoreError } from './store.js'

/** A marker outlives the entries that it leads to, since one of them may be stored again for longer. */
const MARKER_SECONDS = 24 * 60 * 60

/** A rule is not written again as long as it is the same; memcached keeps nothing for longer. */
const RULE_SECONDS = 30 * 24 * 60 * 60

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
  claim: PageClaim
  /** Called when what stores it has been sent, if that is one command: what is sent now comes after it. */
  onSent(): void
}

export interface PagesContext {
  policy: LoadedPolicy
  compress: boolean
  memory: BodyMemory
  store: Store
  events: Events
  invalidation: Invalidation
}

/** As those who wait for the render are told (invalidation/lease.ts). */
export type SaveOutcome = 'stored' | 'gone' | 'uncacheable'

export class Pages {
  #hasRules = false
  readonly #work = new Set<Promise<unknown>>()
  #bytesWaiting = 0

  constructor(private readonly context: PagesContext) {}

  /** Never rejects. */
  save(page: Page): Promise<SaveOutcome> {
    const { length } = page.body
    if (this.#bytesWaiting + length > MAX_BYTES_WAITING) {
      const error = new Error(`more than ${MAX_BYTES_WAITING} bytes are waiting to be stored`)
      this.context.events.tell('dropped', { operation: 'encode', key: page.address.key, error })
      return Promise.resolve('gone')
    }
    this.#bytesWaiting += length
    const saved = this.#save(page).finally(() => { this.#bytesWaiting -= length })
    this.after(saved)
    return saved
  }

  /** Whether a page has been seen that has a rule for its path: this is for all of a process, and only spares others the search. */
  get hasRules(): boolean {
    return this.#hasRules
  }

  /** Whether its page could be stored, as far as its head tells. */
  isTooLong(head: ResponseHead): boolean {
    const { compress, store } = this.context
    return isTooLong(head, { compress, maxItemBytes: store.maxItemBytes })
  }

  forget(key: string): void {
    const { store, events } = this.context
    this.after(store.delete(key).catch((error: Error) => events.fail('delete', key, error)))
  }

  after(work: Promise<unknown>): void {
    this.#work.add(work)
    void work.finally(() => this.#work.delete(work))
  }

  /** When all that was begun has ended. */
  async settled(): Promise<void> {
    while (this.#work.size > 0) await Promise.all(this.#work)
  }

  async #save(page: Page): Promise<SaveOutcome> {
    const { events, policy } = this.context
    const { address, claim, url, storable, receivedAt } = page
    try {
      const elapsed = Math.floor(Date.now() / 1000) - receivedAt
      const ttlSeconds = (policy.mode === 'raw' ? storable.freshSeconds : storable.itemTtlSeconds) - elapsed
      if (ttlSeconds < 1) return this.#skip(page, 'expired')
      const stored = claim.mode === 'raw' ? await this.#saveRaw(page, claim, ttlSeconds) : await this.#saveFull(page, claim, ttlSeconds)
      if (typeof stored === 'string') return stored
      events.tell('stored', { ...stored, url, ttlSeconds: Math.max(storable.freshSeconds - elapsed, 0) })
      return 'stored'
    } catch (error) {
      if (error instanceof StoreError && error.code === 'too-large') return this.#refuseTooLarge(page)
      events.fail(error instanceof StoreError ? 'set' : 'encode', address.key, error as Error)
      return 'gone'
    }
  }

  async #saveRaw(page: Page, claim: RawClaim, ttlSeconds: number): Promise<Stored | SaveOutcome> {
    const [item] = (await this.#encode(page, { key: claim.key })) ?? []
    if (item === undefined) return this.#refuseUnsent(page)
    const isStored = await this.context.invalidation.rawClaims.store(claim.key, claim.version, item.value, { ttlSeconds, gzip: item.gzip })
    return isStored ? this.#sent(page, claim.key, [item]) : this.#skip(page, 'purged')
  }

  async #saveFull(page: Page, claim: FullClaim, ttlSeconds: number): Promise<Stored | SaveOutcome> {
    const { policy, store, invalidation } = this.context
    const { items, claims } = invalidation
    const { address, storable } = page
    const rule = parseNoVarySearch(joinFields(storable.fields)['no-vary-search'] ?? '')
    if (rule !== null) this.#hasRules = true
    const isElsewhere = claim.key !== (rule === null ? address.key : keyByRule(address, rule, policy))
    // First: a purge that comes from now on knows the rule.
    const token = claim.rule === null ? '' : await learnRule(items, claim.rule, rule, page.status === 200, RULE_SECONDS)
    if (token === null) return this.#skip(page, 'purged')
    // Without a claim on the rule it would be stored under none, and a purge of another spelling would not look for it.
    if (isElsewhere || (rule !== null && claim.rule === null)) return this.#skip(page, 'new-rule')

    const { varyNames } = storable
    const form = varyNames.length === 0 ? null : formOf(claims, claim.page, claim.key, varyNames, page.field)
    if (form?.key === '') return this.#skip(page, 'vary', varyNames.join(', '))
    const key = form?.key ?? claim.key
    const encoded = await this.#encode(page, { key, clock: claim.clock, rule: token })
    const head = encoded?.at(-1)
    if (encoded === null || head === undefined) return this.#refuseUnsent(page)
    for (const item of encoded) store.checkSize(item.key, item.value)
    // The body first, and for a minute longer, so that it is never the first to go.
    const [body] = encoded.slice(0, -1)
    if (body !== undefined) await store.set(body.key, body.value, { ttlSeconds: ttlSeconds + 60, gzip: body.gzip })
    if (form !== null) await store.set(key, head.value, { ttlSeconds })
    const storing = form === null
      ? claims.store(claim.page, head.value, { ttlSeconds })
      : form.mark({ ttlSeconds: Math.max(ttlSeconds + 60, MARKER_SECONDS) })
    if (form === null) page.onSent()
    if (!(await storing)) return this.#skip(page, 'purged')
    return this.#sent(page, key, encoded)
  }

  /** memcached has acknowledged every item: only then is it sure that nobody reads from their memory any more. */
  #sent({ body }: Page, key: string, items: Item[]): Stored {
    const { memory } = this.context
    memory.give(body)
    for (const { value } of items) memory.give(value)
    return { key, bytes: items.reduce((bytes, { value }) => bytes + value.length, 0) }
  }

  #encode({ status, body, storable, tags, receivedAt }: Page, full: { key: string; clock?: string; rule?: string }): Promise<Item[] | null> {
    const { policy, compress, store } = this.context
    const times = timesOf(storable, receivedAt)
    return encodeEntry({ status, headers: storable.fields }, body, policy, { ...full, tags, times, compress, maxItemBytes: store.maxItemBytes, memory: this.context.memory })
  }

  #skip({ url }: Page, reason: 'purged' | 'new-rule' | 'vary' | 'expired', detail = ''): SaveOutcome {
    this.context.events.skip(url, reason, detail)
    return reason === 'vary' ? 'uncacheable' : 'gone'
  }

  /** Gzip may still look at the body, but for nobody. */
  #refuseUnsent(page: Page): SaveOutcome {
    this.context.memory.give(page.body)
    return this.#refuseTooLarge(page)
  }

  #refuseTooLarge({ url, claim }: Page): SaveOutcome {
    this.context.events.skip(url, 'item-too-large')
    this.forget(claim.key)
    return 'uncacheable'
  }
}

/** Bytes of all items. */
interface Stored { key: string; bytes: number }

function timesOf(storable: Storable, receivedAt: number): EntryTimes {
  return {
    receivedAt,
    initialAge: storable.initialAgeSeconds,
    freshUntil: receivedAt + storable.freshSeconds,
    refreshUntil: receivedAt + storable.refreshSeconds,
    errorUntil: receivedAt + storable.errorSeconds
  }
}
