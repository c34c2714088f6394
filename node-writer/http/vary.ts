// RFC 9110 §12.5.5, Vary = [ ( "*" / field-name ) *( OWS "," OWS ( "*" / field-name ) ) ]

import { listMembers } from './fields.js'

export type Vary =
  | { kind: 'names'; /** Lower case, sorted, once each; empty: it depends on the target alone. */ names: string[] }
  | { kind: 'star' } // RFC 9110 §12.5.5: something other than the request's fields decides
  | { kind: 'invalid'; /** The first member that is no field name. */ member: string }

export function parseVary(value: string): Vary {
  const members = listMembers(value)
  // RFC 9111 §4.1: a Vary with a member "*" always fails to match.
  if (members.includes('*')) return { kind: 'star' }
  // No rule of the RFC's: what cannot be read may mean any field, so nothing may be assumed.
  const odd = members.find((member) => !/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(member))
  if (odd !== undefined) return { kind: 'invalid', member: odd }
  return { kind: 'names', names: [...new Set(members.map((member) => member.toLowerCase()))].sort() }
}
