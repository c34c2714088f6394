// What a client gets of a stored page: the whole, a part, or a 304 when it has that already; and the member of Cache-Status.

import type { Asked } from './asked.js'
import { type CacheStatus, type Forward, formatCacheStatus } from './cache_status.js'
import { notModifiedFields, partialAnswer } from './client_conditions.js'
import type { Fields } from './http/fields.js'
import type { Answer } from './replace_response.js'
import type { StoredPage } from './stored_page.js'

export type Said = Omit<CacheStatus, 'fwd'>

const EMPTY = Buffer.alloc(0)

/** For a refresh, whose answer nobody sees. */
export const NOTHING: Answer = { status: 204, headers: [['Cache-Control', 'no-store']], body: EMPTY }

/** For who wants a part of what the app did not send as long as it said. */
export const NOT_WHOLE: Answer = { status: 502, headers: [['Cache-Control', 'no-store']], body: EMPTY }

/** `headers` may be newer than the page's own; `age` in seconds, null when nobody knows. */
export function storedAnswer(asked: Asked, { head, body }: StoredPage, headers: Fields, age: number | null, now: number, said: Said): Answer {
  if (asked.forward === 'refresh') return NOTHING
  const fields: Fields = [...headers.filter(([name]) => name.toLowerCase() !== 'age'), ...(age === null ? [] : [['Age', String(age)] as [string, string]])]
  const unchanged = notModifiedFields(asked.client, head.status, fields, now)
  if (unchanged !== null) return notModified(asked, unchanged, said)
  const whole: Answer = { status: head.status, headers: fields, body }
  return newAnswer(asked, partialAnswer(asked.client, whole, now) ?? whole, said)
}

export function notModified(asked: Asked, fields: Fields, said: Said): Answer {
  return newAnswer(asked, { status: 304, headers: fields, body: EMPTY }, said)
}

export function newAnswer({ forward }: Asked, answer: Answer, said: Said): Answer {
  return forward === '' ? answer : { ...answer, headers: [...answer.headers, cacheStatus(forward as Forward, said)] }
}

export function cacheStatus(fwd: Forward, said: Said): [string, string] {
  return ['Cache-Status', formatCacheStatus({ fwd, ...said })]
}
