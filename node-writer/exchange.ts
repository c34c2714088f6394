// One request that Nginx could not answer, from the look-up to what the client gets and what is stored. The order is
// that of the methods. Only a request that is about a stored page waits for memcached, and never longer than its timeout.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { parseRequestDirectives, type RequestDirectives, satisfies } from '../njs/core/request_directives.js'
import { type CacheStatus, type Forward, formatCacheStatus } from './cache_status.js'
import { capture, type CaptureReason, isFirst, type ResponseHead } from './capture.js'
import {
  type ClientConditions, hasPrecondition, isSelective, mayCut, notModifiedFields, partialAnswer, takeConditions, UNCONDITIONAL
} from './client_conditions.js'
import type { Events, SkipReason } from './events.js'
import type { Fields } from './http/fields.js'
import type { Invalidation } from './invalidation/invalidation.js'
import { fieldOf } from './node_request.js'
import type { PageAddress } from './key.js'
import { ruleKeyOf } from './search_rules.js'
import { withMadeEtag } from './made_etag.js'
import type { Pages } from './pages.js'
import type { LoadedPolicy } from './policy/types.js'
import type { Render, Renders } from './renders.js'
import { type Answer, type Choice, replaceResponse, sendAnswer } from './replace_response.js'
import { setField } from './request_fields.js'
import { staleReason } from './stale.js'
import { isGzip, isStorable, type Storability, type Storable } from './storable.js'
import type { Store } from './store.js'
import { tagsOf, withoutTagFields } from './tags.js'
import { readStoredPage, type StoredPage } from './stored_page.js'
import type { Uncacheable } from './uncacheable.js'
import { ageOf, conditionsOf, freshenedFields, isSamePage } from './validation.js'

/** What the exchanges of a writer share. */
export interface Shared {
  policy: LoadedPolicy
  store: Store
  pages: Pages
  events: Events
  renders: Renders
  uncacheable: Uncacheable
  invalidation: Invalidation
  timeoutMs: number
  maxBodyBytes: number
}

/**
 * Set by Nginx with X-Samekey-Key: why it sends the request, `fwd` or `fwd; detail=reason`; 'refresh' when a stale page has
 * been served already.
 */
export const FORWARD_HEADER = 'x-samekey-forward'

const FORWARDS: ReadonlySet<string> = new Set(['uri-miss', 'vary-miss', 'stale', 'request', 'refresh'])

/** What these say is true of one request, as errors from 500 are of one moment, and not of the page. */
const ABOUT_THE_REQUEST = new Set([206, 304, 408, 412, 413, 416, 417, 421, 425, 429, 431])

/** A refresh that has not come to an end by then is taken for dead, and another may begin. */
const REFRESH_LEASE_SECONDS = 30

export class Exchange {
  readonly #forward: Forward | 'refresh' | ''
  /** What Nginx adds to that. */
  readonly #detail: string
  #client: ClientConditions = UNCONDITIONAL
  #stored: StoredPage | null = null
  /** The app has been asked whether the stored page is still the page. */
  #isAsked = false
  /** The client gets something else than the app says. */
  #isReplaced = false
  #began = performance.now()
  #render!: Render
  #verdict: Storability | Refusal | undefined
  #receivedAt = 0

  constructor(
    private readonly shared: Shared,
    private readonly req: IncomingMessage,
    private readonly res: ServerResponse,
    private readonly address: PageAddress,
    private readonly url: string
  ) {
    const [forward = '', detail = ''] = String(req.headers[FORWARD_HEADER] ?? '').split('; detail=')
    this.#forward = FORWARDS.has(forward) ? forward as Forward | 'refresh' : forward === '' ? '' : 'miss'
    this.#detail = detail
  }

  /** Calls `next`, now or when memcached has said what is stored, unless the request needs no answer of the app's. */
  begin(next?: () => void): void {
    const isAboutStored = this.#forward === 'stale' || this.#forward === 'request' || this.#forward === 'refresh'
    // Without `next` the app answers before memcached could. A raw entry has nothing to ask about.
    // Nginx has not found what is only just being stored.
    const mayBeSaved = this.#forward === 'uri-miss' || this.#forward === 'vary-miss' || this.#forward === 'stale'
    const saving = mayBeSaved ? this.shared.pages.saving(this.address.key) : undefined
    const mayWait = next !== undefined && this.shared.policy.mode === 'full' && isFirst(this.res)
    if (mayWait && (isAboutStored || saving !== undefined)) return void this.#lookUp(next, saving)
    try {
      if (this.req.method === 'HEAD') this.shared.events.skip(this.url, 'head')
      else this.#open()
    } catch (error) {
      this.shared.events.fail('watch', this.address.key, error as Error)
    }
    next?.()
  }

