// What the app is shown of a request: apps and frameworks read `headers`, proxies `rawHeaders`, so both change together.

import type { IncomingMessage } from 'node:http'

/** Without the fields of these lower-case names. */
export function removeFields(req: IncomingMessage, names: readonly string[]): void {
  // First: Node makes these of the raw ones when they are first read, and counts on all of them being there.
  for (const name of names) {
    delete req.headers[name]
    delete req.headersDistinct[name]
  }
  const raw = req.rawHeaders
  for (let i = raw.length - 2; i >= 0; i -= 2) {
    if (names.includes((raw[i] as string).toLowerCase())) raw.splice(i, 2)
  }
}

/** Of this value, whatever was there. */
export function setField(req: IncomingMessage, name: string, value: string): void {
  removeFields(req, [name])
  req.rawHeaders.push(name, value)
  req.headers[name] = value
  req.headersDistinct[name] = [value]
}
