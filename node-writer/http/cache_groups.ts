// RFC 9875: stored responses of one origin that share a string share a group, and a successful unsafe request can
// invalidate groups by name.

import { parseStrings } from './structured.js'

// RFC 9875 §2: at least 32 groups with at least 32 characters each must be supported. More would let one response
// fill the head of its entry; what does not fit is no member, which leaves the response to its freshness.
const MAX_GROUPS = 64
const MAX_GROUP_LENGTH = 128

/** The groups that a response belongs to, once each; none when the field is no List of Strings. `value` is combined. */
export function parseCacheGroups(value: string): string[] {
  return [...new Set(parseStrings(value) ?? [])].filter((group) => group.length <= MAX_GROUP_LENGTH).slice(0, MAX_GROUPS)
}

/** RFC 9110 §9.2.1 */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

/** The groups that a response invalidates. RFC 9875 §3: the field must be ignored when the method was safe. */
export function parseGroupInvalidation(method: string, value: string): string[] {
  return SAFE_METHODS.has(method) ? [] : parseCacheGroups(value)
}

/**
 * A group as a tag of an entry (njs/core/entry.ts: printable ASCII without space and comma). Groups are compared
 * character by character (RFC 9875 §2.1), so no two have one tag. Its origin is the entry's own, and not in it.
 */
export function groupTag(group: string): string {
  return 'g:' + group.replace(/[^A-Za-z0-9._~:/-]/g, (char) => '%' + char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0'))
}
