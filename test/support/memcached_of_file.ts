// Importing this starts a memcached for all tests of a file, and a store to look into it; both end with the file.

import { afterAll, beforeAll } from 'vitest'
import { Store } from '../../node-writer/store.js'
import { type Memcached, startMemcached } from './memcached.js'

/** From the first `beforeAll` of the file on. */
export let memcached: Memcached
export let store: Store

beforeAll(async () => {
  memcached = await startMemcached()
  store = new Store({ memcached: memcached.address })
})
afterAll(async () => {
  store?.close()
  await memcached?.stop()
})
