// Stands between the app and the response. When the app's head is known, and before any of it is sent, it is decided
// whether it passes, or whether the client gets something else: a stored page, a 304, nothing of interest. Mounted over
// capture(), which sees what the client gets.

import { type OutgoingHttpHeader, type OutgoingHttpHeaders, type ServerResponse, STATUS_CODES } from 'node:http'
import { BodyCollector } from './body_collector.js'
import type { CaptureReason } from './capture.js'
import type { Fields, ResponseHead } from './http/fields.js'
import { fieldsByName } from './sidecar_fields.js'

/** What the client gets instead; a body that is empty for a 204 and a 304. */
export interface Answer extends ResponseHead {
  body: Buffer
}

export type Choice =
  /** It passes, with one field more. */
  | { add: Fields[number] | null }
  /** The client is answered at once, and what the app writes goes nowhere. */
  | { instead: Answer }
  /** The client is answered when the app has ended; `onWhole` gets the app's body, or why there is none. */
  | { instead: Answer | ((body: Buffer | CaptureReason) => Answer); onWhole(body: Buffer | CaptureReason): void }

export interface ReplaceOptions {
  /** False: the response can only pass, and is touched as little as possible. */
  mayReplace: boolean
  /** For `onWhole`. */
  maxBodyBytes: number
}

type Method = (...args: unknown[]) => unknown

/** `choose` is asked once; what it throws lets the response pass. */
export function replaceResponse(res: ServerResponse, { mayReplace, maxBodyBytes }: ReplaceOptions, choose: (head: ResponseHead) => Choice): void {
  const own = { writeHead: res.writeHead, write: res.write, end: res.end, flushHeaders: res.flushHeaders } as unknown as Record<'writeHead' | 'write' | 'end' | 'flushHeaders', Method>
  let choice: Choice | undefined
  let head: ResponseHead
  let body: BodyCollector | undefined
  let ended = false

  const isReplaced = (): boolean => choice !== undefined && 'instead' in choice

  function decide(args: unknown[]): void {
    head = headOf(res, args)
    try {
      choice = choose(head)
    } catch {
      choice = { add: null }
    }
    if (!('instead' in choice)) return
    if (!('onWhole' in choice)) return sendAnswer(res, choice.instead, own)
    const { onWhole } = choice
    body = new BodyCollector(maxBodyBytes)
    // A framework asks whether there is a head already.
    Object.defineProperty(res, 'headersSent', { configurable: true, get: () => true })
    res.once('close', () => {
      if (!ended) onWhole('incomplete')
      ended = true
    })
  }

  /** Whether the response has been replaced; decides it when the app has not named its status yet. */
  function settle(): boolean {
    if (choice !== undefined || !mayReplace || res.headersSent) return isReplaced()
    // Middleware that wrapped it later adds its fields there.
    if (res.writeHead !== writeHead) res.writeHead(res.statusCode)
    else decide([res.statusCode])
    return isReplaced()
  }

  function writeHead(this: ServerResponse, ...args: unknown[]): unknown {
    // RFC 9110 §15.2: an interim response is no answer yet.
    const isFinal = Number(args[0]) >= 200
    if (isFinal && choice === undefined && !res.headersSent) decide(args)
    if (isReplaced()) return this
    const added = isFinal && choice !== undefined && 'add' in choice ? choice.add : null
    return own.writeHead.apply(this, added === null || res.headersSent ? args : withField(res, args, added))
  }

  res.writeHead = writeHead as typeof res.writeHead
  if (!mayReplace) return
  res.flushHeaders = () => {
    if (!settle()) own.flushHeaders.call(res)
  }
  res.write = function (this: ServerResponse, ...args: unknown[]) {
    if (!settle()) return own.write.apply(this, args)
    body?.add(args[0], args[1])
    const callback = callbackOf(args)
    if (callback !== undefined) process.nextTick(callback)
    return true
  } as typeof res.write
  res.end = function (this: ServerResponse, ...args: unknown[]) {
    if (!settle()) return own.end.apply(this, args)
    const callback = callbackOf(args)
    if (body === undefined || ended) {
      if (callback !== undefined) process.nextTick(callback)
      return this
    }
    ended = true
    body.add(args[0], args[1])
    const { instead, onWhole } = choice as Extract<Choice, { onWhole: unknown }>
    delete (res as { headersSent?: boolean }).headersSent
    const whole = body.end(head)
    sendAnswer(res, typeof instead === 'function' ? instead(whole) : instead, own, callback)
    onWhole(whole)
    return this
  } as typeof res.end
}

