// Compare-and-swap on one memcached item.

import { type Connection, StoreError } from '../connection.js'
import type { MemcachedClient } from '../memcached_client.js'
import { ADD, type Answer, DELETE, deleteQuietly, GET, type ItemOptions, NOT_FOUND, OK, send, SET } from '../memcached_command.js'

export type { ItemOptions }

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

/** Every method rejects with a StoreError when memcached is in trouble. */
export class Atomic {
  constructor(readonly connectionOf: (key: string) => Connection) {}

  /** `evenIfDown`: ask a server that failed a moment ago. */
  async get(key: string, { evenIfDown = false } = {}): Promise<VersionedValue | null> {
    const answer = await send(this.connectionOf(key), { opcode: GET, key, evenIfDown })
    return answer.status === NOT_FOUND ? null : { ...this.#version(key, answer), value: answer.response.val }
  }

  /** Null when there is an item of this key already. */
  async add(key: string, value: Buffer, options: ItemOptions): Promise<Version | null> {
    const answer = await send(this.connectionOf(key), { opcode: ADD, key, value, options })
    return answer.status === OK ? this.#version(key, answer) : null
  }

  /** Null when the item is not the one of that version any more: changed, deleted, evicted, or on another connection. */
  async replace(version: Version, value: Buffer, options: ItemOptions): Promise<Version | null> {
    const { key } = version
    const answer = await send(this.connectionOf(key), { opcode: SET, key, value, options, version })
    return answer.status === OK ? this.#version(key, answer) : null
  }

  /** False when the item is not the one of that version any more. */
  async delete(version: Version): Promise<boolean> {
    const { key } = version
    return (await send(this.connectionOf(key), { opcode: DELETE, key, version })).status === OK
  }

  /** Sent, and no more: nobody learns whether the item was that of this version and is gone. */
  deleteQuietly(version: Version): void {
    deleteQuietly(this.connectionOf(version.key), version.key, version)
  }

  #version(key: string, { response, client }: Answer): Version {
    const cas = response.header.cas
    // Without CAS memcached would take every replace for a plain set.
    if (cas.every((byte) => byte === 0)) throw new StoreError('refused', this.connectionOf(key).address.name, 'it runs without CAS (option -C), which invalidation needs')
    return { key, cas, client }
  }
}
