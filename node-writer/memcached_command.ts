// One command to a memcached server: memjs makes none with compare-and-swap or flags.

import type { Response } from 'memjs'
import { type Connection, StoreError } from './connection.js'
import type { MemcachedClient } from './memcached_client.js'

// https://github.com/memcached/memcached/wiki/BinaryProtocolRevamped
export const GET = 0x00
export const SET = 0x01
export const ADD = 0x02
export const DELETE = 0x04
const DELETE_QUIETLY = 0x14

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
export async function send(connection: Connection, command: Command): Promise<Answer> {
  const { value = NOTHING, version, evenIfDown = false } = command
  const answer = await connection.call(headOf(command), value, { only: version?.client, evenIfDown })
  // The connection by which the version is known is gone.
  if (answer === null) return { status: NOT_FOUND, response: GONE, client: version?.client as MemcachedClient }
  const { response } = answer
  const { status } = response.header
  if (status === TOO_LARGE) throw new StoreError('too-large', connection.address.name, 'Value too large')
  if (status !== OK && status !== NOT_FOUND && status !== EXISTS && status !== NOT_STORED) {
    throw new StoreError('refused', connection.address.name, `status 0x${status.toString(16)}: ${response.val.toString('latin1')}`)
  }
  return { status, ...answer }
}

/** Deletes the item if it is that of this version. Nobody learns whether it was: memcached is not to answer. */
export function deleteQuietly(connection: Connection, key: string, version: Required<Command>['version']): void {
  connection.tell(headOf({ opcode: DELETE_QUIETLY, key, version }), version.client)
}

const NOTHING = Buffer.alloc(0)

/** Stands for the answer of a connection that is gone. */
const GONE = { header: { status: NOT_FOUND } } as Response

const HEADER_BYTES = 24
const REQUEST = 0x80

/** All of a request but its number (memcached_client.ts) and the value. Keys are ASCII. */
function headOf({ opcode, key, value = NOTHING, options, version }: Command): Buffer {
  const extrasBytes = options === undefined ? 0 : 8
  const head = Buffer.alloc(HEADER_BYTES + extrasBytes + key.length)
  head.writeUInt8(REQUEST, 0)
  head.writeUInt8(opcode, 1)
  head.writeUInt16BE(key.length, 2)
  head.writeUInt8(extrasBytes, 4)
  head.writeUInt32BE(extrasBytes + key.length + value.length, 8)
  version?.cas.copy(head, 16)
  if (options !== undefined) {
    head.writeUInt32BE(options.flags ?? 0, HEADER_BYTES)
    head.writeUInt32BE(Math.min(options.ttlSeconds, MAX_TTL_SECONDS), HEADER_BYTES + 4)
  }
  head.write(key, HEADER_BYTES + extrasBytes, 'latin1')
  return head
}
