// samekey stats: how the memcached servers are doing, and what of this policy is in them.

import type { Command } from 'commander'
import { clockOf, type BanList } from '../njs/core/bans.js'
import { MAX_COMPARED, MAX_LIST_BYTES } from '../node-writer/invalidation/compact.js'
import { dumpKeys } from '../node-writer/listing/dump_keys.js'
import { banListKey } from '../node-writer/invalidation/invalidation.js'
import { type Bans, readBans } from '../node-writer/listing/item_state.js'
import { type KeyRole, readKey } from '../node-writer/listing/key_text.js'
import { readServerStats, type ServerStats } from '../node-writer/listing/server_stats.js'
import { TextConnection } from '../node-writer/listing/text_connection.js'
import type { LoadedPolicy } from '../node-writer/policy/types.js'
import type { ServerAddress } from '../node-writer/ring.js'
import { Store, StoreError } from '../node-writer/store.js'
import { EXIT, type ExitCode, type Io, json, printable } from './io.js'
import { shortSize, shortTime } from './item_row.js'
import { readMemcached, readPolicy, withJson, withMemcached, withPolicy } from './options.js'

interface ServerReport {
  server: string
  error: string | null
  stats: ServerStats | null
  /** Items of this policy, by what their keys say. */
  own: Partial<Record<KeyRole, number>>
  ownBytes: number
}

interface BanReport {
  server: string
  error: string | null
  /** Epoch and counter. */
  clock: string | null
  epoch: string | null
  counter: number | null
  base: number | null
  bytes: number
  tags: number
  compared: number
  /** Purges since the time of the list's mark. */
  purges: { count: number; since: string } | null
  /** What the newest purge named; null when it was everything, or there was none. */
  last: string[] | null
}

export function statsCommand(program: Command, io: Io, done: (code: ExitCode) => void): void {
  const command = program.command('stats').description('show how each memcached server is doing, how many pages of the policy it has, and the ban list')
  withJson(withPolicy(withMemcached(command))).action(async (options: { policy?: string; memcached?: string; json?: true }) => {
    const policy = readPolicy(options.policy, io)
    const store = new Store({ memcached: readMemcached(options.memcached, io) })
    try {
      const servers = await Promise.all(store.servers.map((server) => serverReport(server, policy)))
      const bans = policy.mode === 'raw' ? null : await banReport(store, policy)
      if (options.json) io.out(json({ servers, policy: { keyHead: policy.keyHead, mode: policy.mode }, bans }))
      else io.out([serverHeader(), ...servers.map(serverText), '', ...policyText(policy, servers), ...(bans === null ? [] : banText(bans))].map((line) => printable(line) + '\n').join(''))
      if ([...servers, ...(bans === null ? [] : [bans])].some(({ error }) => error !== null)) done(EXIT.failed)
    } finally {
      store.close()
    }
  })
}

async function serverReport(address: ServerAddress, policy: LoadedPolicy): Promise<ServerReport> {
  const report: ServerReport = { server: address.name, error: null, stats: null, own: {}, ownBytes: 0 }
  const connection = new TextConnection(address)
  try {
    report.stats = await readServerStats(connection)
    for (const { key, bytes } of await dumpKeys(connection, policy.keyHead)) {
      const { role } = readKey(key, policy) as NonNullable<ReturnType<typeof readKey>>
      report.own[role] = (report.own[role] ?? 0) + 1
      report.ownBytes += bytes
    }
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    report.error = error.message
  } finally {
    connection.close()
  }
  return report
}

