// One command to a memcached server. memjs has no compare-and-swap and no flags, and copies each value; but all that it
// takes is public: a request made by Utils.makeRequestBuffer, sent by Client.perform, whose answer has its header in it.

import { Utils, type Response } from 'memjs'
import { StoreError, type Connection, type MemcachedClient } from './connection.js'

// https://github.com/memcached/memcached/wiki/BinaryProtocolRevamped
export const GET = 0x00
export const SET = 0x01
export const ADD = 0x02
export const DELETE = 0x04

export const OK = 0
export const NOT_FOUND = 1
const EXISTS = 2
const TOO_LARGE = 3
const NOT_STORED = 5

/** memcached takes more seconds than these for a time since 1970, and then the item is gone at once. */
const MAX_TTL_SECONDS = 30 * 24 * 60 * 60

export interface ItemOptions {
  /** Whole seconds; 0 for as long as memcached keeps it. More than 30 days is cut to 30 days. */
  ttlSeconds: number
  /** The 32 bits that memcached keeps with the value. Default 0. */
  flags?: number
}

export interface Command {
  opcode: number
  key: string
  /** Must not change until the command has settled. */
  value?: Buffer
  options?: ItemOptions
  /** The item must still be this one, on the connection by which that is known. */
  version?: { cas: Buffer; client: MemcachedClient }
  /** Ask a server that failed a moment ago. */
  evenIfDown?: boolean
}

export interface Answer {
  /** OK, or why not: not found, exists, not stored. */
  status: number
  response: Response
  client: MemcachedClient
}

/** Rejects with a StoreError when memcached is in trouble, or takes the value for too large. */
export async function send(connection: Connection, { opcode, key, value = NOTHING, options, version, evenIfDown = false }: Command): Promise<Answer> {
  const answer = await connection.call(async (client) => {
    if (version !== undefined && version.client !== client) return { status: NOT_FOUND, response: GONE, client }
    const response = await perform(client, opcode, key, options === undefined ? NOTHING : extrasOf(options), value, version?.cas)
    return { status: response.header.status, response, client }
  }, { bytes: value.length, evenIfDown })
  const { status, response } = answer
  if (status === TOO_LARGE) throw new StoreError('too-large', connection.address.name, 'Value too large')
  if (status !== OK && status !== NOT_FOUND && status !== EXISTS && status !== NOT_STORED) {
    throw new StoreError('refused', connection.address.name, `status 0x${status.toString(16)}: ${response.val.toString('latin1')}`)
  }
  return answer
}

const NOTHING = Buffer.alloc(0)

/** Stands for the answer of a connection that is gone. */
const GONE = { header: { status: NOT_FOUND } } as Response

function perform(client: MemcachedClient, opcode: number, key: string, extras: Buffer, value: Buffer, cas?: Buffer): Promise<Response> {
  client.incrSeq()
  const { seq } = client
  const head = Utils.makeRequestBuffer(opcode, key, extras, '', seq)
  // Bytes 8 to 11 of the header: how much follows it; 16 to 23: the CAS.
  if (value.length > 0) head.writeUInt32BE(head.length - HEADER_BYTES + value.length, 8)
  cas?.copy(head, 16)
  // memjs only hands it on (gathering_server.ts).
  const request = (value.length > 0 ? [head, value] : [head]) as unknown as Buffer
  return new Promise((resolve, reject) => {
    client.perform(key, request, seq, (error, response: Response) => (error ? reject(error) : resolve(response)))
  })
}

const HEADER_BYTES = 24

function extrasOf({ ttlSeconds, flags = 0 }: ItemOptions): Buffer {
  const extras = Buffer.alloc(8)
  extras.writeUInt32BE(flags, 0)
  extras.writeUInt32BE(Math.min(ttlSeconds, MAX_TTL_SECONDS), 4)
  return extras
}
