// RFC 9651 §4.2: when parsing fails, the whole field is ignored, as if it were not there.

import { type Dictionary, type List, parseDictionary as dictionary, ParseError, parseList as list, type BareItem, type InnerList, type Item } from 'structured-headers'

export type { BareItem, Dictionary }

/** Null when the field is no Dictionary; the last member of a name counts (RFC 9651 §4.2.2). */
export function parseDictionary(value: string): Dictionary | null {
  return ignoringErrors(() => dictionary(value))
}

/** Null when the field is no List of Strings. Parameters are ignored. */
export function parseStrings(value: string): string[] | null {
  const members: List | null = ignoringErrors(() => list(value))
  return members === null ? null : stringsOf(members)
}

/** The strings of an Inner List; null when it is none, or has a member that is no String. */
export function innerStrings(member: Item | InnerList): string[] | null {
  return Array.isArray(member[0]) ? stringsOf(member[0]) : null
}

/** A Token, a Date or a Byte Sequence is no String, whatever its text. */
function stringsOf(members: (Item | InnerList)[]): string[] | null {
  const strings = members.map(([value]) => value).filter((value) => typeof value === 'string')
  return strings.length === members.length ? strings : null
}

function ignoringErrors<Value>(parse: () => Value): Value | null {
  try {
    return parse()
  } catch (error) {
    if (error instanceof ParseError) return null
    throw error
  }
}
