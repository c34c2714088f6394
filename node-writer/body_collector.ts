// A body as the app writes it, kept whole or not at all.

import { Buffer } from 'node:buffer'
import type { ResponseHead } from './capture.js'

export type BodyReason =
  | 'content-length' // the body is not as long as the app had announced
  | 'body-too-large' // more than maxBodyBytes

export class BodyCollector {
  #chunks: Buffer[] = []
  #bytes = 0

  constructor(readonly maxBytes: number) {}

  /** False once the body is longer than it may be; nothing of it is kept then. */
  add(chunk: unknown, encoding: unknown): boolean {
    if (chunk === undefined || chunk === null || typeof chunk === 'function') return this.#bytes <= this.maxBytes
    // A copy: the app may use its buffer for something else as soon as it has been sent.
    const copy = typeof chunk === 'string' ? Buffer.from(chunk, toEncoding(encoding)) : Buffer.from(chunk as Uint8Array)
    this.#bytes += copy.length
    if (this.#bytes > this.maxBytes) this.#chunks.length = 0
    else this.#chunks.push(copy)
    return this.#bytes <= this.maxBytes
  }

  /** The whole body that belongs to this head, or why there is none. Once only. */
  end(head: ResponseHead): Buffer | BodyReason {
    // RFC 9110 §6.4.1: these have no content, and Node ignores what is written.
    if (head.status === 204 || head.status === 304) return Buffer.alloc(0)
    if (this.#bytes > this.maxBytes) return 'body-too-large'
    if (!hasAnnouncedLength(head, this.#bytes)) return 'content-length'
    return this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks, this.#bytes)
  }

  drop(): void {
    this.#chunks.length = 0
  }
}

function hasAnnouncedLength(head: ResponseHead, bytes: number): boolean {
  return head.headers.every(([name, value]) => name.toLowerCase() !== 'content-length' || value === String(bytes))
}

function toEncoding(encoding: unknown): BufferEncoding {
  return typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8'
}
