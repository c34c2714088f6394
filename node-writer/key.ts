// The Node arm of the key function, and the keys of an URL without a request: for purging and for the command line.

import { createHash } from 'node:crypto'
import { pageKey } from '../njs/core/key.js'
import type { Policy, Variant } from '../njs/core/policy.js'
import type { CacheRequest } from '../njs/core/request.js'
import type { Verdict } from '../njs/core/resolve.js'
import { resolve } from '../njs/core/resolve.js'

/** SHA-256 of an ASCII text in lower-case hex. */
export function sha256Hex(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

export function resolveRequest(request: CacheRequest, policy: Policy): Verdict {
  return resolve(request, policy, sha256Hex)
}

/**
 * The verdict on an anonymous GET of an absolute http or https URL, with every dimension at its fallback.
 * Characters that no request can hold (spaces, letters beyond ASCII) are percent-encoded, as browsers do.
 * Throws a TypeError that shows what was found where an URL was expected.
 */
export function resolveUrl(url: string, policy: Policy): Verdict {
  const { scheme, host, target } = splitUrl(url)
  return resolveRequest({ method: 'GET', target, host, scheme, cookie: '', guarded: '', header: () => '' }, policy)
}

/** A page by all that its key is made of; each part is canonical. */
export interface PageAddress {
  key: string
  scheme: string
  host: string
  target: string
  variants: string
}

/** The pages of an URL, one for every combination of the policy's variants; none when the URL is never looked up. */
export function pagesOfUrl(url: string, policy: Policy): PageAddress[] {
  const { bypass, scheme, host, forward: target } = resolveUrl(url, policy)
  if (bypass !== '') return []
  return variantCombinations(policy.variants).map((variants) => ({ key: pageKey(scheme, host, target, variants, policy, sha256Hex), scheme, host, target, variants }))
}

export function keysOfUrl(url: string, policy: Policy): string[] {
  return pagesOfUrl(url, policy).map(({ key }) => key)
}

/** What selectVariants can return: `['']` without variants, else `['de,phone', 'de,desktop', …]`. */
function variantCombinations(variants: Variant[]): string[] {
  return variants.reduce<string[]>(
    (combinations, variant, i) => combinations.flatMap((before) => variant.values.map(({ value }) => (i === 0 ? value : `${before},${value}`))),
    ['']
  )
}

/** Taken apart by hand: the URL class resolves dot segments and decodes, which would be another page's key. */
export function splitUrl(url: string): { scheme: string; host: string; target: string } {
  const match = /^(https?):\/\/([^/?#@\\]+)((?:[/?][^#]*)?)(?:#|$)/i.exec(url)
  if (match === null) throw new TypeError(`expected an absolute http or https URL, got ${JSON.stringify(url)}`)
  const [, scheme, host, rest] = match as unknown as [string, string, string, string]
  const encoded = rest.replace(/[^!-~]+/g, percentEncode)
  return { scheme: scheme.toLowerCase(), host, target: encoded === '' ? '/' : encoded }
}

function percentEncode(text: string): string {
  return Array.from(Buffer.from(text), (byte) => '%' + byte.toString(16).toUpperCase().padStart(2, '0')).join('')
}
