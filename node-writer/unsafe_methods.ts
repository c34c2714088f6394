// RFC 9111 §4.4: when an unsafe request succeeds, what is stored of its target is no longer the page.

import type { IncomingMessage } from 'node:http'
import type { ResponseHead } from './capture.js'
import { joinFields } from './http/fields.js'
import { readRequest } from './node_request.js'

/** RFC 9110 §9.2.1: all but these may change something, also methods that nobody here knows. */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

export function isUnsafe(method: string | undefined): boolean {
  return method !== undefined && !SAFE.has(method) && method !== 'CONNECT'
}

/** The URLs that a response to an unsafe request makes invalid: its own, and Location and Content-Location of the same host. */
export function invalidatedUrls(req: IncomingMessage, head: ResponseHead): string[] {
  // §4.4: a non-error status is 2xx or 3xx.
  if (head.status < 200 || head.status >= 400) return []
  const request = readRequest(req)
  const base = `${request.scheme}://${request.host}`
  const target = request.target.startsWith('/') ? base + request.target : ''
  if (!URL.canParse(target)) return []
  const fields = joinFields(head.headers)
  const named = ['location', 'content-location'].flatMap((name) => {
    const value = fields[name]
    if (value === undefined || !URL.canParse(value, target)) return []
    const url = new URL(value, target)
    // Another host's pages are not for this app to invalidate.
    return url.host === new URL(target).host && /^https?:$/.test(url.protocol) ? [`${request.scheme}://${request.host}${url.pathname}${url.search}`] : []
  })
  return [...new Set([target, ...named])]
}
