// A body as the app writes it, kept whole or not at all.

import { Buffer } from 'node:buffer'
import type { BodyMemory } from './body_memory.js'
import type { ResponseHead } from './http/fields.js'

export type BodyReason =
  | 'content-length' // the body is not as long as the app had announced
  | 'body-too-large' // more than maxBodyBytes

/** Fresh memory for up to so many bytes costs less than what is around it. */
const SMALL_BYTES = 64 * 1024

export class BodyCollector {
  #chunks: Buffer[] = []
  #bytes = 0
  #region: Buffer | undefined

  /** `memory`: for large bodies; who gets the body gives it back there. */
  constructor(readonly maxBytes: number, private readonly memory?: BodyMemory) {}

  /** False once the body is longer than it may be; nothing of it is kept then. */
  add(chunk: unknown, encoding: unknown): boolean {
    if (chunk === undefined || chunk === null || typeof chunk === 'function') return this.#bytes <= this.maxBytes
    const start = this.#bytes
    const part = toPart(chunk as string | Uint8Array, encoding)
    this.#bytes += typeof part === 'string' ? Buffer.byteLength(part) : part.length
    if (this.#bytes > this.maxBytes) {
      this.drop()
      return false
    }
    // A copy: the app may use its buffer for something else as soon as it has been sent.
    if (!this.#isLarge()) this.#chunks.push(Buffer.from(part as Uint8Array))
    else if (typeof part !== 'string') (this.#region as Buffer).set(part, start)
    // What stood there before must never be taken for a part of it.
    else if ((this.#region as Buffer).write(part, start) !== this.#bytes - start) throw new Error('a text of another length than was said')
    return true
  }

  /** The whole body that belongs to this head, or why there is none. Once only. */
  end(head: ResponseHead): Buffer | BodyReason {
    // RFC 9110 §6.4.1: these have no content, and Node ignores what is written.
    if (head.status === 204 || head.status === 304) return Buffer.alloc(0)
    if (this.#bytes > this.maxBytes) return 'body-too-large'
    if (!hasAnnouncedLength(head, this.#bytes)) return 'content-length'
    return this.whole()
  }

  /** What has been added, if that was not too much. Once only. */
  whole(): Buffer {
    const body = this.#region?.subarray(0, this.#bytes)
    this.#region = undefined
    return body ?? (this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks, this.#bytes))
  }

  drop(): void {
    this.#chunks.length = 0
    if (this.#region !== undefined) this.memory?.give(this.#region)
    this.#region = undefined
  }

  /** Whether it is in a region, into which it moves when it has become large. */
  #isLarge(): boolean {
    if (this.#region !== undefined || this.memory === undefined || this.#bytes < SMALL_BYTES || this.maxBytes > this.memory.bytes) return this.#region !== undefined
    this.#region = this.memory.take()
    if (this.#region === undefined) return false
    let at = 0
    for (const chunk of this.#chunks.splice(0)) at += chunk.copy(this.#region, at)
    return true
  }
}

/** A text in UTF-8, or bytes. Of a text in base64 or hex nobody knows how long it is before it is decoded. */
function toPart(chunk: string | Uint8Array, encoding: unknown): string | Uint8Array {
  if (typeof chunk !== 'string' || typeof encoding !== 'string' || /^utf-?8$/i.test(encoding)) return chunk
  return Buffer.from(chunk, encoding as BufferEncoding)
}

function hasAnnouncedLength(head: ResponseHead, bytes: number): boolean {
  return head.headers.every(([name, value]) => name.toLowerCase() !== 'content-length' || value === String(bytes))
}
