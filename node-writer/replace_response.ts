// Stands between the app and the response, for a request whose page is stored but stale: when the app's head says that
// the stored page will do (a 304 to our condition, or an error while it may be served stale), the client gets that page
// and the rest of what the app writes goes nowhere. Otherwise everything passes as it is.

import { type OutgoingHttpHeader, type OutgoingHttpHeaders, type ServerResponse, STATUS_CODES } from 'node:http'

type Fields = [name: string, value: string][]

/** What the client gets instead. */
export interface Replacement {
  status: number
  headers: Fields
  body: Buffer
}

type Method = (...args: unknown[]) => unknown

/**
 * `choose` is asked once, before the head of the response is sent; null lets it pass. Mounted over capture(), which
 * therefore sees what the client gets.
 */
export function replaceResponse(res: ServerResponse, isHead: boolean, choose: (status: number, fields: Fields) => Replacement | null): void {
  const own = { writeHead: res.writeHead, write: res.write, end: res.end, flushHeaders: res.flushHeaders } as unknown as Record<string, Method>
  let decided = false
  let replaced = false

  /** True when the stored page has been sent. */
  function decide(status: number, fields: Fields): boolean {
    if (decided) return replaced
    decided = true
    const replacement = choose(status, fields)
    if (replacement === null) return false
    replaced = true
    for (const name of res.getHeaderNames()) res.removeHeader(name)
    const { headers, body } = replacement
    const length: Fields = [['Content-Length', String(body.length)]]
    own['writeHead']?.call(res, replacement.status, STATUS_CODES[replacement.status] ?? '', [...headers, ...length].flat())
    own['end']?.call(res, isHead ? undefined : body)
    return true
  }

  function implicitHead(): boolean {
    return decide(res.statusCode, fieldsOf(res.getHeaders()))
  }

  res.writeHead = function (this: ServerResponse, ...args: unknown[]) {
    const given = args.find((each) => typeof each === 'object' && each !== null) as OutgoingHttpHeaders | OutgoingHttpHeader[] | undefined
    const status = Number(args[0])
    // RFC 9110 §15.2: an interim response is no answer yet.
    if (status >= 200 && decide(status, [...fieldsOf(res.getHeaders()), ...givenFields(given)])) return this
    return own['writeHead']?.apply(this, args)
  } as typeof res.writeHead
  res.flushHeaders = () => {
    if (!implicitHead()) own['flushHeaders']?.call(res)
  }
  res.write = function (this: ServerResponse, ...args: unknown[]) {
    if (!implicitHead()) return own['write']?.apply(this, args)
    callbackOf(args)?.()
    return true
  } as typeof res.write
  res.end = function (this: ServerResponse, ...args: unknown[]) {
    if (!implicitHead()) return own['end']?.apply(this, args)
    callbackOf(args)?.()
    return this
  } as typeof res.end
}

function callbackOf(args: unknown[]): (() => void) | undefined {
  const callback = args.find((each) => typeof each === 'function') as (() => void) | undefined
  return callback === undefined ? undefined : () => queueMicrotask(callback)
}

function fieldsOf(headers: OutgoingHttpHeaders): Fields {
  return Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [value].flat().map((each): [string, string] => [name, String(each)])))
}

/** writeHead takes an object, a list of pairs, or a flat list. */
function givenFields(given: OutgoingHttpHeaders | OutgoingHttpHeader[] | undefined): Fields {
  if (given === undefined) return []
  if (!Array.isArray(given)) return fieldsOf(given)
  if (Array.isArray(given[0])) return (given as unknown as [string, OutgoingHttpHeader][]).flatMap(([name, value]) => fieldsOf({ [name]: value }))
  const fields: Fields = []
  for (let i = 0; i + 1 < given.length; i += 2) fields.push(...fieldsOf({ [String(given[i])]: given[i + 1] as OutgoingHttpHeader }))
  return fields
}
