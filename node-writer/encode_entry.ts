// A response becomes one memcached item, or two: the body first, so that a head never points at nothing. What is
// stored is served as it is, so everything that a replayer would have to change is changed here, once.

import { webcrypto } from 'node:crypto'
import { promisify } from 'node:util'
import { createGzip, gzip } from 'node:zlib'
import compressible from 'compressible'
import { canReturn, formatHead, isReplayable } from '../njs/core/entry.js'
import type { Policy } from '../njs/core/policy.js'
import { BodyCollector } from './body_collector.js'
import type { BodyMemory } from './body_memory.js'
import { listMembers, type ResponseHead } from './http/fields.js'

/** One `set`, in the order in which they are to be made. */
export interface Item {
  key: string
  value: Buffer
  /** Nginx's memcached_gzip_flag: the value is gzip all through. */
  gzip: boolean
}

/** In seconds since 1970. */
export interface EntryTimes {
  /** When the head was sent. */
  receivedAt: number
  /** Seconds: how old the response was then (RFC 9111 §5.1). */
  initialAge: number
  /** As in an entry's head (njs/core/entry.ts). */
  freshUntil: number
  refreshUntil: number
  errorUntil: number
}

export interface EntryOptions {
  key: string
  /** What a purge by tag finds it by. Default none. */
  tags?: string[]
  /** The logical clock of before the render (docs/invalidation.md). Default none. */
  clock?: string
  /** The token of the rule of its path for the query. Default none. */
  rule?: string
  times: EntryTimes
  /** Compress what is worth it. */
  compress: boolean
  /** A longer body, as it would be stored, is given up at once: hashing and copying it would hold the app up. */
  maxItemBytes: number
  /** For large bodies. Who gets items gives their values back there, when they have been sent. */
  memory?: BodyMemory
}

/** Head and body go into one item up to this size: what passes through njs in one piece costs too much above it. */
const ONE_ITEM_BYTES = 200 * 1024

/** A reader takes no longer head (njs/core/entry.ts); a little less, for the name of a body. */
const MAX_HEAD_BYTES = 65536 - 200

/** Below this, gzip saves less than a packet. As gzip_min_length in nginx/samekey.server.conf. */
const COMPRESS_FROM_BYTES = 1024

/** Below this, putting the parts of what gzip made together takes less than half a millisecond. */
const GZIP_BY_PARTS_FROM_BYTES = 1024 * 1024

const GZIP_PART_BYTES = 64 * 1024

const gzipAsync = promisify(gzip)

/** Whether the body is announced to be longer than an item, and will not get shorter: then it need not be kept at all. */
export function isTooLong({ headers }: ResponseHead, { compress, maxItemBytes }: Pick<EntryOptions, 'compress' | 'maxItemBytes'>): boolean {
  const getsShorter = compress && valueOf(headers, 'content-encoding') === '' && mayCompress(headers)
  return !getsShorter && Number(valueOf(headers, 'content-length')) > maxItemBytes
}

/** Null when no item could hold the body, or no head its fields. */
export async function encodeEntry(head: ResponseHead, body: Buffer, policy: Policy, options: EntryOptions): Promise<Item[] | null> {
  const stored = await encodeBody(head, body, options)
  if (stored.body.length > options.maxItemBytes) return null
  if (policy.mode === 'raw') return [{ key: options.key, value: stored.body, gzip: stored.gzip }]

  const text = (bodyKey: string) => formatHead({
    status: head.status,
    bodyBytes: stored.body.length,
    storedAt: options.times.receivedAt,
    initialAge: options.times.initialAge,
    freshUntil: options.times.freshUntil,
    refreshUntil: options.times.refreshUntil,
    errorUntil: options.times.errorUntil,
    bodyKey,
    clock: options.clock ?? '',
    rule: options.rule ?? '',
    tags: options.tags ?? [],
    headers: stored.headers
  })
  const whole = text('')
  if (whole.length > MAX_HEAD_BYTES) return null
  if (canReturn(head.status, stored.body.length) && whole.length + stored.body.length <= ONE_ITEM_BYTES) {
    return [{ key: options.key, value: Buffer.concat([Buffer.from(whole, 'latin1'), stored.body]), gzip: false }]
  }
  // Named by its content: another response can never put a different body under the key that a head holds.
  const bodyKey = `${policy.keyHead}#b:${await digestOf(stored.body)}`
  return [
    { key: bodyKey, value: stored.body, gzip: stored.gzip },
    { key: options.key, value: Buffer.from(text(bodyKey), 'latin1'), gzip: false }
  ]
}

/** On another thread: a megabyte takes most of a millisecond. */
async function digestOf(body: Buffer): Promise<string> {
  return Buffer.from(await webcrypto.subtle.digest('SHA-256', body)).toString('base64url')
}

