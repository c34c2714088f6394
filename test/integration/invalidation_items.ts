// Items of real memcached servers for the invalidation tests, placed as the writer and Nginx place them.
import { Connection } from '../../node-writer/connection.js'
import { Atomic } from '../../node-writer/invalidation/atomic.js'
import { createRing, parseServers } from '../../node-writer/ring.js'

export interface Items {
  atomic: Atomic
  close(): void
}

export function connectItems(memcached: string, timeoutMs = 2000): Items {
  const servers = parseServers(memcached)
  const place = createRing(servers)
  const connections = servers.map((server) => new Connection(server, timeoutMs))
  return {
    atomic: new Atomic((key) => connections[place(key)] as Connection),
    close: () => { for (const connection of connections) connection.close() }
  }
}