  // ------------------------------------------------------------------------------------------------------- the request

  async #lookUp(next: () => void, saving?: Promise<void>): Promise<void> {
    const { timeoutMs, events } = this.shared
    try {
      if (saving !== undefined) await within(timeoutMs, saving, undefined)
      await this.#readStored()
      if (this.#forward === 'refresh' && !(await this.#isRefresher())) {
        this.res.writeHead(204, { 'Cache-Control': 'no-store' }).end()
        return
      }
      if (saving !== undefined && this.#answerFresh()) return
      // RFC 9111 §4.3.5 would have a HEAD freshen what is stored; asked as a GET, the app can also send what is new.
      if (this.#stored !== null) this.req.method = 'GET'
      if (this.req.method === 'HEAD') events.skip(this.url, 'head')
      else this.#open()
    } catch (error) {
      events.fail('watch', this.address.key, error as Error)
    }
    // What the app throws is the app's.
    process.nextTick(next)
  }

  async #readStored(): Promise<void> {
    // RFC 9110 §13.1.1: what If-Match asks is answered by the app alone.
    if (hasPrecondition(this.req)) return
    const { store, policy, timeoutMs } = this.shared
    const field = (name: string) => fieldOf(this.req, name)
    this.#stored = await within(timeoutMs, readStoredPage(store, this.address, policy, field).catch(() => null), null)
  }

  /** Of a page that another request has just brought, as Nginx would have answered a moment later. */
  #answerFresh(): boolean {
    const stored = this.#stored
    const now = seconds()
    if (stored === null || stored.head.freshUntil <= now) return false
    const age = ageOf(stored.head, now)
    const ttl = stored.head.freshUntil - now
    if (this.shared.policy.requestDirectives && !satisfies(askedBy(this.req), age, ttl, false)) return false
    this.#client = takeConditions(this.req)
    sendAnswer(this.res, this.#storedAnswer(stored, stored.head.headers, age, now, { collapsed: true, ttl }))
    return true
  }

  /** Of all that see a stale page at once, one refreshes it; without memcached none, as nothing could be stored. */
  async #isRefresher(): Promise<boolean> {
    const { store, pages } = this.shared
    const isFresh = () => this.#stored !== null && this.#stored.head.freshUntil > seconds()
    if (isFresh()) return false
    const isMine = await store.add(this.#leaseKey, Buffer.from('1'), { ttlSeconds: REFRESH_LEASE_SECONDS }).catch(() => false)
    if (!isMine) return false
    // The one before may have come to its end since.
    await this.#readStored()
    if (isFresh()) pages.forget(this.#leaseKey)
    return !isFresh()
  }

  get #leaseKey(): string {
    return `${this.#stored?.key ?? this.address.key}#r`
  }

