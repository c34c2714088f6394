// How items begin, for many keys at once. memcached sends whole values only; what is not wanted of them is dropped as it
// arrives, so that a listing of large pages holds no page.

import { FIXED_BYTES, headBytes } from '../../njs/core/entry.js'
import type { TextConnection } from './text_connection.js'

export interface ItemStart {
  key: string
  /** Of the value. */
  bytes: number
  /** The head of a full entry; of anything else the first 4 KB. */
  start: Buffer
}

/** Questions on their way at once. */
const BATCH = 100

/** Longer than the longest vary marker. */
const OTHER_BYTES = 4096

/** Calls `onItem` for each key that is there, in the order of the keys. Nothing is marked as used. Rejects with a StoreError. */
export async function readStarts(connection: TextConnection, keys: readonly string[], onItem: (item: ItemStart) => void): Promise<void> {
  for (let from = 0; from < keys.length; from += BATCH) {
    // Flags: the key and the size are told, the value sent, u: the item keeps its place among the used ones, q: no word about what is gone.
    const questions = keys.slice(from, from + BATCH).map((key) => `mg ${key} k s v u q\r\n`)
    await connection.ask(questions.join('') + 'mn\r\n', startReader(connection, onItem))
  }
}

function startReader(connection: TextConnection, onItem: (item: ItemStart) => void): (chunk: Buffer) => boolean {
  let line = ''
  let item: { key: string; bytes: number } | undefined
  let kept: Buffer = Buffer.alloc(0)
  let left = 0

  return (chunk) => {
    for (let at = 0; at < chunk.length;) {
      if (item === undefined) {
        const end = chunk.indexOf(10, at)
        line += chunk.toString('latin1', at, end < 0 ? chunk.length : end)
        if (end < 0) return false
        at = end + 1
        const words = line.trimEnd().split(' ')
        line = ''
        if (words[0] === 'MN') return true
        if (words[0] !== 'VA') throw connection.fail('refused', `cannot read items: ${words.join(' ').slice(0, 100)} (memcached 1.6 or later is needed)`)
        item = { key: (words.find((word) => word.startsWith('k')) as string).slice(1), bytes: Number(words[1]) }
        kept = Buffer.alloc(0)
        // A line end follows the value.
        left = item.bytes + 2
        continue
      }
      const part = chunk.subarray(at, at + left)
      const wanted = Math.min(wantedBytes(kept.length < FIXED_BYTES ? Buffer.concat([kept, part]) : kept), item.bytes) - kept.length
      if (wanted > 0) kept = Buffer.concat([kept, part.subarray(0, wanted)])
      at += part.length
      left -= part.length
      if (left > 0) continue
      onItem({ ...item, start: kept })
      item = undefined
    }
    return false
  }
}

function wantedBytes(start: Buffer): number {
  if (start.length < FIXED_BYTES) return FIXED_BYTES
  const head = headBytes(start.toString('latin1', 0, FIXED_BYTES))
  return head < 0 ? OTHER_BYTES : head
}
