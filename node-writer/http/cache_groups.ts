// RFC 9875: stored responses of one origin that share a string share a group, and a successful unsafe request can
// invalidate groups by name.

import { parseStrings } from './structured.js'

/** The groups that a response belongs to, once each; none when the field is no List of Strings. `value` is combined. */
export function parseCacheGroups(value: string): string[] {
  return [...new Set(parseStrings(value) ?? [])]
}

/** RFC 9110 §9.2.1 */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

/**
 * The groups that a response invalidates. RFC 9875 §3: the field must be ignored when the method was safe; of the status
 * it says nothing.
 */
export function parseGroupInvalidation(method: string, value: string): string[] {
  return SAFE_METHODS.has(method) ? [] : parseCacheGroups(value)
}

/**
 * A group as a tag of an entry (njs/core/entry.ts: printable ASCII without space and comma). RFC 9875 §2.1: two responses
 * share a group when its characters and their origin are the same, so no two have one tag.
 */
export function groupTag(group: string, origin: string): string {
  return `g:${origin}/` + group.replace(/[^A-Za-z0-9._~:/-]/g, (char) => '%' + char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0'))
}
