// What is stored of a page, in words.

import type { Stored, StoredPage } from './stored.js'

/** One sentence. */
export function describeStored({ stored, server }: StoredPage): string {
  return `${sentence(stored)} (${server})`
}

function sentence(stored: Stored): string {
  switch (stored.state) {
    case 'absent':
      return 'nothing'
    case 'raw':
      return `a raw page of ${stored.bytes} bytes${stored.gzip ? ', compressed' : ''}`
    case 'claim':
      return 'a claim: a render is under way, and nothing is stored yet'
    case 'marker':
      return `the page varies on ${stored.vary?.fields.join(', ')}; of its ${stored.vary?.forms} forms none is for this request`
    default:
      return stored.head === null ? `${stored.bytes} bytes that are no entry; Nginx asks the app` : entry(stored)
  }
}

function entry(stored: Stored): string {
  const { status, headers, bodyBytes, bodyKey, tags } = stored.head as NonNullable<Stored['head']>
  const where = bodyKey === '' ? '' : stored.bodyMissing ? ', whose item is gone: Nginx asks the app' : ` in an item of its own, ${bodyKey}`
  const vary = stored.vary === null ? '' : `, one of ${stored.vary.forms} forms by ${stored.vary.fields.join(', ')}`
  return `status ${status}, ${headers.length} fields, a body of ${bodyBytes} bytes${where}; ${judgement(stored)}${vary}${tags.length === 0 ? '' : `, tags ${tags.join(', ')}`}`
}

function judgement({ state, head, ageSeconds, freshForSeconds, listClock }: Stored): string {
  const left = freshForSeconds as number
  const age = `age ${ageSeconds} s`
  switch (state) {
    case 'banned':
      return `${age}, purged: a ban covers it (its clock ${head?.clock || 'none'}, now ${listClock})`
    case 'disowned':
      return `${age}, not used: ${listClock === null ? 'there is no ban list' : `it is of another ban list (its clock ${head?.clock || 'none'}, now ${listClock})`}`
    case 'ruleless':
      return `${age}, not used: it was not stored by the rule that its path has now for the query (No-Vary-Search)`
    case 'fresh':
      return `${age}, fresh for ${left} s`
    case 'stale':
      return `${age}, stale since ${-left} s, may be served while it is refreshed or when the app fails`
    default:
      return `${age}, stale since ${-left} s, to be confirmed by the app`
  }
}
