// Header fields as they came over the wire: their order, their case and repeated ones kept, less those that belong to
// one connection.

import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'

export type Field = [name: string, value: string]

// RFC 9110 §7.6.1 and RFC 9112 §9; Expect is answered by the first server. Transfer-Encoding stays: Node takes it as
// the sign to send chunks itself.
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'proxy-authorization', 'te', 'trailer', 'upgrade', 'expect'])

/** Of Node's flat list of names and values, the fields that are meant for the other end. */
export function endToEndFields(rawHeaders: string[], isUpgrade: boolean): Field[] {
  const fields: Field[] = []
  for (let i = 0; i < rawHeaders.length; i += 2) fields.push([rawHeaders[i] as string, rawHeaders[i + 1] as string])
  const named = fields.filter(([name]) => name.toLowerCase() === 'connection').flatMap(([, value]) => value.toLowerCase().split(','))
  const dropped = new Set([...HOP_BY_HOP, ...named.map((name) => name.trim())])
  // Framing is never optional, and an upgrade is what these two ask for.
  for (const name of ['transfer-encoding', 'content-length', ...(isUpgrade ? ['connection', 'upgrade'] : [])]) dropped.delete(name)
  return fields.filter(([name]) => !dropped.has(name.toLowerCase()))
}

/** Names, in the case and order in which each came first, with all their values. */
export class FieldMap extends Map<string, string[]> {
  /** What Node's setHeader takes. */
  get object(): IncomingHttpHeaders {
    return Object.fromEntries([...this].map(([name, values]) => [name, values.length === 1 ? values[0] : values])) as IncomingHttpHeaders
  }
}

export function fieldsByName(fields: Field[]): FieldMap {
  const spelling = new Map<string, string>()
  const map = new FieldMap()
  for (const [name, value] of fields) {
    const first = spelling.get(name.toLowerCase()) ?? name
    spelling.set(name.toLowerCase(), first)
    map.set(first, [...(map.get(first) ?? []), value])
  }
  return map
}

/** The head of a request, in bytes, as it would be had the client not asked for another protocol. */
export function withoutUpgrade(req: IncomingMessage): Buffer {
  const lines = endToEndFields(req.rawHeaders, false).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(`${req.method} ${req.url} HTTP/${req.httpVersion}\r\n${lines.join('')}\r\n`, 'latin1')
}
