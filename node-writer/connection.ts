// One memcached server over memjs. Every call settles within its time, and after any trouble with the connection
// memjs starts anew: it would otherwise lose the calls that were under way, and the next one too.

import type { Socket } from 'node:net'
import type { Response } from 'memjs'
import { MemcachedClient } from './memcached_client.js'
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

export interface CallOptions {
  /** Not asked unless this is still the connection. */
  only: MemcachedClient | undefined
  /** Ask even a server that did not answer a moment ago. */
  evenIfDown: boolean
}

/** A call under way. */
interface Call {
  reject(error: StoreError): void
  /** About what it keeps in memory. */
  bytes: number
  ticks: number
}

/** How long a server that failed is left alone: visitors' pages are rendered anyway, and nothing queues up. */
const DOWN_MS = 1000

/** What may be under way to one server. At a timeout of 500 ms that is 64 MB a second. */
const MAX_BYTES_IN_FLIGHT = 32 * 1024 * 1024

/** A call costs this much even when its value is small. */
const CALL_BYTES = 1024

/** One timer looks after all calls so many times within their timeout, of which one long turn of the app counts once. */
const TICKS = 4

export class Connection {
  #client: MemcachedClient | undefined
  #socket: Socket | undefined
  /** Those of the present client, the oldest first. */
  readonly #calls = new Set<Call>()
  #timer: NodeJS.Timeout | undefined
  #bytesInFlight = 0
  #downUntil = 0
  #closed = false

  constructor(readonly address: ServerAddress, readonly timeoutMs: number) {}

  /**
   * Sends one command (memcached_command.ts), whose `value` must not change until this has settled. Null: `only` is no
   * longer the connection. Rejects with a StoreError, soon after `timeoutMs`, not counting a long turn of the app.
   */
  call(head: Buffer, value: Buffer, { only, evenIfDown }: CallOptions): Promise<{ response: Response; client: MemcachedClient } | null> {
    const bytes = value.length + CALL_BYTES
    if (this.#closed) return Promise.reject(this.#error('closed', 'the store is closed'))
    if (!evenIfDown && Date.now() < this.#downUntil) return Promise.reject(this.#error('down', 'did not answer a moment ago'))
    if (this.#bytesInFlight + bytes > MAX_BYTES_IN_FLIGHT) return Promise.reject(this.#error('busy', 'too much is under way'))
    if (only !== undefined && only !== this.#client) return Promise.resolve(null)

    return new Promise((resolve, reject) => {
      const call: Call = { reject, bytes, ticks: 0 }
      this.#calls.add(call)
      this.#bytesInFlight += bytes
      const client = (this.#client ??= new MemcachedClient(this.address.host, this.address.port))
      client.ask(head, value, (error, response) => {
        // It has been given up.
        if (!this.#calls.has(call)) return
        if (response === undefined) return this.#drop(this.#error('connection', String(error?.message)))
        this.#end(call)
        this.#downUntil = 0
        resolve({ response, client })
      })
      this.#watch(client)
      this.#timer ??= this.#tick()
    })
  }

  /** Sends a command that is not answered, if `client` is still the connection. */
  tell(head: Buffer, client: MemcachedClient): void {
    if (client === this.#client) client.ask(head, NOTHING)
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#forget(this.#error('closed', 'the store is closed'))
  }

  /** What has come is read between a timer and an immediate. */
  #tick(): NodeJS.Timeout {
    return setTimeout(() => setImmediate(() => {
      this.#timer = undefined
      let isLate = false
      for (const call of this.#calls) isLate = ++call.ticks > TICKS || isLate
      if (isLate) this.#drop(this.#error('timeout', `no answer within ${this.timeoutMs} ms`))
      if (this.#calls.size > 0) this.#timer = this.#tick()
    }), this.timeoutMs / TICKS)
  }

  #watch({ socket }: MemcachedClient): void {
    if (socket === undefined || socket === this.#socket) return
    const client = this.#client
    this.#socket = socket
    // An app that has closed its server may end; a call under way is kept alive by the timer.
    socket.unref()
    socket.once('close', () => {
      if (client !== this.#client) return
      // Idle connections may come and go; one that closes on a question is trouble.
      if (this.#calls.size > 0) this.#drop(this.#error('connection', 'closed the connection'))
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
    if (error === undefined) return
    for (const call of [...this.#calls]) {
      this.#end(call)
      call.reject(error)
    }
  }

  #end(call: Call): void {
    this.#calls.delete(call)
    this.#bytesInFlight -= call.bytes
  }

  #error(code: StoreErrorCode, message: string): StoreError {
    return new StoreError(code, this.address.name, message)
  }
}

const NOTHING = Buffer.alloc(0)
