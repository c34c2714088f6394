// Asking the app whether a stored page is still the page (RFC 9111 §4.3), and what its answer makes of it.

import type { EntryHead } from '../njs/core/entry.js'
import { isReplayable } from '../njs/core/entry.js'
import type { Fields } from './http/fields.js'
import { isMadeEtag } from './made_etag.js'

export interface Validators {
  'if-none-match'?: string
  'if-modified-since'?: string
}

/** RFC 9111 §4.3.1: the stored validators as conditions; none when the page has none. */
export function conditionsOf(head: EntryHead): Validators {
  const etag = appsTag(head.headers)
  const modified = valueOf(head.headers, 'last-modified')
  // We may have made it weak when we compressed the page: an app that compares strongly knows it as it sent it.
  const tags = etag.startsWith('W/') && valueOf(head.headers, 'content-encoding') !== '' ? `${etag}, ${etag.slice(2)}` : etag
  return { ...(etag === '' ? {} : { 'if-none-match': tags }), ...(modified === '' ? {} : { 'if-modified-since': modified }) }
}

/** RFC 9111 §3.2, §4.3.4: the stored header with every field that the 304 has in its new form. */
export function freshenedFields(stored: Fields, received: Fields): Fields {
  const news = received.filter(([name, value]) => isReplayable(name, value) && !NEVER_UPDATED.test(name) && !keepsStoredTag(name, value, stored))
  const replaced = new Set(news.map(([name]) => name.toLowerCase()))
  return [...stored.filter(([name]) => !replaced.has(name.toLowerCase())), ...news]
}

/** RFC 9111 §3.2: the length, and what we have processed: the coding may be ours. */
const NEVER_UPDATED = /^(?:content-encoding|content-range|content-length|cache-status)$/i

/** Only the coding is ours: the tag stays weak when it is the same one. */
function keepsStoredTag(name: string, value: string, stored: Fields): boolean {
  return name.toLowerCase() === 'etag' && valueOf(stored, 'etag') === `W/${value}`
}

/** RFC 9111 §4.3.4: whether a 304 with this header can be about the stored page. */
export function isSamePage(stored: Fields, received: Fields): boolean {
  const opaque = (fields: Fields) => appsTag(fields).replace(/^W\//, '')
  return opaque(received) === '' || opaque(stored) === '' || opaque(received) === opaque(stored)
}

/** Seconds, RFC 9111 §4.2.3. */
export function ageOf(head: EntryHead, now: number): number {
  return head.initialAge + Math.max(now - head.storedAt, 0)
}

/** '' for none, and for one of ours: RFC 9110 §13.1.3, it would keep the app from looking at If-Modified-Since. */
function appsTag(fields: Fields): string {
  const tag = valueOf(fields, 'etag')
  return isMadeEtag(tag) ? '' : tag
}

function valueOf(fields: Fields, name: string): string {
  return fields.find(([other]) => other.toLowerCase() === name)?.[1] ?? ''
}
