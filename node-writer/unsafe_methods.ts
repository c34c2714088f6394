// RFC 9111 §4.4: when an unsafe request succeeds, what is stored of its target is no longer the page.

import type { IncomingMessage } from 'node:http'
import type { Mode } from '../njs/core/policy.js'
import { parseGroupInvalidation } from './http/cache_groups.js'
import { joinFields, type ResponseHead } from './http/fields.js'
import { readRequest } from './node_request.js'

export interface Invalidated {
  /** Absolute. */
  urls: readonly string[]
  groups: readonly string[]
  /** The origin of the groups. */
  site: string
}

/** RFC 9110 §9.2.1: all but these may change something, also methods that nobody here knows. */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

export function isUnsafe(method: string | undefined): boolean {
  return method !== undefined && !SAFE.has(method) && method !== 'CONNECT'
}

/**
 * What a response to an unsafe request makes invalid: its own URL and Location and Content-Location of the same host, when
 * it says that it succeeded, and the groups that it names. Null for nothing.
 */
export function invalidatedBy(req: IncomingMessage, head: ResponseHead, mode: Mode): Invalidated | null {
  const { scheme, host, target } = readRequest(req)
  const origin = `${scheme}://${host}`
  const own = origin + target
  if (!target.startsWith('/') || !URL.canParse(own)) return null
  const fields = joinFields(head.headers)
  // RFC 9111 §4.4: a non-error status is 2xx or 3xx.
  const urls = head.status < 200 || head.status >= 400 ? [] : [own, ...['location', 'content-location'].flatMap((name) => sameHost(fields[name], own, origin))]
  // RFC 9875 §3 asks for an unsafe method, and for nothing of the status: an app that failed half-way says what it knows.
  // Raw entries belong to no group.
  const groups = mode === 'raw' ? [] : parseGroupInvalidation(req.method as string, fields['cache-group-invalidation'] ?? '')
  if (urls.length + groups.length === 0) return null
  return { urls: [...new Set(urls)], groups, site: origin }
}

/** Another host's pages are not for this app to invalidate. */
function sameHost(value: string | undefined, own: string, origin: string): string[] {
  if (value === undefined || !URL.canParse(value, own)) return []
  const url = new URL(value, own)
  return url.host === new URL(own).host && /^https?:$/.test(url.protocol) ? [`${origin}${url.pathname}${url.search}`] : []
}
