// One memcached server over memjs. Every call settles within its time, and after any trouble with the connection
// memjs starts anew: it would otherwise lose the calls that were under way, and the next one too.

import type { Socket } from 'node:net'
import { Client } from 'memjs'
import { deadline } from './deadline.js'
import { GatheringServer } from './gathering_server.js'
import type { ServerAddress } from './ring.js'

export type StoreErrorCode =
  | 'down' // it did not answer a moment ago, so it was not asked
  | 'busy' // too much is under way to it already
  | 'timeout'
  | 'connection' // refused, closed, reset
  | 'refused' // it answered with an error
  | 'too-large' // more than an item may have
  | 'closed' // by close()

export class StoreError extends Error {
  override name = 'StoreError'
  constructor(readonly code: StoreErrorCode, /** As in Nginx's `server` directive. */ readonly server: string, message: string) {
    super(`memcached ${server}: ${message}`)
  }
}

/** Commands go through memcached_command.ts alone. */
export type MemcachedClient = Client<never, never>

export interface CallOptions {
  /** About what the call keeps in memory until it settles. */
  bytes: number
  /** Ask even a server that did not answer a moment ago. */
  evenIfDown?: boolean
}

/** How long a server that failed is left alone: visitors' pages are rendered anyway, and nothing queues up. */
const DOWN_MS = 1000

/** What may be under way to one server. At a timeout of 500 ms that is 64 MB a second. */
const MAX_BYTES_IN_FLIGHT = 32 * 1024 * 1024

const NEVER_SECONDS = 24 * 60 * 60

/** A call costs this much even when its value is small. */
const CALL_BYTES = 1024

export class Connection {
  #client: MemcachedClient | undefined
  #socket: Socket | undefined
  /** The calls of the present client. */
  #pending = new Set<(error: StoreError) => void>()
  #bytesInFlight = 0
  #downUntil = 0
  #closed = false

  constructor(readonly address: ServerAddress, readonly timeoutMs: number) {}

  /** Runs one command (memcached_command.ts). Rejects with a StoreError, after `timeoutMs`, not counting a long turn of the app. */
  call<Result>(command: (client: MemcachedClient) => Promise<Result>, options: CallOptions): Promise<Result> {
    const bytes = options.bytes + CALL_BYTES
    if (this.#closed) return Promise.reject(this.#error('closed', 'the store is closed'))
    if (Date.now() < this.#downUntil && options.evenIfDown !== true) return Promise.reject(this.#error('down', 'did not answer a moment ago'))
    if (this.#bytesInFlight + bytes > MAX_BYTES_IN_FLIGHT) return Promise.reject(this.#error('busy', 'too much is under way'))

    return new Promise<Result>((resolve, reject) => {
      const settle = (finish: () => void) => {
        if (!this.#pending.delete(fail)) return
        callOff()
        this.#bytesInFlight -= bytes
        finish()
      }
      const fail = (error: StoreError) => settle(() => reject(error))
      const callOff = deadline(this.timeoutMs, () => {
        if (this.#pending.has(fail)) this.#drop(this.#error('timeout', `no answer within ${this.timeoutMs} ms`))
      })
      this.#pending.add(fail)
      this.#bytesInFlight += bytes

      const client = (this.#client ??= this.#connect())
      command(client).then(
        (result) => settle(() => {
          this.#downUntil = 0
          resolve(result)
        }),
        (error: unknown) => {
          if (client === this.#client) this.#drop(this.#error('connection', error instanceof Error ? error.message : String(error)))
        }
      )
      this.#watch(client)
    })
  }

  close(): void {
    this.#closed = true
    this.#forget(this.#error('closed', 'the store is closed'))
  }

  #connect(): MemcachedClient {
    // memjs never tries again, and its own timers never come: after a long turn they would give up what has been answered.
    const options = { timeout: NEVER_SECONDS, retries: 1, failover: false, logger: { log() {} } }
    // Not Client.create: it cannot read IPv6 addresses and sockets. `net` takes a path where it gets no number.
    const server = new GatheringServer(this.address.host, this.address.port as number, '', '', options)
    return new Client([server], options) as MemcachedClient
  }

  /** memjs opens its socket with the first command and tells nobody when it closes. */
  #watch(client: MemcachedClient): void {
    const socket = (client.servers[0] as unknown as { _socket?: Socket })._socket
    if (socket === undefined || socket === this.#socket) return
    this.#socket = socket
    // An app that has closed its server may end; a call under way is kept alive by its timer.
    socket.unref()
    socket.once('close', () => {
      if (client !== this.#client) return
      // Idle connections may come and go; one that closes on a question is trouble.
      if (this.#pending.size > 0) this.#drop(this.#error('connection', 'closed the connection'))
      else this.#forget()
    })
  }

  #drop(error: StoreError): void {
    this.#downUntil = Date.now() + DOWN_MS
    this.#forget(error)
  }

  /** Ends the present client; the next call makes a new one, with nothing left over. */
  #forget(error?: StoreError): void {
    this.#client = undefined
    this.#socket?.destroy()
    this.#socket = undefined
    if (error !== undefined) for (const fail of [...this.#pending]) fail(error)
  }

  #error(code: StoreErrorCode, message: string): StoreError {
    return new StoreError(code, this.address.name, message)
  }
}