async function banReport(store: Store, policy: LoadedPolicy): Promise<BanReport> {
  const nothing: BanReport = { server: store.serverOf(banListKey(policy)), error: null, clock: null, epoch: null, counter: null, base: null, bytes: 0, tags: 0, compared: 0, purges: null, last: null }
  let bans: Bans
  try {
    bans = await readBans(store, policy)
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    return { ...nothing, error: error.message }
  }
  const { list, text } = bans
  if (text === null) return nothing
  if (list === null) return { ...nothing, bytes: text.length, error: 'the ban list cannot be read; the next writer makes a new one' }
  const tags = list.bans.filter(({ kind }) => kind === 't').length
  return {
    ...nothing,
    clock: clockOf(list),
    epoch: list.epoch,
    counter: list.counter,
    base: list.base,
    bytes: text.length,
    tags,
    compared: list.bans.length - tags,
    purges: { count: list.counter - list.markCounter, since: new Date(list.markTime * 1000).toISOString() },
    last: newest(list)
  }
}

const KIND = { t: 'tag', p: 'prefix', r: 'pattern', i: 'pattern' }

function newest({ bans, counter, base }: BanList): string[] | null {
  const last = bans.filter((ban) => ban.counter === counter).map(({ kind, argument }) => `${KIND[kind]} ${argument}`)
  return base === counter ? null : last
}

// ------------------------------------------------------------------------------------------------------------ text

function serverHeader(): string {
  return `${'SERVER'.padEnd(24)} ${'ITEMS'.padStart(9)} ${'MEMORY'.padStart(15)} ${'HITS'.padStart(6)} ${'EVICTED'.padStart(9)} ${'CONNECTIONS'.padStart(12)} ${'UP'.padStart(5)}  VERSION`
}

function serverText({ server, error, stats }: ServerReport): string {
  if (stats === null) return `${server.padEnd(24)} ${error}`
  const asked = stats.hits + stats.misses
  const columns = [
    server.padEnd(24),
    String(stats.items).padStart(9),
    `${shortSize(stats.bytes)} of ${shortSize(stats.limitBytes)}`.padStart(15),
    (asked === 0 ? '-' : `${((100 * stats.hits) / asked).toFixed(1)}%`).padStart(6),
    String(stats.evictions).padStart(9),
    `${stats.connections} of ${stats.maxConnections}`.padStart(12),
    shortTime(stats.uptimeSeconds).padStart(5)
  ]
  return `${columns.join(' ')}  ${stats.version}${error === null ? '' : ` (${error})`}`
}

const NAMES: [KeyRole, one: string, many: string][] = [
  ['page', 'page', 'pages'],
  ['second', 'further form of a page', 'further forms of pages'],
  ['body', 'body of its own', 'bodies of their own'],
  ['claim', 'claim', 'claims'],
  ['lease', 'lease', 'leases'],
  ['rule', 'rule of a path, or a claim on it', 'rules of paths, or claims on them'],
  ['unknown', 'unknown item', 'unknown items']
]

function policyText({ keyHead, mode }: LoadedPolicy, servers: ServerReport[]): string[] {
  const counts = NAMES.map(([role, one, many]) => ({ role, one, many, count: servers.reduce((sum, { own }) => sum + (own[role] ?? 0), 0) }))
  const shown = counts.filter(({ role, count }) => count > 0 || role === 'page').map(({ one, many, count }) => `${count} ${count === 1 ? one : many}`)
  return [`policy    ${keyHead} in ${mode} mode`, `stored    ${shown.join(', ')}; ${shortSize(servers.reduce((sum, { ownBytes }) => sum + ownBytes, 0))}`]
}

function banText({ server, error, clock, counter, base, bytes, tags, compared, purges, last }: BanReport): string[] {
  if (error !== null) return [`ban list  ${error}`]
  if (clock === null) return [`ban list  none yet; the first render makes it on ${server}`]
  const named = last === null ? 'everything' : last.join(', ')
  return [
    `ban list  on ${server}, clock ${clock}, base ${base}, ${bytes} of ${MAX_LIST_BYTES} bytes, ${tags} tags, ${compared} of ${MAX_COMPARED} prefixes and patterns`,
    ...(counter === 0 ? [] : [`purges    ${counter} in all, ${purges?.count} since ${purges?.since}; the last of ${named}`])
  ]
}
