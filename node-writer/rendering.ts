// One request that the app is asked, from then on: what the client gets, which may be a stored page instead of what the
// app says; what is stored; and what those who wait for this render are told. The order is that of the methods.

import { type Asked, directivesOf, seconds } from './asked.js'
import type { Forward } from './cache_status.js'
import { capture, type CaptureReason, isFirst } from './capture.js'
import { hasPrecondition, isSelective, mayCut, notModifiedFields, partialAnswer, takeConditions } from './client_conditions.js'
import type { SkipReason } from './events.js'
import type { ResponseHead } from './http/fields.js'
import type { Lead } from './invalidation/lease.js'
import { withMadeEtag } from './made_etag.js'
import { fieldOf } from './node_request.js'
import type { PageClaim } from './page_claim.js'
import { type Answer, type Choice, replaceResponse } from './replace_response.js'
import { setField } from './request_fields.js'
import { withEarlyRefresh } from './early_refresh.js'
import { withJitter } from './ttl_jitter.js'
import { staleReason } from './stale.js'
import { isGzip, isStorable, type Storability, type Storable } from './storable.js'
import { cacheStatus, newAnswer, NOT_WHOLE, NOTHING, notModified, type Said, storedAnswer } from './stored_answer.js'
import type { StoredPage } from './stored_page.js'
import { tagsOf, withoutTagFields } from './tags.js'
import { ageOf, conditionsOf, freshenedFields, isSamePage } from './validation.js'

/** What these say is true of one request, as errors from 500 are of one moment, and not of the page. */
const ABOUT_THE_REQUEST = new Set([206, 304, 408, 412, 413, 416, 417, 421, 425, 429, 431])

interface Refusal {
  store: false
  reason: SkipReason
  detail: string
}

export class Rendering {
  /** The app has been asked whether the stored page is still the page. */
  #isAsked = false
  /** The client gets something else than the app says. */
  #isReplaced = false
  readonly #began = performance.now()
  #verdict: Storability | Refusal | undefined
  #receivedAt = 0

  /** `stored`: what there is of the page, perhaps stale; `claim`: null when nothing can be stored; `lead`: others wait. */
  constructor(
    private readonly asked: Asked,
    private readonly stored: StoredPage | null,
    private readonly claim: PageClaim | null,
    private readonly lead: Lead | null
  ) {}

