// The key is injective: two canonical requests have one key only if they are the same (or SHA-256 collides), and
// memcached, Nginx and people can all read it. docs/key-format.md §7.

import type { Policy } from './policy.js'

/** SHA-256 of an ASCII text in lower-case hex: the one thing the core needs from its runtime. */
export type Sha256Hex = (text: string) => string

/** The version of docs/key-format.md that this file implements; part of every key. */
export const KEY_FORMAT = '1'

/** memcached refuses a key of 251 bytes; what is below that is left for side keys (bodies, leases, markers). */
export const MAX_KEY_BYTES = 200

/** What a side key's suffix may have: `key + '#' + at most this`. */
export const MAX_SUFFIX_BYTES = 49

/** The key of one page. `target` and `host` are canonical, `variants` is what selectVariants returned. */
export function pageKey(scheme: string, host: string, target: string, variants: string, policy: Policy, sha256Hex: Sha256Hex): string {
  const page = scheme + '://' + host + (target.indexOf('%') < 0 && target.indexOf('^') < 0 ? target : escapeTarget(target))
  const key = policy.keyHead + (variants === '' ? page : variants + ':' + page)
  return key.length <= MAX_KEY_BYTES ? key : shorten(key, sha256Hex)
}

/** Where a path's No-Vary-Search rule is kept (no_vary_search.ts): for all queries and variants of the path. */
export function searchRuleKey(scheme: string, host: string, target: string, policy: Policy, sha256Hex: Sha256Hex): string {
  const mark = target.indexOf('?')
  return pageKey(scheme, host, mark < 0 ? target : target.slice(0, mark), '', policy, sha256Hex) + '#n'
}

/** The start stays readable; '#' stands in no canonical target, so a shortened key never equals a whole one. */
function shorten(key: string, sha256Hex: Sha256Hex): string {
  const digest = '#' + sha256Hex(key)
  return key.slice(0, MAX_KEY_BYTES - digest.length) + digest
}

/**
 * Nginx rewrites '%' in a memcached key, so '^' stands in for it: `%XX` is `^XX`, '^' is '^^', and a '%' that
 * escapes nothing is '^-'. What follows a '^' tells the three apart, so the original can be read back.
 */
function escapeTarget(target: string): string {
  let out = ''
  for (let i = 0; i < target.length; i++) {
    const char = target.charAt(i)
    if (char === '^') out += '^^'
    else if (char !== '%') out += char
    else out += /^[0-9A-Fa-f][0-9A-Fa-f]/.test(target.slice(i + 1, i + 3)) ? '^' : '^-'
  }
  return out
}
