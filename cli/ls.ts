// samekey ls: what memcached has of a policy. memcached lists all its keys or none, so the answer of each server is
// filtered here; rows come as they are read, and only a sorted list is held.

import type { Command } from 'commander'
import { Option } from 'commander'
import { normaliseHost, normaliseTarget } from '../njs/core/normalise.js'
import { splitUrl } from '../node-writer/key.js'
import { type DumpedItem, dumpKeys } from '../node-writer/listing/dump_keys.js'
import { type Bans, readBans, readItem } from '../node-writer/listing/item_state.js'
import { readStarts } from '../node-writer/listing/item_starts.js'
import { type KeyText, readKey } from '../node-writer/listing/key_text.js'
import { TextConnection } from '../node-writer/listing/text_connection.js'
import type { LoadedPolicy } from '../node-writer/policy/types.js'
import type { ServerAddress } from '../node-writer/ring.js'
import { Store, StoreError } from '../node-writer/store.js'
import { EXIT, type ExitCode, type Io, json, usageError } from './io.js'
import { type ItemRow, ROW_HEADER, rowOf, rowText, shortSize } from './item_row.js'
import { readMemcached, readPolicy, withJson, withMemcached, withPolicy } from './options.js'
import { refuseUserName } from './page_request.js'

interface LsOptions {
  prefix?: string
  tag?: string
  all?: true
  sort?: keyof typeof ORDERS
  policy?: string
  memcached?: string
  json?: true
}

/** Pages of a batch are asked for together, and shown when it has come. */
const BATCH = 1000

const ORDERS = {
  url: (a: ItemRow, b: ItemRow) => compare(a.url ?? a.key, b.url ?? b.key) || compare(a.key, b.key),
  size: (a: ItemRow, b: ItemRow) => b.bytes - a.bytes,
  age: (a: ItemRow, b: ItemRow) => (a.ageSeconds ?? Infinity) - (b.ageSeconds ?? Infinity),
  ttl: (a: ItemRow, b: ItemRow) => (a.ttlSeconds ?? Infinity) - (b.ttlSeconds ?? Infinity)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}

export function lsCommand(program: Command, io: Io, done: (code: ExitCode) => void): void {
  const command = program
    .command('ls')
    .description('list what memcached has of the policy: pages with their state, size, age, time left and tags')
    .option('--prefix <url-or-path>', 'only pages below it: https://example.org/blog, or /blog on any host')
    .option('--tag <tag>', 'only pages with this tag')
    .option('--all', 'also what is no page: bodies of their own, leases, rules, the ban list')
    .addOption(new Option('--sort <by>', 'held until all is read (default: as memcached has them)').choices(Object.keys(ORDERS)))
  withJson(withPolicy(withMemcached(command))).action(async (options: LsOptions) => done(await list(options, io)))
}

async function list(options: LsOptions, io: Io): Promise<ExitCode> {
  const policy = readPolicy(options.policy, io)
  if (options.tag !== undefined && policy.mode === 'raw') throw usageError('--tag: entries of raw mode have no tags')
  const isBelow = options.prefix === undefined ? () => true : prefixFilter(options.prefix, policy)
  const isWanted = (text: KeyText): boolean => (options.all === true || PAGE_ROLES.has(text.role)) && isBelow(text)

  const show = (row: ItemRow): void => io.out(options.json ? json(row) : rowText(row))
  const held: ItemRow[] = []
  const totals = { items: 0, bytes: 0, states: new Map<string, number>() }
  const onRow = (row: ItemRow): void => {
    if (options.tag !== undefined && !row.tags.includes(options.tag)) return
    totals.items++
    totals.bytes += row.bytes
    totals.states.set(row.state, (totals.states.get(row.state) ?? 0) + 1)
    if (totals.items === 1 && !options.json) io.out(ROW_HEADER)
    options.sort === undefined ? show(row) : held.push(row)
  }

  const store = new Store({ memcached: readMemcached(options.memcached, io) })
  let failed = false
  const attempt = async (work: Promise<unknown>): Promise<void> => {
    try {
      await work
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      failed = true
      io.err(`samekey: ${error.message}\n`)
    }
  }
  try {
    let bans: Bans | null = null
    if (policy.mode === 'full') await attempt(readBans(store, policy).then((read) => (bans = read)))
    for (const server of store.servers) await attempt(listServer(server, policy, bans, isWanted, onRow))
  } finally {
    store.close()
  }
  if (options.sort !== undefined) held.sort(ORDERS[options.sort]).forEach(show)
  if (!options.json) io.err(totalText(totals))
  return failed ? EXIT.failed : EXIT.ok
}

