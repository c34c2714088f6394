// One temporary folder and the servers in it, all gone at the end of a run, however it ends.
import { readFileSync } from 'node:fs'
import { appendFile, chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import getPort from 'get-port'
import { ensure } from '../../scripts/system.js'
import { startGuarded, type Guarded } from '../../test/support/guarded.js'
import { Store } from '../../node-writer/store.js'
import { inRootfs, type Suite } from '../../test/support/rootfs.js'
import { listens, until } from '../../test/support/until.js'
import { childrenOf } from './cpu.js'

/** memcached's -I. */
export const MAX_ITEM_BYTES = 2 * 1024 * 1024

export interface Server {
  port: number
  /** The processes that do the work. */
  pids: number[]
}

export interface Memcached {
  /** 'host:port' */
  address: string
  /** The writer's way into it. */
  store: Store
}

export class Folder {
  readonly #servers: Guarded[] = []
  readonly #stores: Store[] = []
  private constructor(readonly path: string) {}

  /** Runs `work` in a new folder, and takes down what it started there. */
  static async use<Result>(work: (folder: Folder) => Promise<Result>): Promise<Result> {
    const folder = new Folder(await mkdtemp(join(tmpdir(), 'samekey-bench-')))
    // Nginx's workers, an unprivileged user, must get through.
    await chmod(folder.path, 0o755)
    try {
      return await work(folder)
    } finally {
      for (const store of folder.#stores) store.close()
      await Promise.all(folder.#servers.map((server) => server.stop()))
      await rm(folder.path, { recursive: true, force: true })
    }
  }

  /** Waits until the server listens; its log becomes part of the error where it does not. */
  async start(name: string, command: readonly string[], port: number, options: { cwd?: string; signal?: 'TERM' | 'KILL' } = {}): Promise<Guarded> {
    const log = join(this.path, `${name}.log`)
    await appendFile(log, '')
    const server = startGuarded(command, { cwd: this.path, log, ...options })
    this.#servers.push(server)
    try {
      await until(`${name} on port ${port} is ready`, () => listens(port), { unless: server.exited })
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${await readFile(log, 'utf8')}`, { cause: error })
    }
    return server
  }

  /** Nginx of a suite with the folder `prefix`, whose nginx.conf names `nginx.pid` there; its workers are the pids. */
  async startNginx(name: string, suite: Suite, prefix: string, port: number): Promise<Server> {
    await this.start(name, [...await inRootfs(suite, 'nginx'), '-p', `${prefix}/`, '-c', join(prefix, 'nginx.conf'), '-e', 'error.log'], port)
    const pids = await until(`${name} has workers`, async () => {
      const master = Number(await readFile(join(prefix, 'nginx.pid'), 'utf8').catch(() => -1))
      const workers = childrenOf(master).filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('nginx: worker process'))
      return workers.length > 0 ? workers : undefined
    })
    return { port, pids }
  }

  /** memcached in which everything that a run stores has room. */
  async startMemcached(): Promise<Memcached> {
    const port = await getPort()
    const { memcached } = await ensure(['memcached'])
    const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
    const name = `memcached-${port}`
    // Nothing to save, and a polite end takes it a second.
    await this.start(name, [memcached, '-l', '127.0.0.1', '-p', String(port), '-U', '0', '-m', '1024', '-I', String(MAX_ITEM_BYTES), ...user], port, { signal: 'KILL' })
    const address = `127.0.0.1:${port}`
    const store = new Store({ memcached: address, maxItemBytes: MAX_ITEM_BYTES })
    this.#stores.push(store)
    return { address, store }
  }
}
