// One request that Nginx could not answer, until the app is asked: it takes its turn, so that of many visitors of one
// page one renders it; it claims the right to store the page, before the render begins; and it is answered here when the
// page has come meanwhile. It waits for no answer of memcached longer than its timeout, and for another's render only so
// long as leases say.

import { satisfies } from '../njs/core/request_directives.js'
import { parseMarker } from '../njs/core/vary.js'
import { type Asked, directivesOf, seconds, wantedBy } from './asked.js'
import { isFirst } from './capture.js'
import { hasPrecondition, takeConditions } from './client_conditions.js'
import { canRepeat, takeLead, repeatDetached } from './detached_request.js'
import type { Lead } from './invalidation/lease.js'
import { claimPage, type PageClaim } from './page_claim.js'
import { Rendering } from './rendering.js'
import { sendAnswer } from './replace_response.js'
import { hasQuery, keyByRule, readRule } from './search_rules.js'
import { secondKey } from './second_keys.js'
import { storedAnswer } from './stored_answer.js'
import { readItem, readStoredPage, type StoredPage } from './stored_page.js'
import { ageOf } from './validation.js'

/** Null when nothing can be stored. */
type Claiming = Promise<PageClaim | null>

export class Exchange {
  readonly #asked: Asked

  constructor(asked: Asked) {
    this.#asked = asked
  }

