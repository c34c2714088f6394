// Memcached as the writer uses it: keys that Nginx can ask for, placed where Nginx looks, values and times that
// memcached takes as they are meant.

import { Connection, StoreError } from './connection.js'
import { ADD, DELETE, GET, OK, send, SET } from './memcached_command.js'
import { pageOf } from './invalidation/lease.js'
import { createRing, parseServers, type Placement, type ServerAddress } from './ring.js'

export { StoreError, type StoreErrorCode } from './connection.js'

export interface StoreOptions {
  /** Servers in Nginx's order: `'127.0.0.1:11211,127.0.0.1:11212=2'`, weights after '='. */
  memcached: string
  /** Milliseconds after which a call is given up. Default 500. */
  timeoutMs?: number
  /** The server's item limit (memcached -I) in bytes. Default 1 MiB, as memcached's. */
  maxItemBytes?: number
}

export interface SetOptions {
  /** Whole seconds from 1. More than 30 days is cut to 30 days. */
  ttlSeconds: number
  /** Nginx is to send the value with Content-Encoding: gzip. Default false. */
  gzip?: boolean
}

export interface StoredValue {
  value: Buffer
  gzip: boolean
}

/** Gets items; rejects when memcached is in trouble. */
export interface Reader {
  get(key: string): Promise<StoredValue | null>
}

/** What memcached adds to key and value: header, CAS, flags, terminators. Measured on 1.6.18, 63 bytes. */
const ITEM_OVERHEAD_BYTES = 64

/** memcached_gzip_flag in nginx/samekey.location.raw.conf. */
const GZIP_FLAG = 2

/** Every method rejects with a StoreError when memcached is in trouble, and with a TypeError or RangeError on bad arguments. */
export class Store {
  readonly servers: readonly ServerAddress[]
  readonly maxItemBytes: number
  readonly #place: Placement
  readonly #connections: Connection[]

  /** Connects at the first call. Throws a TypeError for servers that cannot be read. */
  constructor(options: StoreOptions) {
    this.servers = parseServers(options.memcached)
    this.maxItemBytes = options.maxItemBytes ?? 1024 * 1024
    const place = createRing(this.servers)
    // A lease lies with its page, so that commands on the two are carried out in the order in which they are sent.
    this.#place = (key) => place(pageOf(key))
    this.#connections = this.servers.map((server) => new Connection(server, options.timeoutMs ?? 500))
  }

  /** The server on which Nginx looks a key up, as in its `server` directive. */
  serverOf(key: string): string {
    return (this.servers[this.#place(key)] as ServerAddress).name
  }

  /** For what these methods cannot do: compare and swap (invalidation/atomic.ts). */
  connectionOf(key: string): Connection {
    return this.#of(key)
  }

  async get(key: string): Promise<StoredValue | null> {
    const { status, response } = await send(this.#of(key), { opcode: GET, key })
    return status === OK ? { value: response.val, gzip: (response.extras.readUInt32BE(0) & GZIP_FLAG) !== 0 } : null
  }

  /** Rejects with the code 'too-large' when the value cannot be an item; what was there before is then deleted. */
  async set(key: string, value: Buffer, options: SetOptions): Promise<void> {
    await this.#write(SET, key, value, options)
  }

  /** False when there is an item of this key already. */
  async add(key: string, value: Buffer, options: SetOptions): Promise<boolean> {
    return this.#write(ADD, key, value, options)
  }

  /** False when there was nothing to delete. `evenIfDown`: try a server that failed a moment ago. */
  async delete(key: string, options: { evenIfDown?: boolean } = {}): Promise<boolean> {
    return (await send(this.#of(key), { opcode: DELETE, key, ...options })).status === OK
  }

  /** Throws a StoreError 'too-large' when the value cannot be an item. */
  checkSize(key: string, value: Buffer): void {
    const bytes = key.length + value.length + ITEM_OVERHEAD_BYTES
    if (bytes > this.maxItemBytes) throw new StoreError('too-large', this.serverOf(key), `an item of ${bytes} bytes, at most ${this.maxItemBytes} are allowed`)
  }

  /** Calls under way reject with the code 'closed'. */
  close(): void {
    for (const connection of this.#connections) connection.close()
  }

  async #write(opcode: number, key: string, value: Buffer, options: SetOptions): Promise<boolean> {
    const connection = this.#of(key)
    // 0 would mean for ever.
    if (!(options.ttlSeconds >= 1)) throw new RangeError(`ttlSeconds: expected at least 1, got ${options.ttlSeconds}`)
    const item = { ttlSeconds: Math.floor(options.ttlSeconds), flags: options.gzip === true ? GZIP_FLAG : 0 }
    try {
      this.checkSize(key, value)
      return (await send(connection, { opcode, key, value, options: item })).status === OK
    } catch (error) {
      // The page has changed, and the new one cannot be kept: the old one must go all the same.
      if (opcode === SET && error instanceof StoreError && error.code === 'too-large') await this.delete(key)
      throw error
    }
  }

  #of(key: string): Connection {
    // memcached closes the connection on a longer key, Nginx escapes or cannot send other characters.
    if (!/^[!-~]{1,250}$/.test(key) || key.includes('%')) throw new TypeError(`not a key of 1 to 250 characters from ! to ~ without %: ${JSON.stringify(key.slice(0, 260))}`)
    return this.#connections[this.#place(key)] as Connection
  }
}
