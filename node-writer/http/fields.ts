// A head is a list of lines; a rule reads a field. Several lines of one name mean one field, and what is no list in
// its definition becomes one by being repeated, which then fails to parse: two contradicting answers are none.

import { trim } from '../../njs/core/blank.js'

/** Names keep their case, fields their order, and repeated ones are repeated. */
export type Fields = [name: string, value: string][]

/** Of a response. */
export interface ResponseHead {
  status: number
  headers: Fields
}

/** Lower-case names to combined values. Has no prototype: any name can be asked for. */
export type JoinedFields = Readonly<Record<string, string | undefined>>

/** RFC 9110 §5.2: the lines of one name are combined in their order, separated by a comma. */
export function joinFields(fields: Fields): JoinedFields {
  const joined = Object.create(null) as Record<string, string>
  for (const [name, value] of fields) {
    const lower = name.toLowerCase()
    const before = joined[lower]
    joined[lower] = before === undefined ? trim(value) : `${before}, ${trim(value)}`
  }
  return joined
}

/** RFC 9110 §5.6.1.2: a recipient parses and ignores a reasonable number of empty list elements. For lists without quotes. */
export function listMembers(value: string): string[] {
  return value.split(',').map(trim).filter((member) => member !== '')
}
