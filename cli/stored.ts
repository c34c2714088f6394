// What memcached has under a key, read as Nginx would read it: an entry that Nginx could not replay is said to be one.

import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { type EntryHead, FIXED_BYTES, headBytes, parseHead } from '../njs/core/entry.js'
import type { Mode } from '../njs/core/policy.js'
import { type Store, StoreError } from '../node-writer/store.js'
import { CliError } from './io.js'

export type Stored =
  | { state: 'absent' }
  | { state: 'raw'; bytes: number; gzip: boolean }
  | { state: 'full'; bytes: number; head: EntryHead; ageSeconds: number; freshForSeconds: number; bodyMissing: boolean }
  /** Nginx takes it for a miss. */
  | { state: 'unreadable'; bytes: number }

export interface StoredPage {
  server: string
  stored: Stored
  /** As stored; null when there is none. */
  body: Buffer | null
  gzip: boolean
}

/** Throws a CliError that names the server when it does not answer. */
export async function readStored(store: Store, key: string, mode: Mode): Promise<StoredPage> {
  try {
    return { server: store.serverOf(key), ...(await read(store, key, mode)) }
  } catch (error) {
    if (error instanceof StoreError) throw new CliError(error.message)
    throw error
  }
}

async function read(store: Store, key: string, mode: Mode): Promise<Omit<StoredPage, 'server'>> {
  const item = await store.get(key)
  if (item === null) return { stored: { state: 'absent' }, body: null, gzip: false }
  const bytes = item.value.length
  if (mode === 'raw') return { stored: { state: 'raw', bytes, gzip: item.gzip }, body: item.value, gzip: item.gzip }

  const end = headBytes(item.value.subarray(0, FIXED_BYTES).toString('latin1'))
  const head = end < 0 ? null : parseHead(item.value.subarray(0, end).toString('latin1'), bytes)
  if (head === null) return { stored: { state: 'unreadable', bytes }, body: null, gzip: false }

  const body = head.bodyKey === '' ? item.value.subarray(end) : ((await store.get(head.bodyKey))?.value ?? null)
  const now = Math.floor(Date.now() / 1000)
  const gzip = head.headers.some(([name, value]) => name.toLowerCase() === 'content-encoding' && value === 'gzip')
  return {
    stored: { state: 'full', bytes, head, ageSeconds: head.initialAge + Math.max(now - head.storedAt, 0), freshForSeconds: head.freshUntil - now, bodyMissing: body === null },
    body,
    gzip
  }
}

/** One sentence for people. */
export function describeStored({ stored, server }: StoredPage): string {
  switch (stored.state) {
    case 'absent':
      return `nothing (${server})`
    case 'raw':
      return `a raw page of ${stored.bytes} bytes${stored.gzip ? ', compressed' : ''} (${server})`
    case 'unreadable':
      return `${stored.bytes} bytes that are no entry; Nginx asks the app (${server})`
    case 'full': {
      const { head, ageSeconds, freshForSeconds } = stored
      const fresh = freshForSeconds > 0 ? `fresh for ${freshForSeconds} s` : `stale since ${-freshForSeconds} s`
      const tags = head.tags.length === 0 ? '' : `, tags ${head.tags.join(', ')}`
      const where = head.bodyKey === '' ? '' : stored.bodyMissing ? ', whose item is gone: Nginx asks the app' : ` in an item of its own, ${head.bodyKey}`
      return `status ${head.status}, ${head.headers.length} fields, a body of ${head.bodyBytes} bytes${where}; age ${ageSeconds} s, ${fresh}${tags} (${server})`
    }
  }
}

/** As the client that takes no gzip gets it. */
export async function inflated(page: StoredPage): Promise<Buffer | null> {
  if (page.body === null || !page.gzip) return page.body
  try {
    return await promisify(gunzip)(page.body)
  } catch (error) {
    throw new CliError(`the body claims to be gzip and is not: ${(error as Error).message}; --raw writes it as it is`)
  }
}
