// memcached alone, for tests of the writer that need no Nginx.
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './free_port.js'
import { ensure } from '../../scripts/system.js'
import { startGuarded } from './guarded.js'
import { listens, until } from './until.js'

export interface Memcached {
  /** '127.0.0.1:port' */
  address: string
  port: number
  stop(): Promise<void>
}

/** On a free port of loopback, or on `port`; ends with this process at the latest. */
export async function startMemcached(args: readonly string[] = [], port?: number): Promise<Memcached> {
  const own = port ?? await freePort()
  const { memcached } = await ensure(['memcached'])
  const folder = await mkdtemp(join(tmpdir(), 'samekey-memcached-'))
  const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
  // Nothing to save, and a polite end takes it a second.
  const server = startGuarded([memcached, '-l', '127.0.0.1', '-p', String(own), '-U', '0', ...user, ...args], { log: join(folder, 'log'), remove: folder, signal: 'KILL' })
  try {
    await until(`memcached on port ${own} is ready`, () => listens(own), { unless: server.exited })
  } catch (error) {
    await server.stop()
    throw error
  }
  return { address: `127.0.0.1:${own}`, port: own, stop: server.stop }
}
