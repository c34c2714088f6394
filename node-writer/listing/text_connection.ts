// A connection in memcached's text protocol, for what the binary one cannot do: list the keys, tell the settings, read
// an item without marking it as used. For tools; pages are read and written over connection.ts.

import { connect, type Socket } from 'node:net'
import { StoreError } from '../connection.js'
import type { ServerAddress } from '../ring.js'

/** Takes what came; true when the answer is complete. What it throws ends the connection and rejects `ask`. */
export type Reader = (chunk: Buffer) => boolean

export class TextConnection {
  #socket: Socket | undefined
  #waiting: { reader: Reader; resolve: () => void; reject: (error: Error) => void } | undefined

  /** `timeoutMs`: of silence, not of the whole answer. */
  constructor(readonly address: ServerAddress, private readonly timeoutMs = 5000) {}

  /** One question at a time. Rejects with a StoreError; the next question then connects anew. */
  ask(request: string, reader: Reader): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting = { reader, resolve, reject }
      const socket = (this.#socket ??= this.#connect())
      socket.setTimeout(this.timeoutMs)
      socket.write(request, 'latin1')
    })
  }

  close(): void {
    this.#socket?.destroy()
    this.#socket = undefined
  }

  fail(code: StoreError['code'], message: string): StoreError {
    return new StoreError(code, this.address.name, message)
  }

  #connect(): Socket {
    const { host, port } = this.address
    const socket = typeof port === 'string' ? connect({ path: port }) : connect({ host, port })
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('timeout', () => this.#end(this.fail('timeout', `no answer within ${this.timeoutMs} ms`)))
    socket.on('error', (error) => this.#end(this.fail('connection', error.message)))
    socket.on('close', () => socket === this.#socket && this.#end(this.fail('connection', 'closed the connection')))
    return socket
  }

  #take(chunk: Buffer): void {
    try {
      if (this.#waiting?.reader(chunk) !== true) return
      const { resolve } = this.#waiting
      this.#waiting = undefined
      this.#socket?.setTimeout(0)
      resolve()
    } catch (error) {
      this.#end(error as Error)
    }
  }

  #end(error: Error): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    this.close()
    waiting?.reject(error)
  }
}

/** A reader of lines; `onLine` tells which one is the last. */
export function lineReader(onLine: (line: string) => boolean): Reader {
  let rest = ''
  return (chunk) => {
    const lines = (rest + chunk.toString('latin1')).split('\n')
    rest = lines.pop() as string
    return lines.some((line) => onLine(line.endsWith('\r') ? line.slice(0, -1) : line))
  }
}

/** `stats` and `stats WHAT`: names and values. Rejects with a StoreError. */
export async function readStats(connection: TextConnection, what: '' | 'settings' = ''): Promise<Map<string, string>> {
  const stats = new Map<string, string>()
  await connection.ask(`stats${what && ` ${what}`}\r\n`, lineReader((line) => {
    if (line === 'END') return true
    const match = /^STAT (\S+) (.*)$/.exec(line)
    if (match === null) throw connection.fail('refused', `no answer to stats: ${line.slice(0, 100)}`)
    stats.set(match[1] as string, match[2] as string)
    return false
  }))
  return stats
}
