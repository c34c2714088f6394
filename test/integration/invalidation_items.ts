// Items of real memcached servers for the invalidation tests, placed as the writer and Nginx place them.
import { Atomic } from '../../node-writer/invalidation/atomic.js'
import { Store } from '../../node-writer/store.js'

export interface Items {
  atomic: Atomic
  close(): void
}

export function connectItems(memcached: string, timeoutMs = 2000): Items {
  const store = new Store({ memcached, timeoutMs })
  return { atomic: new Atomic((key) => store.connectionOf(key)), close: () => store.close() }
}