interface Stored {
  headers: ResponseHead['headers']
  body: Buffer
  gzip: boolean
}

async function encodeBody(head: ResponseHead, body: Buffer, { compress, maxItemBytes, memory }: EntryOptions): Promise<Stored> {
  // RFC 9110 §7.6.1: fields that Connection names are for one connection.
  const hopByHop = listMembers(valueOf(head.headers, 'connection').toLowerCase())
  const headers = withOneVary(head.headers.filter(([name, value]) =>
    isReplayable(name, value) && !WRITTEN_BY_NGINX.test(name) && !isOwnStatus(name, value) && !hopByHop.includes(name.toLowerCase())))
  const coding = valueOf(headers, 'content-encoding').toLowerCase()
  if (coding === 'gzip') return { headers: withVary(headers), body, gzip: true }
  // Nobody on the way undoes another coding: all clients get it, as they would from the app.
  if (coding !== '') return { headers, body, gzip: false }
  if (!mayCompress(headers)) return { headers, body, gzip: false }
  if (body.length < COMPRESS_FROM_BYTES) return { headers, body, gzip: false }
  // Stored plain, it may still be compressed by Nginx (gzip on).
  if (!compress) return { headers: withVary(headers), body, gzip: false }
  const compressed = memory === undefined || body.length < GZIP_BY_PARTS_FROM_BYTES ? await gzipAsync(body) : await gzipByParts(body, maxItemBytes, memory)
  if (compressed.length >= body.length) return { headers: withVary(headers), body, gzip: false }
  return { headers: [...withVary(headers).map(weakenETag), ['Content-Encoding', 'gzip']], body: compressed, gzip: true }
}

/** Each part is put in its place as it comes. Given up, for the body as it is, when it is longer than that or than an item. */
async function gzipByParts(body: Buffer, maxItemBytes: number, memory: BodyMemory): Promise<Buffer> {
  const collector = new BodyCollector(Math.min(maxItemBytes, body.length), memory)
  const stream = createGzip({ chunkSize: GZIP_PART_BYTES })
  stream.end(body)
  for await (const part of stream) if (!collector.add(part, '')) return body
  const whole = collector.whole()
  // It will be copied into an item with its head.
  if (whole.length > ONE_ITEM_BYTES) return whole
  const small = Buffer.from(whole)
  memory.give(whole)
  return small
}

/** What is between an app and Nginx only, and what the replayer counts itself. */
const WRITTEN_BY_NGINX = /^(?:x-pad|x-accel-.*|age)$/i

/** RFC 9211: it tells of one exchange. Members of other caches stay, as the app sent them. */
function isOwnStatus(name: string, value: string): boolean {
  return name.toLowerCase() === 'cache-status' && /^samekey *(?:;|$)/.test(value)
}

function mayCompress(headers: ResponseHead['headers']): boolean {
  // RFC 9110 §7.7: nobody on the way may change the coding.
  if (/no-transform/i.test(valueOf(headers, 'cache-control'))) return false
  // RFC 9530: a digest of the content is one of the coded content, and would be wrong.
  if (headers.some(([name]) => /^(?:content-digest|repr-digest|digest|content-md5)$/i.test(name))) return false
  return compressible(valueOf(headers, 'content-type')) === true
}

/** Some clients get it inflated: caches on the way must keep the two apart (RFC 9110 §12.5.5). */
function withVary(headers: ResponseHead['headers']): ResponseHead['headers'] {
  const vary = valueOf(headers, 'vary')
  return /(?:^|[ ,])accept-encoding(?:[ ,]|$)/i.test(vary) ? headers : withOneVary([...headers, ['Vary', 'Accept-Encoding']])
}

/** Of several, Nginx's own cache looks at one before 1.23; and one is replayed more quickly. */
function withOneVary(headers: ResponseHead['headers']): ResponseHead['headers'] {
  const isVary = ([name]: [string, string]): boolean => name.toLowerCase() === 'vary'
  const values = headers.filter(isVary).map(([, value]) => value)
  return values.length < 2 ? headers : [...headers.filter((field) => !isVary(field)), ['Vary', values.filter((value) => value !== '').join(', ')]]
}

/** RFC 9110 §5.3: several fields of a name mean one, joined by ', '. */
function valueOf(headers: ResponseHead['headers'], name: string): string {
  return headers.filter(([other]) => other.toLowerCase() === name).map(([, value]) => value).join(', ')
}

/** RFC 9110 §8.8.3.3: a strong validator names one coding; the other coding of the same page needs a weak one. */
function weakenETag([name, value]: [string, string]): [string, string] {
  return name.toLowerCase() === 'etag' && value.startsWith('"') ? [name, `W/${value}`] : [name, value]
}