/** Instead of all that the response was to be. `own`: its methods, where these have been replaced. */
export function sendAnswer(res: ServerResponse, { status, headers, body }: Answer, own: { writeHead: Method; end: Method } = res as unknown as { writeHead: Method; end: Method }, callback?: unknown): void {
  for (const name of res.getHeaderNames()) res.removeHeader(name)
  const length: Fields = status === 204 || status === 304 ? [] : [['Content-Length', String(body.length)]]
  const others = headers.filter(([name]) => !/^(?:content-length|transfer-encoding)$/i.test(name))
  for (const [name, values] of fieldsByName([...others, ...length])) res.setHeader(name, values.length === 1 ? (values[0] as string) : values)
  own.writeHead.call(res, status, STATUS_CODES[status] ?? '')
  own.end.call(res, body, callback)
}

function callbackOf(args: unknown[]): (() => void) | undefined {
  return args.find((each) => typeof each === 'function') as (() => void) | undefined
}

// ------------------------------------------------------------------------------------------- what the app is saying

/** The head as Node would send it, less the fields that Node writes for the connection. */
function headOf(res: ServerResponse, args: unknown[]): ResponseHead {
  const given = givenFields(args[headersIndex(args)])
  const overridden = new Set(given.map(([name]) => name.toLowerCase()))
  // @types/node knows it of requests only.
  const names = (res as unknown as { getRawHeaderNames(): string[] }).getRawHeaderNames()
  const set = names.flatMap((name) => (overridden.has(name.toLowerCase()) ? [] : fieldsOf(name, res.getHeader(name))))
  const headers = [...set, ...given]
  // Node adds it to what is sent.
  if (res.sendDate && !headers.some(([name]) => name.toLowerCase() === 'date')) headers.push(['Date', new Date().toUTCString()])
  return { status: Number(args[0]), headers }
}

/** writeHead takes a status, perhaps a text, and perhaps a header. */
function headersIndex(args: unknown[]): number {
  return args.findIndex((each) => typeof each === 'object' && each !== null)
}

/** The header is an object, a list of pairs, or a flat list. */
function givenFields(given: unknown): Fields {
  if (given === undefined) return []
  if (!Array.isArray(given)) return Object.entries(given as OutgoingHttpHeaders).flatMap(([name, value]) => fieldsOf(name, value))
  if (Array.isArray(given[0])) return (given as [string, OutgoingHttpHeader][]).flatMap(([name, value]) => fieldsOf(name, value))
  const fields: Fields = []
  for (let i = 0; i + 1 < given.length; i += 2) fields.push(...fieldsOf(String(given[i]), given[i + 1] as OutgoingHttpHeader))
  return fields
}

function fieldsOf(name: string, value: OutgoingHttpHeader | undefined): Fields {
  return value === undefined ? [] : [value].flat().map((each): [string, string] => [name, String(each)])
}

/** The arguments of writeHead with one more field, behind those of the same name. */
function withField(res: ServerResponse, args: unknown[], [name, value]: Fields[number]): unknown[] {
  const index = headersIndex(args)
  const given = args[index] as OutgoingHttpHeaders | OutgoingHttpHeader[] | undefined
  const before = givenFields(given).filter(([other]) => other.toLowerCase() === name.toLowerCase()).map(([, each]) => each)
  if (given === undefined || (before.length === 0 && res.hasHeader(name))) {
    res.setHeader(name, [res.getHeader(name) ?? [], value].flat().map(String))
    return args
  }
  const others = (all: OutgoingHttpHeaders) => Object.fromEntries(Object.entries(all).filter(([other]) => other.toLowerCase() !== name.toLowerCase()))
  const more = !Array.isArray(given) ? { ...others(given), [name]: [...before, value] } : Array.isArray(given[0]) ? [...given, [name, value]] : [...given, name, value]
  return [...args.slice(0, index), more, ...args.slice(index + 1)]
}