  /** Calls `next`, soon, unless the request needs no answer of the app's. */
  begin(next?: () => void): void {
    const { shared, url, address, res } = this.#asked
    // The app is already at work: what it renders cannot be claimed before.
    if (next === undefined) return shared.events.skip(url, 'no-next')
    if (!isFirst(res)) {
      shared.events.skip(url, 'not-first')
      return next()
    }
    const prepared = this.#prepare().catch((error: Error) => {
      shared.events.fail('watch', address.key, error)
      return true
    })
    // What the app throws is the app's.
    void prepared.then((isForApp) => isForApp && process.nextTick(next))
  }

  /** Whether the app is to answer. */
  async #prepare(): Promise<boolean> {
    const { shared, req, address, url, forward } = this.#asked
    if (req.method === 'HEAD' && forward !== 'stale' && forward !== 'request' && forward !== 'refresh') {
      shared.events.skip(url, 'head')
      return true
    }
    if (forward === 'refresh') return this.#refresh()
    if (shared.uncacheable.has(address.key)) return this.#render(null, null, null)
    const turn = this.#mayFollow() ? await this.#takeTurn() : null
    return turn === 'answered' ? false : this.#goOn(turn?.lead ?? null, turn?.claim)
  }

  // ------------------------------------------------------------------------------------------------------------ turns

  /** Nginx found no page that it could use, and one that is rendered now would do. */
  #mayFollow(): boolean {
    const { shared, req, forward } = this.#asked
    if (forward === '' || forward === 'request' || hasPrecondition(req)) return false
    return !shared.policy.requestDirectives || satisfies(directivesOf(this.#asked), 0, Infinity, false)
  }

  /** Leads; or has been answered with what another has rendered; or, null, is to render whatever others do. */
  async #takeTurn(): Promise<{ lead: Lead; claim?: Claiming | undefined } | 'answered' | null> {
    const { shared, res, forward } = this.#asked
    const { leases } = shared.invalidation
    const until = performance.now() + leases.patienceMs()
    // Of a page that turns out to vary, another form may have been rendered: each form has its own leader then.
    for (const isForm of [forward !== 'uri-miss', true]) {
      const key = await this.#leaseKey(isForm)
      let claim: Claiming | undefined
      // Sent with the question for the lease, and dropped unless that is got.
      const onAsked = this.#liesWith(key) ? () => { claim = this.#claim() } : undefined
      const lead = await leases.turn(key, () => this.#isStored(), until, onAsked)
      if (typeof lead === 'object' && !res.destroyed) return { lead, claim }
      if (typeof lead === 'object') await lead.end('gone')
      // The visitor has gone while he waited.
      if (res.destroyed) return 'answered'
      if (lead === 'render') return null
      const found = await readStoredPage(shared.reads, wantedBy(this.#asked)).catch(() => null)
      if (found !== null && found !== 'vary-miss' && this.#answerFresh(found)) return 'answered'
    }
    return null
  }

  /** Where it is agreed who renders: the key under which the page lies; each form of a page that varies has its own. */
  async #leaseKey(isForm: boolean): Promise<string> {
    const { shared, address } = this.#asked
    const { policy, reads } = shared
    if (policy.mode === 'raw') return address.key
    try {
      const rule = hasQuery(address) ? await readRule(reads, address, policy) : null
      const key = rule === null ? address.key : keyByRule(address, rule, policy)
      const item = isForm ? await reads.get(key) : null
      const marker = item === null ? null : parseMarker(item.value.toString('latin1'))
      return (marker === null ? '' : secondKey(key, '', marker.fields, wantedBy(this.#asked).field)) || key
    } catch {
      return address.key
    }
  }

  /** Whether the claim can be taken with this lease: at the same server, and without asking first where the page lies. */
  #liesWith(leaseKey: string): boolean {
    const { shared, address } = this.#asked
    return leaseKey === address.key && (shared.policy.mode === 'raw' || !hasQuery(address))
  }

  /** What a leader in another process has left: a page, or a marker that it led to one. */
  async #isStored(): Promise<boolean> {
    const found = await readStoredPage(this.#asked.shared.reads, wantedBy(this.#asked)).catch(() => null)
    return found === 'vary-miss' || (found !== null && found.head.freshUntil > seconds())
  }

  /** Of a page that another request has just brought, as Nginx would have answered a moment later. */
  #answerFresh(stored: StoredPage): boolean {
    const asked = this.#asked
    const now = seconds()
    const ttl = stored.head.freshUntil - now
    if (ttl <= 0) return false
    const isRaw = asked.shared.policy.mode === 'raw'
    const age = ageOf(stored.head, now)
    if (!isRaw && asked.shared.policy.requestDirectives && !satisfies(directivesOf(asked), age, ttl, false)) return false
    asked.client = takeConditions(asked.req)
    sendAnswer(asked.res, storedAnswer(asked, stored, stored.head.headers, isRaw ? null : age, now, { collapsed: true, ...(isRaw ? {} : { ttl }) }))
    return true
  }

  /** A stale page has been served; of all that see it at once, one refreshes it. */
  async #refresh(): Promise<boolean> {
    const { shared, req, res } = this.#asked
    const own = takeLead(req)
    if (own !== undefined) return this.#goOn(own)
    const mayRepeat = canRepeat(req)
    const answer = () => res.writeHead(204, { 'Cache-Control': 'no-store' }).end()
    // At once: Nginx keeps the visitor's connection until then.
    if (mayRepeat) answer()
    const lead = await shared.invalidation.leases.tryLead(await this.#leaseKey(true))
    if (lead !== null && !mayRepeat) return this.#goOn(lead)
    if (lead !== null) repeatDetached(req, lead)
    else if (!mayRepeat) answer()
    return false
  }

  // ----------------------------------------------------------------------------------------------------------- claims

  async #claim(): Claiming {
    const { shared, address } = this.#asked
    try {
      return await claimPage(address, shared.policy, shared.invalidation, shared.pages.hasRules)
    } catch (error) {
      shared.events.fail('claim', address.key, error as Error)
      return null
    }
  }

  async #goOn(lead: Lead | null, claiming = this.#claim()): Promise<boolean> {
    const { shared, req, res, forward } = this.#asked
    const claim = await claiming
    // Nothing can be stored that others could wait for.
    if (claim === null) void lead?.end('uncacheable')
    const stored = forward === '' || hasPrecondition(req) ? null : await this.#readAt(claim)
    if (claim === null && forward === 'refresh') {
      res.writeHead(204, { 'Cache-Control': 'no-store' }).end()
      return false
    }
    if (res.destroyed) {
      void lead?.end('gone')
      return false
    }
    const isWanted = forward !== 'request'
    if (stored !== null && isWanted && this.#answerFresh(stored)) {
      void lead?.end('stored')
      return false
    }
    return this.#render(shared.policy.mode === 'raw' ? null : stored, claim, lead)
  }

  async #readAt(claim: PageClaim | null): Promise<StoredPage | null> {
    const { shared, address } = this.#asked
    const wanted = wantedBy(this.#asked)
    try {
      if (claim === null) return null
      const found = claim.mode === 'raw'
        ? await readStoredPage(shared.store, wanted)
        : claim.page.found === null ? null : await readItem(shared.store, claim.key, claim.page.found, wanted, claim.key === address.key ? null : claim.rule?.rule ?? null)
      return found === 'vary-miss' ? null : found
    } catch {
      return null
    }
  }

  /** The app is asked, now. */
  #render(stored: StoredPage | null, claim: PageClaim | null, lead: Lead | null): true {
    // What RFC 9111 §4.3.5 would have a HEAD freshen, a GET can also replace.
    this.#asked.req.method = 'GET'
    new Rendering(this.#asked, stored, claim, lead).begin()
    return true
  }
}
