// How old a response already was when it came (RFC 9111 §4.2.3). All times are whole seconds since 1970.

import { parseHttpDate } from '../../njs/core/http_date.js'
import { parseDeltaSeconds } from './delta_seconds.js'
import { type JoinedFields, listMembers } from './fields.js'

export interface ReceiptTimes {
  /** When the request was sent. */
  requestedAt: number
  /** When the response was received. */
  receivedAt: number
}

/** RFC 9111 §5.1: of a list the first member is used, and what is no non-negative integer is ignored, which leaves 0. */
export function parseAge(value: string | undefined): number {
  return parseDeltaSeconds(listMembers(value ?? '')[0] ?? '') ?? 0
}

/** RFC 9110 §6.6.1: a missing Date is the time of receipt, and an invalid one may be replaced by it. */
export function dateOf(fields: JoinedFields, receivedAt: number): number {
  const date = parseHttpDate(fields['date'] ?? '', receivedAt)
  return date < 0 ? receivedAt : date
}

/** RFC 9111 §4.2.3: corrected_initial_age = max(apparent_age, corrected_age_value). */
export function initialAge(fields: JoinedFields, { requestedAt, receivedAt }: ReceiptTimes): number {
  const apparentAge = Math.max(0, receivedAt - dateOf(fields, receivedAt))
  const responseDelay = Math.max(0, receivedAt - requestedAt)
  return Math.max(apparentAge, parseAge(fields['age']) + responseDelay)
}
