// Visits pages so that they are stored, politely: few at a time, not faster than told, and not on when the site says no.
// What came of each is read off Cache-Status (RFC 9211), so nothing is known here of the cache itself.

import type { IncomingMessage } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { parseList, type Parameters } from 'structured-headers'
import { Getter } from './http_get.js'

export interface WarmRequest {
  url: string
  /** Beside the fields that all requests have. */
  fields?: readonly (readonly [name: string, value: string])[]
}

export interface WarmOptions {
  /** Where Nginx answers, `http://127.0.0.1:8080`. Default: where each URL says. */
  base?: URL
  /** Sent with every request. */
  fields?: readonly (readonly [name: string, value: string])[]
  /** Requests under way at once. Default 2. */
  concurrency?: number
  /** Requests begun in a second at most. Default: as fast as they are answered. */
  perSecond?: number
  /** Milliseconds of silence after which a page has failed. Default 60000. */
  timeoutMs?: number
  /** Aborted, no further request is begun, and those under way are given up. */
  signal?: AbortSignal
  onPage?: (page: WarmedPage) => void
}

export type WarmOutcome =
  | 'rendered' // and is being stored
  | 'fresh' // it was there already
  | 'not-stored' // rendered in vain
  | 'bypass' // never looked up
  | 'failed'

export interface WarmedPage {
  url: string
  fields: readonly (readonly [name: string, value: string])[]
  outcome: WarmOutcome
  /** Null without a response. */
  status: number | null
  ms: number
  /** Why; '' where there is nothing to say. */
  detail: string
}

export interface WarmSummary extends Record<WarmOutcome, number> {
  /** Not asked any more: aborted, or the site did not answer. */
  left: number
  /** Why the rest was not asked; '' when all were. */
  stopped: '' | 'aborted' | 'unreachable'
  ms: number
}

/** Says who asks, and takes a page as most browsers do. */
const FIELDS = [['User-Agent', 'samekey-warm'], ['Accept', 'text/html,*/*;q=0.8'], ['Accept-Encoding', 'gzip']] as const

/** After so many in a row without any response there is nobody who could render. */
const UNREACHABLE_AFTER = 10

/** A longer Retry-After is not waited for. */
const LONGEST_RETRY_SECONDS = 60

/** Never rejects; every page is told to `onPage` once. */
export async function warmUrls(requests: readonly WarmRequest[], options: WarmOptions = {}): Promise<WarmSummary> {
  const { concurrency = 2, perSecond, onPage, signal } = options
  const startedAt = Date.now()
  const summary: WarmSummary = { 'rendered': 0, 'fresh': 0, 'not-stored': 0, 'bypass': 0, 'failed': 0, 'left': requests.length, 'stopped': '', 'ms': 0 }
  const getter = new Getter(concurrency)
  let next = 0
  let nextStart = startedAt
  let unanswered = 0

  const stopped = (): boolean => signal?.aborted === true || unanswered >= UNREACHABLE_AFTER
  /** One queue for all, so that the rate is that of the whole. */
  const turn = async (): Promise<void> => {
    for (;;) {
      const wait = nextStart - Date.now()
      if (wait <= 0 || stopped()) break
      await pause(wait, undefined, signal === undefined ? {} : { signal }).catch(() => {})
    }
    if (perSecond !== undefined) nextStart = Math.max(nextStart, Date.now()) + 1000 / perSecond
  }
  const visit = async (request: WarmRequest, mayRetry: boolean): Promise<WarmedPage | 'aborted'> => {
    await turn()
    if (stopped()) return 'aborted'
    const { page, retrySeconds } = await ask(getter, request, options)
    if (page.status !== null || signal?.aborted !== true) unanswered = page.status === null ? unanswered + 1 : 0
    if (signal?.aborted === true && page.status === null) return 'aborted'
    if (!mayRetry || retrySeconds === null) return page
    // RFC 9110 §10.2.3: the site asks everybody to wait, not this page.
    nextStart = Math.max(nextStart, Date.now() + retrySeconds * 1000)
    return visit(request, false)
  }
  const work = async (): Promise<void> => {
    while (next < requests.length && !stopped()) {
      const page = await visit(requests[next++] as WarmRequest, true)
      if (page === 'aborted') return
      summary[page.outcome]++
      summary.left--
      onPage?.(page)
    }
  }
  await Promise.all(Array.from({ length: Math.min(concurrency, requests.length) }, work))
  getter.close()
  if (summary.left > 0) summary.stopped = signal?.aborted === true ? 'aborted' : 'unreachable'
  summary.ms = Date.now() - startedAt
  return summary
}

async function ask(getter: Getter, { url, fields = [] }: WarmRequest, options: WarmOptions): Promise<{ page: WarmedPage; retrySeconds: number | null }> {
  const startedAt = Date.now()
  const page = (result: Pick<WarmedPage, 'outcome' | 'status' | 'detail'>): WarmedPage => ({ url, fields, ...result, ms: Date.now() - startedAt })
  let status: number | null = null
  try {
    const { base, signal, timeoutMs = 60_000 } = options
    const response = await getter.get(url, {
      ...(base === undefined ? {} : { base }),
      ...(signal === undefined ? {} : { signal }),
      fields: withDefaults([...(options.fields ?? []), ...fields]),
      timeoutMs
    })
    status = response.statusCode as number
    // It is stored as it passes; nobody wants it here.
    for await (const _ of response) void _
    return { page: page({ status, ...outcomeOf(response) }), retrySeconds: retryAfter(response) }
  } catch (error) {
    return { page: page({ outcome: 'failed', status, detail: (error as Error).message }), retrySeconds: null }
  }
}

function withDefaults(fields: (readonly [string, string])[]): (readonly [string, string])[] {
  const given = new Set(fields.map(([name]) => name.toLowerCase()))
  return [...FIELDS.filter(([name]) => !given.has(name.toLowerCase())), ...fields]
}

function outcomeOf({ statusCode, headers }: IncomingMessage): Pick<WarmedPage, 'outcome' | 'detail'> {
  const status = statusCode as number
  const ours = memberOf(headers['cache-status'])
  const detail = String(ours?.get('detail') ?? '')
  if (status >= 400) return { outcome: 'failed', detail: `status ${status}` }
  if (ours === null) return { outcome: 'failed', detail: 'no Cache-Status of samekey: this is not an Nginx with its files' }
  if (ours.has('hit')) return Number(ours.get('ttl') ?? 1) > 0 ? { outcome: 'fresh', detail: '' } : { outcome: 'rendered', detail: 'refreshed behind the response' }
  const forwarded = String(ours.get('fwd') ?? '')
  if (forwarded === 'bypass' || forwarded === 'method') return { outcome: 'bypass', detail }
  // What another visitor has had rendered meanwhile is collapsed with this.
  return ours.has('stored') || ours.has('collapsed') ? { outcome: 'rendered', detail: '' } : { outcome: 'not-stored', detail: detail || forwarded }
}

/** The parameters of the member `samekey`; null without one. */
function memberOf(value: string | string[] | undefined): Parameters | null {
  try {
    const member = parseList([value ?? []].flat().join(', ')).find(([name]) => String(name) === 'samekey')
    return member?.[1] ?? null
  } catch {
    return null
  }
}

function retryAfter({ statusCode, headers }: IncomingMessage): number | null {
  if (statusCode !== 429 && statusCode !== 503) return null
  const seconds = /^[0-9]+$/.test(headers['retry-after'] ?? '') ? Number(headers['retry-after']) : NaN
  return seconds <= LONGEST_RETRY_SECONDS ? seconds : null
}
