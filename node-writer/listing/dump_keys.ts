// Every key of a policy on one server, by `lru_crawler metadump hash`: memcached has no other way to list them. Not `all`:
// it walks the lists by age, between which items move meanwhile, and on a server in use it misses some.

import { setTimeout as pause } from 'node:timers/promises'
import { lineReader, type TextConnection } from './text_connection.js'

export interface DumpedItem {
  key: string
  /** What memcached spends on it: key, value and some 60 bytes. */
  bytes: number
  /** Seconds since 1970; null when it does not expire. */
  expiresAt: number | null
}

/** memcached's own crawl, or another listing, is done by then. */
const BUSY_MS = 10_000
const BUSY_PAUSE_MS = 100

/**
 * Those that begin with `keyHead`, in no order, each once. All are held (some 200 bytes each), because a reader that stops
 * reading stops memcached: until it goes on, its crawler keeps a lock for which its other threads come to wait.
 */
export async function dumpKeys(connection: TextConnection, keyHead: string, busyMs = BUSY_MS): Promise<DumpedItem[]> {
  const deadline = Date.now() + busyMs
  for (;;) {
    const items = await dumpOnce(connection, keyHead)
    if (items !== 'busy') return items
    if (Date.now() >= deadline) throw connection.fail('busy', `is listing its keys for somebody else for ${busyMs / 1000} s already; try again`)
    await pause(BUSY_PAUSE_MS)
  }
}

async function dumpOnce(connection: TextConnection, keyHead: string): Promise<DumpedItem[] | 'busy'> {
  const items = new Map<string, DumpedItem>()
  let busy = false
  // Most lines can be somebody else's.
  const start = `key=${encodeURIComponent(keyHead)}`
  await connection.ask('lru_crawler metadump hash\r\n', lineReader((line) => {
    if (line === 'END') return true
    if (line.startsWith('BUSY')) return (busy = true)
    if (line.startsWith('key=')) {
      const item = line.startsWith(start) ? parseLine(line) : null
      if (item !== null) items.set(item.key, item)
      return false
    }
    if (line === 'ERROR' || line.startsWith('BADCLASS')) throw connection.fail('refused', 'cannot list its keys: a later memcached is needed (1.6.18 can)')
    throw connection.fail('refused', `cannot list its keys: ${line.slice(0, 100)}`)
  }))
  return busy ? 'busy' : [...items.values()]
}

/**
 * `key=samekey%3A1… exp=1795541100 la=… cas=… fetch=no cls=5 size=204`; exp=-1: never. Null for a key that the text
 * protocol cannot ask for: nobody here wrote it, and a line end in it would be a command.
 */
function parseLine(line: string): DumpedItem | null {
  const match = /^key=(\S+) exp=(-?[0-9]+) .*?\bsize=([0-9]+)/.exec(line)
  if (match === null) return null
  const key = (match[1] as string).replace(/%([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
  const expires = Number(match[2])
  return /^[!-~]{1,250}$/.test(key) ? { key, bytes: Number(match[3]), expiresAt: expires < 0 ? null : expires } : null
}
