// How a memcached server is doing, and how it was started.

import { readStats, type TextConnection } from './text_connection.js'

export interface ServerStats {
  version: string
  uptimeSeconds: number
  items: number
  bytes: number
  /** memcached -m. */
  limitBytes: number
  /** Items that had to go for others since it was started. */
  evictions: number
  /** Of all its users. */
  hits: number
  misses: number
  connections: number
  /** memcached -c. */
  maxConnections: number
  /** How often it stopped taking connections, because it had as many as it may. */
  refusals: number
}

export interface ServerSettings {
  /** memcached -I, in bytes. */
  itemSizeMax: number
  /** False with -C. */
  cas: boolean
  /** False with -M: full, it answers with errors. */
  evicts: boolean
  /** memcached -l, '0.0.0.0' for every address; none when it listens on a socket. */
  addresses: string[]
}

/** Rejects with a StoreError. */
export async function readServerStats(connection: TextConnection): Promise<ServerStats> {
  const stats = await readStats(connection)
  const number = (name: string): number => Number(stats.get(name) ?? 0)
  return {
    version: stats.get('version') ?? '',
    uptimeSeconds: number('uptime'),
    items: number('curr_items'),
    bytes: number('bytes'),
    limitBytes: number('limit_maxbytes'),
    evictions: number('evictions'),
    hits: number('get_hits'),
    misses: number('get_misses'),
    connections: number('curr_connections'),
    maxConnections: number('max_connections'),
    refusals: number('listen_disabled_num')
  }
}

/** Rejects with a StoreError. */
export async function readServerSettings(connection: TextConnection): Promise<ServerSettings> {
  const settings = await readStats(connection, 'settings')
  const listen = (settings.get('inter') ?? 'NULL').split(',')
  const onSocket = (settings.get('domain_socket') ?? 'NULL') !== 'NULL'
  return {
    itemSizeMax: Number(settings.get('item_size_max')),
    cas: settings.get('cas_enabled') !== 'no',
    evicts: settings.get('evictions') !== 'off',
    addresses: onSocket ? [] : listen.map((address) => (address === 'NULL' ? '0.0.0.0' : address))
  }
}