  /** Makes the request one for the whole page, or for whether the stored one is still that, and watches the response. */
  begin(): void {
    const { asked, stored } = this
    const { req, res, address, shared } = asked
    const isOurs = isFirst(res) && !hasPrecondition(req)
    if (isOurs && (stored !== null || !shared.uncacheable.has(address.key))) asked.client = takeConditions(req)
    const conditions = Object.entries(stored === null ? {} : conditionsOf(stored.head))
    for (const [name, value] of conditions) setField(req, name, value)
    this.#isAsked = conditions.length > 0

    this.#watch()
    const mayReplace = isOurs && (stored !== null || asked.forward === 'refresh' || isSelective(asked.client))
    if (mayReplace || asked.forward !== '') replaceResponse(res, { mayReplace, maxBodyBytes: shared.maxBodyBytes }, (head) => this.#choose(head))
  }

  /** What passes to the client as the app says it is captured there. */
  #watch(): void {
    let head: ResponseHead
    capture(this.asked.res, this.asked.shared.memory, {
      onHead: (sent) => {
        head = sent
        if (this.#isReplaced) return false
        const judged = this.#verdict ??= this.#judge(sent)
        const isTooLong = judged.store && this.asked.shared.pages.isTooLong(sent)
        const verdict: Storability | Refusal = isTooLong ? { store: false, reason: 'item-too-large', detail: '' } : judged
        if (!verdict.store) this.#refuse(verdict, sent.status)
        return verdict.store
      },
      onBody: (body) => this.#store(head.status, body),
      onGiveUp: (reason) => this.#isReplaced || this.#giveUp(reason)
    })
  }

  // ---------------------------------------------------------------------------------------------- what the client gets

  #choose(head: ResponseHead): Choice {
    const { asked, stored } = this
    const now = seconds()
    if (stored !== null && this.#isAsked && head.status === 304) return this.#validated(stored, head, now)
    const reason = stored === null ? '' : staleReason(stored.head, head.status, asked.res, asked.shared.policy, now)
    if (stored !== null && reason !== '') return this.#stale(stored, head, now, reason)

    const verdict = this.#verdict = this.#judge(head)
    const onWhole = (body: Buffer | CaptureReason) => {
      if (!verdict.store) this.#refuse(verdict, head.status)
      else if (typeof body === 'string') this.#giveUp(body)
      else this.#store(head.status, body)
    }
    if (asked.forward === 'refresh') return { instead: this.#replaced(NOTHING), onWhole }
    const said = this.#saidOf(verdict)
    const unchanged = notModifiedFields(asked.client, head.status, head.headers, now)
    if (unchanged === null && verdict.store && mayCut(asked.client, head, asked.shared.maxBodyBytes)) {
      this.#isReplaced = true
      return { instead: (body) => this.#cut(head, body, { ...said, fwdStatus: head.status }, now), onWhole }
    }
    if (unchanged === null) return { add: asked.forward === '' ? null : cacheStatus(asked.forward as Forward, said) }
    return { instead: this.#replaced(notModified(asked, unchanged, { ...said, fwdStatus: head.status })), onWhole }
  }

  /** RFC 9111 §4.3.3, §4.3.4: the stored page is still the page, and its header is the newer one. */
  #validated(stored: StoredPage, head: ResponseHead, now: number): Choice {
    const isSame = isSamePage(stored.head.headers, head.headers)
    const fields = isSame ? freshenedFields(stored.head.headers, head.headers) : stored.head.headers
    const other: Refusal = { store: false, reason: 'other-validator', detail: '' }
    const verdict = isSame ? this.#judge({ status: stored.head.status, headers: fields }) : other
    if (verdict.store) {
      this.#verdict = verdict
      this.#store(stored.head.status, stored.body, stored.head.tags)
    } else this.#refuse(verdict, stored.head.status)
    const age = !isSame ? ageOf(stored.head, now) : verdict.store ? verdict.initialAgeSeconds : 0
    return { instead: this.#replaced(storedAnswer(this.asked, stored, fields, age, now, { fwdStatus: 304, ...this.#saidOf(verdict) })) }
  }

  /** RFC 9111 §4.2.4, RFC 5861 §4. */
  #stale(stored: StoredPage, head: ResponseHead, now: number, detail: string): Choice {
    this.#leave('served-stale', String(head.status))
    const said = { fwdStatus: head.status, ttl: stored.head.freshUntil - now, detail }
    return { instead: this.#replaced(storedAnswer(this.asked, stored, stored.head.headers, ageOf(stored.head, now), now, said)) }
  }

  /** What the client asked for of the page that is just being stored. */
  #cut(head: ResponseHead, body: Buffer | CaptureReason, said: Said, now: number): Answer {
    if (typeof body === 'string') return NOT_WHOLE
    const whole: Answer = { ...head, body }
    return newAnswer(this.asked, partialAnswer(this.asked.client, whole, now) ?? whole, said)
  }

  #replaced(answer: Answer): Answer {
    this.#isReplaced = true
    return answer
  }

  #saidOf(verdict: Storability | Refusal): Said {
    const detail = this.asked.detail === '' ? {} : { detail: this.asked.detail }
    if (!verdict.store) return { detail: verdict.reason }
    return this.claim === null ? detail : { stored: true, ttl: verdict.freshSeconds, ...detail }
  }

  // ---------------------------------------------------------------------------------------------------- what is stored

  #judge(head: ResponseHead): Storability | Refusal {
    const { asked } = this
    const { policy } = asked.shared
    // Counted from the head: a long answer must not be fresh for longer. RFC 9111 §4.2.3 adds how long the app took.
    this.#receivedAt = seconds()
    const requestedAt = this.#receivedAt - Math.floor((performance.now() - this.#began) / 1000)
    if (policy.requestDirectives && directivesOf(asked).noStore) return { store: false, reason: 'request-no-store', detail: '' }
    const authorized = fieldOf(asked.req, 'authorization') !== null
    const storability = isStorable(head, asked.address.target, policy, { requestedAt, receivedAt: this.#receivedAt, authorized })
    const { ttlJitterPercent, earlyRefreshPercent } = policy.responses
    // Of a raw entry nobody knows when it was fresh.
    const verdict = withEarlyRefresh(withJitter(storability, ttlJitterPercent), policy.mode === 'raw' ? 0 : earlyRefreshPercent)
    const tags = verdict.store ? tagsOf(verdict.fields, asked.res, asked.address, policy) : { tags: [] }
    if ('unusable' in tags) return { store: false, reason: 'tags', detail: tags.unusable }
    // A raw entry can say neither for whom it is nor that it is only to be revalidated.
    if (!verdict.store || policy.mode === 'full') return verdict
    if (verdict.varyNames.length > 0) return { store: false, reason: 'vary', detail: verdict.varyNames.join(', ') }
    return verdict.freshSeconds > 0 ? verdict : { store: false, reason: 'expired', detail: '' }
  }

  /** `kept`: the tags of the stored page that this confirms. */
  #store(status: number, body: Buffer, kept: string[] = []): void {
    const { asked, claim } = this
    const { req, address, url, shared } = asked
    const judged = this.#verdict as Storable
    // The app may have named more while it rendered.
    const tags = tagsOf(judged.fields, asked.res, address, shared.policy, kept)
    if ('unusable' in tags) return this.#refuse({ store: false, reason: 'tags', detail: tags.unusable }, status)
    const fields = withoutTagFields(judged.fields, shared.policy)
    const storable = { ...judged, fields: shared.policy.responses.makeEtag ? withMadeEtag(status, fields, body) : fields }
    if (!isGzip({ status, headers: storable.fields }, body)) return this.#leave('content-encoding', 'not gzip')
    const wasUncacheable = shared.uncacheable.delete(address.key)
    if (claim === null) return wasUncacheable ? this.#leave('was-uncacheable') : this.#end('gone')
    const field = (name: string) => fieldOf(req, name)
    // A lease of another key may lie on another server, where nothing is in the order in which it was sent.
    const onSent = () => { if (this.lead?.key === claim.key) this.lead.release() }
    const saved = shared.pages.save({ address, url, status, body, storable, ...tags, receivedAt: this.#receivedAt, claim, field, onSent })
    void saved.then((outcome) => this.#end(outcome))
  }

  #refuse({ reason, detail }: Refusal, status: number): void {
    if (reason === 'request-no-store' || ABOUT_THE_REQUEST.has(status) || status >= 500) return this.#leave(reason, detail)
    // Of an answer that is about another page than it was asked about nothing follows for the next one.
    if (reason === 'other-validator') this.#leave(reason, detail)
    else this.#leaveUncacheable(reason, detail)
    this.#forget()
  }

  #giveUp(reason: CaptureReason): void {
    if (reason !== 'body-too-large') return this.#leave(reason)
    this.#leaveUncacheable(reason)
    this.#forget()
  }

  /** The page is no longer what memcached may still have: of a page that varies, only this form of it. */
  #forget(): void {
    const { asked, claim, stored } = this
    if (asked.forward !== 'vary-miss') asked.shared.pages.forget(stored?.key ?? (claim?.key ?? asked.address.key))
  }

  #leaveUncacheable(reason: SkipReason, detail = ''): void {
    this.asked.shared.uncacheable.add(this.asked.address.key)
    this.#leave(reason, detail, 'uncacheable')
  }

  #leave(reason: SkipReason, detail = '', outcome: 'gone' | 'uncacheable' = 'gone'): void {
    this.#end(outcome)
    this.asked.shared.events.skip(this.asked.url, reason, detail)
  }

  #end(outcome: 'stored' | 'gone' | 'uncacheable'): void {
    void this.lead?.end(outcome)
  }
}
