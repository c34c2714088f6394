// Compare-and-swap on one memcached item. memjs 1.3.2 has no command for it, but all that it takes is public: a request
// made by Utils.makeRequestBuffer, the CAS in the place that the binary protocol gives it, sent by Client.perform, whose
// answer has the header with the new CAS in it.

import { Utils, type Response } from 'memjs'
import { StoreError, type Connection, type MemcachedClient } from '../connection.js'

/** What an item was at one moment: it still is exactly that item as long as its CAS is this one. */
export interface Version {
  readonly key: string
  readonly cas: Buffer
  /** A memcached that was started anew counts from 1 again: a CAS means something only on the connection it came by. */
  readonly client: MemcachedClient
}

export interface VersionedValue extends Version {
  readonly value: Buffer
}

export interface ItemOptions {
  /** Whole seconds; 0 for as long as memcached keeps it. At most 30 days. */
  ttlSeconds: number
  /** The 32 bits that memcached keeps with the value. Default 0. */
  flags?: number
}

// https://github.com/memcached/memcached/wiki/BinaryProtocolRevamped
const GET = 0x00
const SET = 0x01
const ADD = 0x02
const DELETE = 0x04
const OK = 0
const NOT_FOUND = 1
const EXISTS = 2
const TOO_LARGE = 3
const NOT_STORED = 5

/** Every method rejects with a StoreError when memcached is in trouble. */
export class Atomic {
  constructor(readonly connectionOf: (key: string) => Connection) {}

  /** `evenIfDown`: ask a server that failed a moment ago. */
  async get(key: string, { evenIfDown = false } = {}): Promise<VersionedValue | null> {
    const { response, client } = await this.#send(GET, key, undefined, undefined, evenIfDown)
    return response.header.status === NOT_FOUND ? null : { ...this.#version(key, response, client), value: response.val }
  }

  /** Null when there is an item of this key already. */
  async add(key: string, value: Buffer, options: ItemOptions): Promise<Version | null> {
    const { response, client } = await this.#send(ADD, key, { value, ...options })
    return response.header.status === OK ? this.#version(key, response, client) : null
  }

  /** Null when the item is not the one of that version any more: changed, deleted, evicted, or on another connection. */
  async replace(version: Version, value: Buffer, options: ItemOptions): Promise<Version | null> {
    const { response, client } = await this.#send(SET, version.key, { value, ...options }, version)
    return response !== GONE && response.header.status === OK ? this.#version(version.key, response, client) : null
  }

  /** False when the item is not the one of that version any more. */
  async delete(version: Version): Promise<boolean> {
    const { response } = await this.#send(DELETE, version.key, undefined, version)
    return response !== GONE && response.header.status === OK
  }

  async #send(opcode: number, key: string, item?: { value: Buffer } & ItemOptions, version?: Version, evenIfDown = false): Promise<{ response: Response; client: MemcachedClient }> {
    const connection = this.connectionOf(key)
    const extras = item === undefined ? Buffer.alloc(0) : extrasOf(item)
    const value = item?.value ?? Buffer.alloc(0)
    const answer = await connection.call(async (client) => {
      if (version !== undefined && version.client !== client) return { response: GONE, client }
      return { response: await perform(client, opcode, key, extras, value, version?.cas), client }
    }, { bytes: value.length, evenIfDown })
    const { status } = answer.response.header
    if (status === TOO_LARGE) throw new StoreError('too-large', connection.address.name, 'Value too large')
    if (status !== OK && status !== NOT_FOUND && status !== EXISTS && status !== NOT_STORED) {
      throw new StoreError('refused', connection.address.name, `status 0x${status.toString(16)}: ${answer.response.val.toString('latin1')}`)
    }
    return answer
  }

  #version(key: string, response: Response, client: MemcachedClient): Version {
    const cas = response.header.cas
    // Without CAS memcached would take every replace for a plain set.
    if (cas.every((byte) => byte === 0)) throw new StoreError('refused', this.connectionOf(key).address.name, 'it runs without CAS (option -C), which invalidation needs')
    return { key, cas, client }
  }
}

/** Stands for the answer of a connection that is gone. */
const GONE = { header: { status: NOT_FOUND } } as Response

function perform(client: MemcachedClient, opcode: number, key: string, extras: Buffer, value: Buffer, cas?: Buffer): Promise<Response> {
  client.incrSeq()
  const { seq } = client
  const request = Utils.makeRequestBuffer(opcode, key, extras, value, seq)
  // Bytes 16 to 23 of the header.
  cas?.copy(request, 16)
  return new Promise((resolve, reject) => {
    client.perform(key, request, seq, (error, response: Response) => (error ? reject(error) : resolve(response)))
  })
}

function extrasOf({ ttlSeconds, flags = 0 }: ItemOptions): Buffer {
  const extras = Buffer.alloc(8)
  extras.writeUInt32BE(flags, 0)
  extras.writeUInt32BE(Math.min(ttlSeconds, MAX_TTL_SECONDS), 4)
  return extras
}

/** memcached takes more for a time since 1970. */
const MAX_TTL_SECONDS = 30 * 24 * 60 * 60
