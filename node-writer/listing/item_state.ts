// What an item is and whether Nginx would serve it now: the same questions in the same order as Nginx asks them.

import { judgeByBans, parseBanList, type BanList, type Judgement } from '../../njs/core/bans.js'
import { type EntryHead, FIXED_BYTES, headBytes, parseHead } from '../../njs/core/entry.js'
import type { Mode } from '../../njs/core/policy.js'
import { parseMarker, type VaryMarker } from '../../njs/core/vary.js'
import { isClaim } from '../invalidation/claim.js'
import { banListKey } from '../invalidation/invalidation.js'
import { UNCACHEABLE } from '../invalidation/lease.js'
import type { LoadedPolicy } from '../policy/types.js'
import type { Store } from '../store.js'
import type { KeyRole, KeyText } from './key_text.js'

/** Of an entry: the first that applies. Of anything else: what it is. */
export type State =
  | 'banned' // a ban covers it
  | 'disowned' // it is of another ban list than there is now, or there is none
  | 'unsure' // a ban may cover it: the ban list did not answer, or looks at more of the URL than a shortened key has
  | 'fresh'
  | 'stale' // it may still be served while it is refreshed, or when the app fails
  | 'revalidate' // only there to be confirmed by the app
  | 'raw' // a page of raw mode, which says nothing about itself
  | 'unreadable' // nothing that this version knows; Nginx asks the app
  | 'claim' // a render is under way
  | 'marker' // the page varies: its entries are under second keys
  | 'lease'
  | 'uncacheable' // a lease: visitors do not wait for each other
  | 'rule'
  | 'body'
  | 'bans'

export interface ItemReading {
  state: State
  head: EntryHead | null
  marker: VaryMarker | null
}

/**
 * `start`: at least the head of an entry, the whole of a marker. `bytes`: of the whole value. `bans`: null when
 * they could not be read. `now` in seconds since 1970.
 */
export function readItem(key: KeyText, start: Buffer, bytes: number, bans: Bans | null, mode: Mode, now: number): ItemReading {
  const is = (state: State, marker: VaryMarker | null = null): ItemReading => ({ state, head: null, marker })
  const own = OF_ROLE[key.role]
  if (own === 'lease' && start.equals(UNCACHEABLE)) return is('uncacheable')
  // A rule is claimed like a page.
  if (own === 'rule' && isClaim(start)) return is('claim')
  if (own !== undefined) return is(own)
  if (mode === 'raw') return is('raw')
  if (isClaim(start)) return is('claim')

  const marker = parseMarker(start.toString('latin1'))
  // One under a second key leads nowhere.
  if (marker !== null) return key.role === 'second' ? is('unreadable') : is('marker', marker)
  const end = headBytes(start.toString('latin1', 0, FIXED_BYTES))
  const head = end < 0 ? null : parseHead(start.toString('latin1', 0, end), bytes)
  return head === null ? is('unreadable') : { state: stateOf(head, bans === null ? 'unsure' : bans.judge(head, key), now), head, marker: null }
}

/** Where the key alone says it. */
const OF_ROLE: Partial<Record<KeyRole, State>> = { bans: 'bans', body: 'body', claim: 'claim', lease: 'lease', rule: 'rule', unknown: 'unreadable' }

function stateOf(head: EntryHead, judgement: Judgement | 'unsure', now: number): State {
  if (judgement !== 'good') return NOT_GOOD[judgement]
  if (now < head.freshUntil) return 'fresh'
  return now < Math.max(head.refreshUntil, head.errorUntil) ? 'stale' : 'revalidate'
}

const NOT_GOOD = { covered: 'banned', unknown: 'disowned', unsure: 'unsure' } as const

/** The ban list at one moment. */
export class Bans {
  /** Null when there is none, or none that can be read: no entry may be served then. */
  readonly list: BanList | null

  /** `text`: the item's, null without one. */
  constructor(readonly text: string | null) {
    this.list = text === null ? null : parseBanList(text)
  }

  /** 'unsure': of a shortened key only the start of its URL is known, and a ban may look at the rest. */
  judge(head: EntryHead, { url, isWhole }: Pick<KeyText, 'url' | 'isWhole'>): Judgement | 'unsure' {
    // Written before there were bans: Nginx does not ask either (njs/replay.ts).
    if (head.clock === '') return 'good'
    if (this.list === null) return 'unknown'
    let isCompared = false
    const judgement = judgeByBans(this.text as string, head.clock, head.tags, () => {
      isCompared = true
      return url
    })
    const looksFurther = this.list.bans.some(({ kind, argument }) => kind === 'r' || kind === 'i' || (kind === 'p' && argument !== url && argument.startsWith(url)))
    return isCompared && !isWhole && looksFurther ? 'unsure' : judgement
  }
}

export async function readBans(store: Store, policy: LoadedPolicy): Promise<Bans> {
  const item = await store.get(banListKey(policy))
  return new Bans(item === null ? null : item.value.toString('latin1'))
}
