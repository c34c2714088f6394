// What No-Vary-Search says (draft-ietf-httpbis-no-vary-search §5). Whatever is odd makes it say nothing: that costs
// hits and is never wrong.

import { comparableName } from '../../njs/core/normalise.js'
import { MAX_RULE_NAMES, type SearchRule } from '../../njs/core/no_vary_search.js'
import { innerStrings, parseDictionary } from './structured.js'

/** Null when two different queries are two resources, as without the field. `value` is the combined field. */
export function parseNoVarySearch(value: string): SearchRule | null {
  const dictionary = parseDictionary(value)
  if (dictionary === null) return null
  // §5.1: unknown members are ignored, so that a later specification can add some.
  const keyOrder = dictionary.get('key-order')?.[0] ?? false
  if (typeof keyOrder !== 'boolean') return null

  const params = dictionary.get('params')
  const except = dictionary.get('except')
  const listed = params === undefined ? [] : innerStrings(params)
  if (params !== undefined && listed === null && typeof params[0] !== 'boolean') return null
  const all = params?.[0] === true
  // §5.1: except is an exception from `params`, and from nothing else.
  const kept = except === undefined ? [] : innerStrings(except)
  if (kept === null || (except !== undefined && !all)) return null

  const names = (all ? kept : listed ?? []).map(parseKey)
  if ((!keyOrder && !all && names.length === 0) || names.length > MAX_RULE_NAMES) return null
  return { sort: keyOrder, names: [...new Set(names)], only: all }
}

/** §5.3: '+' is a space and %XX a byte, as in a query. A String has no other than printable ASCII (RFC 9651 §3.3.3). */
function parseKey(key: string): string {
  return comparableName(key.replaceAll(' ', '+'))
}
