// Whether an Nginx serves what the writer would store: pages of the doctor's own are put where the writer would put them,
// and asked for. No visitor's page is touched.

import { randomBytes } from 'node:crypto'
import { formatHead } from '../../njs/core/entry.js'
import { createInvalidation } from '../../node-writer/invalidation/invalidation.js'
import { resolveUrl } from '../../node-writer/key.js'
import type { LoadedPolicy } from '../../node-writer/policy/types.js'
import { Store, StoreError } from '../../node-writer/store.js'
import { type Checks, fail, ok } from './check.js'

export interface Answer {
  body: string
  /** '' without one. */
  cacheStatus: string
}

const HOST = 'samekey-doctor.example'
const PROBE = 'probe'

/** As many pages as it takes to meet most servers. */
export async function* checkServed(ask: (path: string, host: string) => Promise<Answer>, policy: LoadedPolicy, memcached: string): Checks {
  const store = new Store({ memcached, timeoutMs: 2000 })
  const { lists } = createInvalidation(policy, store)
  const host = policy.document.hosts.find((name) => !name.includes('*')) ?? HOST
  const paths = Array.from({ length: 4 * store.servers.length }, () => `/samekey-doctor-${randomBytes(8).toString('hex')}`)
  try {
    for (const path of paths) {
      const { key, bypass } = resolveUrl(`http://${host}${path}`, policy)
      if (bypass === '') await store.set(key, policy.mode === 'raw' ? Buffer.from(PROBE) : probeOf(await lists.clock()), { ttlSeconds: 30 })
      const { cacheStatus, body } = await ask(path, host)
      if (bypass === '') await store.delete(key)
      if (/detail=memcached/.test(cacheStatus)) {
        yield fail('nginx-memcached', store.serverOf(key), `Nginx does not get an answer from it (${cacheStatus})`, 'a firewall, or a socket that its user may not open (memcached -a 0777)?')
        return
      }
      if (bypass !== '' && cacheStatus.includes(`detail=${bypass}`)) {
        yield ok('nginx-memcached', null, `this policy looks up no page that could be tried (${bypass})`)
        return
      }
      if (!cacheStatus.startsWith('samekey; hit') || body !== PROBE) {
        yield fail('nginx-serves', bypass === '' ? store.serverOf(key) : null, `what the writer would store is not served: ${cacheStatus || 'no Cache-Status at all'}`, 'please report this, with the policy and the versions above')
        return
      }
    }
    yield ok('nginx-memcached', null, 'Nginx gets answers from memcached')
    yield ok('nginx-serves', null, `${paths.length} pages were stored, found and served`)
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    yield fail('nginx-memcached', error.server, error.message, 'see memcached-answers')
  } finally {
    store.close()
  }
}

/** `clock`: what a render that begins now would have; a memcached without a ban list gets its first one for that. */
function probeOf(clock: string): Buffer {
  const now = Math.floor(Date.now() / 1000)
  const until = { freshUntil: now + 30, refreshUntil: now + 30, errorUntil: now + 30 }
  return Buffer.from(formatHead({ status: 200, bodyBytes: PROBE.length, storedAt: now, initialAge: 0, ...until, bodyKey: '', clock, rule: '', tags: [], headers: [['Content-Type', 'text/plain']] }) + PROBE)
}
