// Looks on while the app answers: the client gets the same bytes at the same time as without it. What is kept is
// complete and exactly what was sent, or nothing is kept.

import { ServerResponse } from 'node:http'
import { BodyCollector, type BodyReason } from './body_collector.js'
import type { BodyMemory } from './body_memory.js'
import type { ResponseHead } from './http/fields.js'

/** Why a response could not be captured. */
export type CaptureReason =
  | BodyReason
  | 'incomplete' // the client or the app went away before the end
  | 'not-first' // middleware mounted before the page cache may change what it sees
  | 'capture' // the runtime does not show what was sent

export interface CaptureObserver {
  /** Called once, when the head has been handed to Node; false: the body need not be kept. */
  onHead(head: ResponseHead): boolean
  /** Called once, after the end and only if onHead returned true. The buffer belongs to the callee, who gives it back to `memory`. */
  onBody(body: Buffer): void
  /** Called at most once, and then nothing else follows. */
  onGiveUp(reason: CaptureReason): void
}

type BodyMethod = (chunk?: unknown, encoding?: unknown, callback?: unknown) => unknown

/**
 * False when other middleware wrapped the response first, and stands between us and the wire, as compression would: it
 * is given what we see, and sends something else. Middleware that comes later gives us what it sends.
 */
export function isFirst(res: ServerResponse): boolean {
  return res.write === ServerResponse.prototype.write && res.end === ServerResponse.prototype.end
}

/** Nothing that is thrown here or by the observer reaches the app. */
export function capture(res: ServerResponse, memory: BodyMemory, observer: CaptureObserver): void {
  const body = new BodyCollector(memory.bytes, memory)
  let head: ResponseHead | undefined
  let over = false
  // An `end` of somebody else's may be made of `write`s, which must not count twice.
  let depth = 0

  function stop(): void {
    over = true
    body.drop()
  }

  function giveUp(reason: CaptureReason): void {
    stop()
    observer.onGiveUp(reason)
  }

  function quietly(step: () => void): void {
    if (over) return
    try {
      step()
    } catch {
      giveUp('capture')
    }
  }

  /** False once it is known that the body is not wanted. */
  function learnHead(): boolean {
    if (head !== undefined) return true
    head = sentHead(res)
    if (head === undefined || observer.onHead(head)) return true
    stop()
    return false
  }

  function see(chunk: unknown, encoding: unknown): void {
    if (learnHead() && !body.add(chunk, encoding)) giveUp('body-too-large')
  }

  function wrap(method: BodyMethod): BodyMethod {
    return function (this: ServerResponse, ...args: unknown[]) {
      // What is written after the end is an error of the app's, and not sent.
      if (over || depth > 0 || res.writableEnded) return method.apply(this, args as [])
      depth++
      let result: unknown
      try {
        // First the client. A chunk that Node refuses throws here and is never seen.
        result = method.apply(this, args as [])
      } finally {
        depth--
      }
      quietly(() => see(args[0], args[1]))
      return result
    }
  }

  if (!isFirst(res)) return giveUp('not-first')
  res.write = wrap(res.write as BodyMethod) as typeof res.write
  res.end = wrap(res.end as BodyMethod) as typeof res.end

  res.once('finish', () => quietly(() => {
    if (!learnHead()) return
    if (head === undefined) return giveUp('capture')
    const whole = body.end(head)
    if (typeof whole === 'string') return giveUp(whole)
    stop()
    observer.onBody(whole)
  }))
  // 'close' without 'finish': the connection went first.
  res.once('close', () => quietly(() => giveUp('incomplete')))
}

/**
 * The head as Node wrote it. Only `_header` has it: the public getters know neither what writeHead was given nor its
 * order. It has been there since Node 0.4, and compression, on-headers and finalhandler read it too.
 */
function sentHead(res: ServerResponse): ResponseHead | undefined {
  const text = (res as { _header?: unknown })._header
  if (typeof text !== 'string') return undefined
  const lines = text.slice(0, -4).split('\r\n')
  const status = /^HTTP\/1\.1 ([0-9]{3}) /.exec(lines[0] as string)
  if (status === null) return undefined
  const headers = lines.slice(1).map((line): [string, string] => {
    const colon = line.indexOf(': ')
    return [line.slice(0, colon), line.slice(colon + 2)]
  })
  return { status: Number(status[1]), headers }
}