  /** Makes the request one for the whole page, or for whether the stored one is still that, and watches the response. */
  #open(): void {
    const { req, res, address, shared } = this
    const { policy, renders, uncacheable, maxBodyBytes } = shared
    const isOurs = isFirst(res) && !hasPrecondition(req)
    if (isOurs && (this.#stored !== null || !uncacheable.has(address.key))) this.#client = takeConditions(req)
    const conditions = Object.entries(this.#stored === null ? {} : conditionsOf(this.#stored.head))
    for (const [name, value] of conditions) setField(req, name, value)
    this.#isAsked = conditions.length > 0

    this.#render = renders.begin(address.key, ruleKeyOf(address, policy))
    this.#began = performance.now()
    this.#watch()
    const mayReplace = isOurs && (this.#stored !== null || this.#forward === 'refresh' || isSelective(this.#client))
    if (mayReplace || this.#forward !== '') replaceResponse(res, { mayReplace, maxBodyBytes }, (head) => this.#choose(head))
  }

  // ------------------------------------------------------------------------------------------------------ the response

  /** What passes to the client as the app says it is captured there. */
  #watch(): void {
    let head: ResponseHead
    capture(this.res, this.shared.maxBodyBytes, {
      onHead: (sent) => {
        head = sent
        if (this.#isReplaced) return false
        const verdict = this.#verdict ??= this.#judge(sent)
        if (!verdict.store) this.#refuse(verdict, sent.status)
        return verdict.store
      },
      onBody: (body) => this.#store(head.status, body),
      onGiveUp: (reason) => this.#isReplaced || this.#giveUp(reason)
    })
  }

  #choose(head: ResponseHead): Choice {
    const now = seconds()
    const stored = this.#stored
    if (stored !== null && this.#isAsked && head.status === 304) return this.#validated(stored, head, now)
    const reason = stored === null ? '' : staleReason(stored.head, head.status, this.res, this.shared.policy, now)
    if (stored !== null && reason !== '') return this.#stale(stored, head, now, reason)

    const verdict = this.#verdict = this.#judge(head)
    const onWhole = (body: Buffer | CaptureReason) => {
      if (!verdict.store) this.#refuse(verdict, head.status)
      else if (typeof body === 'string') this.#giveUp(body)
      else this.#store(head.status, body)
    }
    if (this.#forward === 'refresh') return { instead: this.#replaced(NOTHING), onWhole }
    const said = this.#saidOf(verdict)
    const unchanged = notModifiedFields(this.#client, head.status, head.headers, now)
    if (unchanged === null && verdict.store && mayCut(this.#client, head, this.shared.maxBodyBytes)) {
      this.#isReplaced = true
      return { instead: (body) => this.#cut(head, body, { ...said, fwdStatus: head.status }, now), onWhole }
    }
    if (unchanged === null) return { add: this.#forward === '' ? null : this.#say(said) }
    return { instead: this.#replaced(this.#answer(304, unchanged, EMPTY, { ...said, fwdStatus: head.status })), onWhole }
  }

  /** RFC 9111 §4.3.3, §4.3.4: the stored page is still the page, and its header is the newer one. */
  #validated(stored: StoredPage, head: ResponseHead, now: number): Choice {
    const isSame = isSamePage(stored.head.headers, head.headers)
    const fields = isSame ? freshenedFields(stored.head.headers, head.headers) : stored.head.headers
    const verdict = isSame ? this.#judge({ status: stored.head.status, headers: fields }) : { store: false as const, reason: 'other-validator' as const, detail: '' }
    if (verdict.store) {
      this.#verdict = verdict
      this.#store(stored.head.status, stored.body, stored.head.tags)
    } else this.#refuse(verdict, stored.head.status)
    const age = !isSame ? ageOf(stored.head, now) : verdict.store ? verdict.initialAgeSeconds : 0
    return { instead: this.#replaced(this.#storedAnswer(stored, fields, age, now, { fwdStatus: 304, ...this.#saidOf(verdict) })) }
  }

  /** RFC 9111 §4.2.4, RFC 5861 §4. */
  #stale(stored: StoredPage, head: ResponseHead, now: number, detail: string): Choice {
    this.#leave('served-stale', String(head.status))
    const said = { fwdStatus: head.status, ttl: stored.head.freshUntil - now, detail }
    return { instead: this.#replaced(this.#storedAnswer(stored, stored.head.headers, ageOf(stored.head, now), now, said)) }
  }

  // ---------------------------------------------------------------------------------------------------------- answers

  /** What the client asked for of the page that is just being stored. */
  #cut(head: ResponseHead, body: Buffer | CaptureReason, said: Omit<CacheStatus, 'fwd'>, now: number): Answer {
    if (typeof body === 'string') return NOT_WHOLE
    const whole: Answer = { ...head, body }
    const answer = partialAnswer(this.#client, whole, now) ?? whole
    return this.#answer(answer.status, answer.headers, answer.body, said)
  }

  #replaced(answer: Answer): Answer {
    this.#isReplaced = true
    return answer
  }

  #storedAnswer(stored: StoredPage, headers: Fields, age: number, now: number, said: Omit<CacheStatus, 'fwd'>): Answer {
    if (this.#forward === 'refresh') return NOTHING
    const fields: Fields = [...headers.filter(([name]) => name.toLowerCase() !== 'age'), ['Age', String(age)]]
    const unchanged = notModifiedFields(this.#client, stored.head.status, fields, now)
    if (unchanged !== null) return this.#answer(304, unchanged, EMPTY, said)
    const whole: Answer = { status: stored.head.status, headers: fields, body: stored.body }
    const answer = partialAnswer(this.#client, whole, now) ?? whole
    return this.#answer(answer.status, answer.headers, answer.body, said)
  }

  #answer(status: number, headers: Fields, body: Buffer, said: Omit<CacheStatus, 'fwd'>): Answer {
    return { status, headers: this.#forward === '' ? headers : [...headers, this.#say(said)], body }
  }

  #saidOf(verdict: Storability | Refusal): Omit<CacheStatus, 'fwd'> {
    const detail = this.#detail === '' ? {} : { detail: this.#detail }
    if (!verdict.store) return { detail: verdict.reason }
    // Nginx has just found that memcached is away.
    return this.#detail.startsWith('memcached') ? detail : { stored: true, ttl: verdict.freshSeconds, ...detail }
  }

  #say(said: Omit<CacheStatus, 'fwd'>): [string, string] {
    return ['Cache-Status', formatCacheStatus({ fwd: this.#forward as Forward, ...said })]
  }

  // ---------------------------------------------------------------------------------------------------------- storing

  #judge(head: ResponseHead): Storability | Refusal {
    const { policy } = this.shared
    // Counted from the head: a long answer must not be fresh for longer. RFC 9111 §4.2.3 adds how long the app took.
    this.#receivedAt = seconds()
    const requestedAt = this.#receivedAt - Math.floor((performance.now() - this.#began) / 1000)
    if (policy.requestDirectives && askedBy(this.req).noStore) {
      return { store: false, reason: 'request-no-store', detail: '' }
    }
    const authorized = fieldOf(this.req, 'authorization') !== null
    const verdict = isStorable(head, this.address.target, policy, { requestedAt, receivedAt: this.#receivedAt, authorized })
    const tags = verdict.store ? tagsOf(verdict.fields, this.res, this.address, policy) : { tags: [] }
    if ('unusable' in tags) return { store: false, reason: 'tags', detail: tags.unusable }
    // A raw entry can say neither for whom it is nor that it is only to be revalidated.
    if (!verdict.store || policy.mode === 'full') return verdict
    if (verdict.varyNames.length > 0) return { store: false, reason: 'vary', detail: verdict.varyNames.join(', ') }
    return verdict.freshSeconds > 0 ? verdict : { store: false, reason: 'expired', detail: '' }
  }

  /** `kept`: the tags of the stored page that this confirms. */
  #store(status: number, body: Buffer, kept: string[] = []): void {
    const { req, address, url, shared } = this
    const judged = this.#verdict as Storable
    // The app may have named more while it rendered.
    const tags = tagsOf(judged.fields, this.res, address, shared.policy, kept)
    if ('unusable' in tags) return this.#refuse({ store: false, reason: 'tags', detail: tags.unusable }, status)
    const fields = withoutTagFields(judged.fields, shared.policy)
    const storable = { ...judged, fields: shared.policy.responses.makeEtag ? withMadeEtag(status, fields, body) : fields }
    if (!isGzip({ status, headers: storable.fields }, body)) return this.#leave('content-encoding', 'not gzip')
    shared.uncacheable.delete(address.key)
    const onStored = this.#forward === 'refresh' ? { onStored: () => shared.pages.forget(this.#leaseKey) } : {}
    shared.pages.save({ address, url, status, body, storable, ...tags, receivedAt: this.#receivedAt, render: this.#render, field: (name) => fieldOf(req, name), ...onStored })
  }

  #refuse({ reason, detail }: Refusal, status: number): void {
    this.#leave(reason, detail)
    if (reason === 'request-no-store' || ABOUT_THE_REQUEST.has(status) || status >= 500) return
    this.shared.uncacheable.add(this.address.key)
    this.#forget()
  }

  #giveUp(reason: CaptureReason): void {
    this.#leave(reason)
    if (reason !== 'body-too-large') return
    this.shared.uncacheable.add(this.address.key)
    this.#forget()
  }

  /** The page is no longer what memcached may still have: of a page that varies, only this form of it. */
  #forget(): void {
    if (this.#forward !== 'vary-miss') this.shared.pages.forget(this.#stored?.key ?? this.address.key)
  }

  #leave(reason: SkipReason, detail = ''): void {
    this.shared.renders.end(this.#render)
    this.shared.events.skip(this.url, reason, detail)
  }
}

interface Refusal {
  store: false
  reason: SkipReason
  detail: string
}

const EMPTY = Buffer.alloc(0)

/** For a refresh, whose answer nobody sees. */
const NOTHING: Answer = { status: 204, headers: [['Cache-Control', 'no-store']], body: EMPTY }

/** For who wants a part of what the app did not send as long as it said. */
const NOT_WHOLE: Answer = { status: 502, headers: [['Cache-Control', 'no-store']], body: EMPTY }

function askedBy(req: IncomingMessage): RequestDirectives {
  return parseRequestDirectives(fieldOf(req, 'cache-control') ?? '', fieldOf(req, 'pragma') ?? '')
}

function seconds(): number {
  return Math.floor(Date.now() / 1000)
}

function within<Value>(ms: number, promise: Promise<Value>, otherwise: Value): Promise<Value> {
  return new Promise((resolve) => {
    // What has come meanwhile on a busy machine is read first: it is late, but there.
    const timer = setTimeout(() => setImmediate(() => resolve(otherwise)), ms)
    void promise.then((value) => {
      clearTimeout(timer)
      resolve(value)
    })
  })
}
