// The memcached servers: whether they answer, both protocols, and were started so that nothing is lost or exposed.

import { randomBytes } from 'node:crypto'
import { readServerSettings, readServerStats, type ServerSettings, type ServerStats } from '../../node-writer/listing/server_stats.js'
import { TextConnection } from '../../node-writer/listing/text_connection.js'
import { MAX_COMPARED, MAX_LIST_BYTES } from '../../node-writer/invalidation/compact.js'
import { banListKey } from '../../node-writer/invalidation/invalidation.js'
import { readBans } from '../../node-writer/listing/item_state.js'
import type { LoadedPolicy } from '../../node-writer/policy/types.js'
import type { ServerAddress } from '../../node-writer/ring.js'
import { Store, StoreError } from '../../node-writer/store.js'
import { shortSize } from '../item_row.js'
import { type Check, type Checks, fail, isAtLeast, ok, warn } from './check.js'

const MB = 1024 * 1024

export async function* checkServer(address: ServerAddress, policy: LoadedPolicy | null): Checks {
  const on = address.name
  const connection = new TextConnection(address, 2000)
  try {
    const stats = await readServerStats(connection)
    const settings = await readServerSettings(connection)
    yield ok('memcached-answers', on, `up for ${stats.uptimeSeconds} s, ${stats.items} items, ${shortSize(stats.bytes)} of ${shortSize(stats.limitBytes)}`)
    yield checkVersion(on, stats)
    yield checkCas(on, settings, policy)
    yield await checkWorks(address, policy)
    yield checkItemSize(on, settings)
    yield checkEvictions(on, stats, settings)
    yield checkConnections(on, stats)
    yield checkExposed(on, settings)
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    const todo = /Too many open connections/.test(error.message) ? 'start it with more connections (-c)' : 'start it, or correct --memcached'
    yield fail('memcached-answers', on, error.message, `${todo}; while it is away, its pages are rendered every time`)
  } finally {
    connection.close()
  }
}

function checkVersion(on: string, { version }: ServerStats): Check {
  if (isAtLeast(version, '1.6')) return ok('memcached-version', on, version)
  return warn('memcached-version', on, `${version}, tested from 1.6`, 'update it; before 1.6 `samekey ls` and purges of a prefix in raw mode cannot list its keys')
}

function checkCas(on: string, { cas }: ServerSettings, policy: LoadedPolicy | null): Check {
  if (cas) return ok('memcached-cas', on, 'items have a CAS')
  return fail('memcached-cas', on, 'it runs without CAS (-C)', policy?.mode === 'raw' ? 'start it without -C: claims need CAS, so nothing is stored' : 'start it without -C: claims and the ban list need CAS, so nothing is stored')
}

/** Written as the writer does (binary protocol), read as Nginx does (text protocol), and taken away again. */
async function checkWorks(address: ServerAddress, policy: LoadedPolicy | null): Promise<Check> {
  const key = `${policy?.keyHead ?? 'samekey:'}#doctor:${randomBytes(8).toString('hex')}`
  const store = new Store({ memcached: address.name, timeoutMs: 2000 })
  const connection = new TextConnection(address, 2000)
  try {
    await store.set(key, Buffer.from('probe'), { ttlSeconds: 10 })
    let answer = ''
    await connection.ask(`get ${key}\r\n`, (chunk) => /(?:END|ERROR.*)\r\n$/.test((answer += chunk.toString('latin1'))))
    await store.delete(key)
    if (answer.includes('\r\nprobe\r\n')) return ok('memcached-works', address.name, 'what the writer stores Nginx can read')
    return fail('memcached-works', address.name, `what was stored could not be read again: ${answer.trim().slice(0, 100) || 'nothing was there'}`, 'give it more memory (-m), and let nothing else flush it')
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    return fail('memcached-works', address.name, error.message, 'start it without -B ascii and without -S: the writer speaks the binary protocol, Nginx the text protocol, and neither has a password')
  } finally {
    store.close()
    connection.close()
  }
}

function checkItemSize(on: string, { itemSizeMax }: ServerSettings): Check {
  if (itemSizeMax === MB) return ok('memcached-item-size', on, 'items of 1 MB at most, as the writer takes it to be')
  if (itemSizeMax > MB) return ok('memcached-item-size', on, `items of ${shortSize(itemSizeMax)} at most; the writer uses that with maxItemBytes: ${itemSizeMax}`)
  return warn('memcached-item-size', on, `items of ${shortSize(itemSizeMax)} at most (-I), and the writer expects 1 MB`, `start it with -I 1m, or give the writer maxItemBytes: ${itemSizeMax}; larger pages are rendered every time`)
}

function checkEvictions(on: string, { evictions, limitBytes }: ServerStats, { evicts }: ServerSettings): Check {
  if (!evicts) return warn('memcached-evictions', on, 'it runs with -M: once it is full, nothing more is stored', 'start it without -M')
  if (evictions === 0) return ok('memcached-evictions', on, `none; ${shortSize(limitBytes)} are enough`)
  return warn('memcached-evictions', on, `${evictions} items had to go before their time`, `more memory than -m ${Math.round(limitBytes / MB)}: what goes is rendered again`)
}

function checkConnections(on: string, { connections, maxConnections, refusals }: ServerStats): Check {
  const text = `${connections} of ${maxConnections}`
  const todo = `start it with more than -c ${maxConnections}: each Nginx worker keeps up to 64 open, and opens more in a crowd`
  if (refusals > 0) return warn('memcached-connections', on, `${text}; ${refusals} times it took no more`, todo)
  return connections > 0.8 * maxConnections ? warn('memcached-connections', on, text, todo) : ok('memcached-connections', on, text)
}

const LOOPBACK = /^(?:127\..*|\[?::1\]?(?::.*)?|localhost.*)$/

function checkExposed(on: string, { addresses }: ServerSettings): Check {
  const open = addresses.find((address) => !LOOPBACK.test(address.trim()))
  if (open === undefined) return ok('memcached-exposed', on, `it listens on ${addresses.join(', ') || 'a socket'}`)
  const where = /^(?:0\.0\.0\.0|::|\*)$/.test(open) ? 'every address' : open
  return warn('memcached-exposed', on, `it listens on ${where}`, 'let only Nginx and the app reach it (-l, a firewall): who can write to it can write pages')
}

// -------------------------------------------------------------------------------------------------------- ban list

export async function checkBanList(store: Store, policy: LoadedPolicy): Promise<Check> {
  const on = store.serverOf(banListKey(policy))
  try {
    const { list, text } = await readBans(store, policy)
    if (text === null) return ok('ban-list', on, 'there is none yet; the first render makes it')
    if (list === null) return fail('ban-list', on, `its ${text.length} bytes cannot be read, so no page is served`, 'render any page: the writer makes a new one. If this comes back, another program, or another version of samekey, writes to this memcached')
    const compared = list.bans.filter(({ kind }) => kind !== 't').length
    const said = `clock ${list.epoch}.${list.counter}, ${text.length} of ${MAX_LIST_BYTES} bytes, ${compared} of ${MAX_COMPARED} prefixes and patterns`
    const isFull = text.length > 0.9 * MAX_LIST_BYTES || compared > 0.9 * MAX_COMPARED
    return isFull ? warn('ban-list', on, said, 'purge fewer, broader tags: what is let go of the list takes older pages with it') : ok('ban-list', on, said)
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    return fail('ban-list', on, error.message, 'bring this server back: without the list no page is served, also none of the other servers')
  }
}
