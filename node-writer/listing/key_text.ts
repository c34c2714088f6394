// Reads a key back: what docs/key-format.md §7 writes, for people who look at what memcached has.

import { MAX_KEY_BYTES } from '../../njs/core/key.js'
import type { Policy } from '../../njs/core/policy.js'

/** What stands under a key; what an item at a page's key is, only its value tells. */
export type KeyRole =
  | 'page'
  | 'second' // an entry that a vary marker leads to
  | 'claim' // raw mode's, beside the page
  | 'lease'
  | 'rule' // No-Vary-Search of a path
  | 'body' // of a full entry
  | 'bans'
  | 'unknown' // a later version's

export interface KeyText {
  role: KeyRole
  /** The canonical scheme://host/target; of a shortened key only its start, '' for a body and for the bans. */
  url: string
  /** False for the start of a shortened key. */
  isWhole: boolean
  /** The selected values joined by ','; '' when the policy declares none. */
  variants: string
}

/** '#' and a SHA-256 in hex. */
const DIGEST_BYTES = 65

/** Null when it is not a key of this policy. */
export function readKey(key: string, policy: Policy): KeyText | null {
  if (!key.startsWith(policy.keyHead)) return null
  const rest = key.slice(policy.keyHead.length)
  if (rest === '#bans') return { role: 'bans', url: '', isWhole: true, variants: '' }
  if (rest.startsWith('#b:')) return { role: 'body', url: '', isWhole: true, variants: '' }

  const isShortened = SHORTENED.test(key)
  const end = isShortened ? MAX_KEY_BYTES - DIGEST_BYTES : key.indexOf('#')
  const text = key.slice(policy.keyHead.length, end < 0 ? key.length : end)
  const suffix = end < 0 ? '' : key.slice(isShortened ? MAX_KEY_BYTES : end)
  const parts = /^(?:([^:/]+):)?(https?:\/\/.*)$/.exec(text)
  if (parts === null && !isShortened) return { role: 'unknown', url: '', isWhole: true, variants: '' }
  return { role: roleOf(suffix), url: unescape(parts?.[2] ?? ''), isWhole: !isShortened, variants: parts?.[1] ?? '' }
}

const SHORTENED = new RegExp(`^[^#]{${MAX_KEY_BYTES - DIGEST_BYTES}}#[0-9a-f]{64}(?:#|$)`)

const ROLES: Record<string, KeyRole> = { '': 'page', '#c': 'claim', '#l': 'lease', '#n': 'rule' }

function roleOf(suffix: string): KeyRole {
  // Each form of a page that varies has its own lease.
  if (suffix.startsWith('#v:')) return suffix.endsWith('#l') ? 'lease' : 'second'
  return ROLES[suffix] ?? 'unknown'
}

/** `^^` is '^', `^-` is '%', and every other '^' stands for the '%' of an escape. */
function unescape(text: string): string {
  return text.replace(/\^([\^-])?/g, (_, mark: string | undefined) => (mark === '^' ? '^' : '%'))
}