const PAGE_ROLES = new Set(['page', 'second'])

async function listServer(address: ServerAddress, policy: LoadedPolicy, bans: Bans | null, isWanted: (text: KeyText) => boolean, onRow: (row: ItemRow) => void): Promise<void> {
  const connection = new TextConnection(address)
  try {
    const dumped = await dumpKeys(connection, policy.keyHead)
    for (let from = 0; from < dumped.length; from += BATCH) {
      const batch = new Map<string, { item: DumpedItem; text: KeyText }>()
      for (const item of dumped.slice(from, from + BATCH)) {
        const text = readKey(item.key, policy)
        if (text !== null && isWanted(text)) batch.set(item.key, { item, text })
      }
      const now = Math.floor(Date.now() / 1000)
      const readAs = (key: string, start: Buffer, bytes: number): void => {
        const { item, text } = batch.get(key) as { item: DumpedItem; text: KeyText }
        onRow(rowOf(item, text, readItem(text, start, bytes, bans, policy.mode, now), address.name, now))
      }
      // The bytes of a body and of a raw page say nothing that is shown.
      const isOpaque = (text: KeyText): boolean => text.role === 'body' || (policy.mode === 'raw' && text.role === 'page')
      for (const [key, { text }] of batch) if (isOpaque(text)) readAs(key, Buffer.alloc(0), 0)
      const rest = [...batch].filter(([, { text }]) => !isOpaque(text)).map(([key]) => key)
      await readStarts(connection, rest, ({ key, start, bytes }) => readAs(key, start, bytes))
    }
  } finally {
    connection.close()
  }
}

/** Compared with the canonical scheme://host/target, of which a shortened key has only the start. */
function prefixFilter(prefix: string, policy: LoadedPolicy): (text: KeyText) => boolean {
  refuseUserName(prefix)
  const isPath = prefix.startsWith('/')
  const whole = canonicalPrefix(prefix, policy)
  return ({ url, isWhole }) => {
    const compared = isPath ? url.slice(Math.max(url.indexOf('/', url.indexOf('://') + 3), 0)) : url
    // A shortened one may end in half an escape.
    return compared.startsWith(whole) || (!isWhole && whole.startsWith(compared.replace(/%$/, '')))
  }
}

/** As keys have it. */
function canonicalPrefix(prefix: string, policy: LoadedPolicy): string {
  const isPath = prefix.startsWith('/')
  if (!isPath && !/^https?:\/\/[^/]/i.test(prefix)) throw usageError(`--prefix: expected https://HOST/PATH or /PATH, got ${JSON.stringify(prefix)}`)
  const { scheme, host, target } = splitUrl(isPath ? `http://host${prefix}` : prefix)
  const { text, ambiguity } = normaliseTarget(target, policy)
  if (ambiguity !== '') throw usageError(`--prefix: no page with such a path is ever stored (${ambiguity}): ${prefix}`)
  const own = policy.scheme === '' ? scheme : policy.scheme
  return isPath ? text : `${own}://${normaliseHost(host, own)}${text}`
}

function totalText({ items, bytes, states }: { items: number; bytes: number; states: Map<string, number> }): string {
  const each = [...states].map(([state, count]) => `${count} ${state}`).join(', ')
  return items === 0 ? 'nothing is stored\n' : `${items} ${items === 1 ? 'item' : 'items'}, ${shortSize(bytes)}: ${each}\n`
}
