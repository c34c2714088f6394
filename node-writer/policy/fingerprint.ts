// Two sides whose policies give one URL different keys, or read an entry differently, must not meet under one key: the
// fingerprint in the key keeps them apart, and they simply miss. A change that moves nothing must not empty a cache.

import { createHash } from 'node:crypto'
import { KEY_FORMAT } from '../../njs/core/key.js'
import type { Variant } from '../../njs/core/policy.js'
import type { FilledDocument } from './types.js'

export interface FingerprintParts {
  document: FilledDocument
  /** The effective lists, defaults included: a new version's longer default list moves keys like a written one. */
  drop: string[]
  keep: string[] | null
  variants: Variant[]
}

/** Eight hex digits: SHA-256 over the parts below. */
export function fingerprintOf(parts: FingerprintParts): string {
  const { document } = parts
  const covered = [
    // How a key is made at all.
    KEY_FORMAT,
    // A raw entry must never be read as a full one.
    document.mode,
    // https://h/ and http://h/ are told apart, or not.
    document.scheme,
    // Which arguments are left, and in which order. Sorted, because the order of a list of names has no meaning.
    sorted(parts.drop),
    parts.keep === null ? null : sorted(parts.keep),
    document.query.sort,
    // Which targets have a key, and so what their canonical form can be.
    sorted(document.allowAmbiguous),
    // What the values stand for, and what the app was shown for them. The name of a dimension is sent along.
    parts.variants.map((variant) => [
      variant.name, variant.source, variant.field, variant.negotiate, variant.fallback,
      variant.values.map(({ value, pattern, forward }) => [value, pattern === null ? null : [pattern.source, pattern.flags], forward])
    ])
  ]
  // Not covered, because they only decide whether a page is looked up or stored, never under which key: hosts,
  // maxTargetBytes, ignore, requestNoCache, requestDirectives, cookies, headers, routes, responses. The prefix stands in
  // the key itself.
  return createHash('sha256').update(JSON.stringify(covered)).digest('hex').slice(0, 8)
}

export function keyHeadOf(prefix: string, fingerprint: string): string {
  return `${prefix}:${KEY_FORMAT}${fingerprint}:`
}

function sorted(names: string[]): string[] {
  return [...new Set(names)].sort()
}
