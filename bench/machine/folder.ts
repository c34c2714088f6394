// One temporary folder and the servers in it, all gone at the end of a run, however it ends.
import { appendFile, chmod, mkdir, mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import getPort from 'get-port'
import { ensure } from '../../scripts/system.js'
import { startGuarded, type Guarded } from '../../test/support/guarded.js'
import { inRootfs, type Suite } from '../../test/support/rootfs.js'
import { listens, until } from '../../test/support/until.js'
import { Store } from '../../node-writer/store.js'
import { MAX_ITEM_BYTES } from './limits.js'
import { childrenOf, commandOf, listenersOf } from './processes.js'

export interface Memcached {
  port: number
  /** 'host:port' */
  address: string
  pids: number[]
  /** The writer's way into it. */
  store: Store
}

export class Folder {
  readonly #servers: Guarded[] = []
  readonly #stores: Store[] = []
  /** Each removes one folder when it ends, also when this process is killed. */
  readonly #removers: Guarded[] = []
  private constructor(readonly path: string) {
    this.#removers.push(removerOf(path))
  }

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
      await Promise.all(folder.#removers.map((remover) => remover.stop()))
    }
  }

  /** Waits until the server listens; its log becomes part of the error where it does not. */
  async start(name: string, command: readonly string[], port: number, options: { signal?: 'TERM' | 'KILL' } = {}): Promise<void> {
    const log = join(this.path, `${name}.log`)
    await appendFile(log, '')
    const server = startGuarded(command, { cwd: this.path, log, ...options })
    this.#servers.push(server)
    try {
      await until(`${name} on port ${port} is ready`, () => listens(port), { unless: server.exited })
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${await readFile(log, 'utf8')}`, { cause: error })
    }
  }

  /** A folder below this one. */
  async make(name: string): Promise<string> {
    const path = join(this.path, name)
    await mkdir(path)
    return path
  }

  /** A folder whose files are in memory. */
  async makeInMemory(): Promise<string> {
    const path = await mkdtemp('/dev/shm/samekey-bench-')
    await chmod(path, 0o777)
    this.#removers.push(removerOf(path))
    return path
  }

  /**
   * Nginx of a suite in a folder of its own, where `conf` names nginx.pid and error.log. The pids of its workers.
   * `packages`: what the suite's rootfs has besides the usual.
   */
  async startNginx({ suite, prefix, port, packages = [] }: NginxPlace): Promise<number[]> {
    const name = prefix.slice(this.path.length + 1)
    await this.start(name, [...await inRootfs(suite, 'nginx', packages), '-p', `${prefix}/`, '-c', join(prefix, 'nginx.conf'), '-e', 'error.log'], port)
    return until(`${name} has workers`, async () => {
      const master = Number(await readFile(join(prefix, 'nginx.pid'), 'utf8').catch(() => -1))
      const workers = childrenOf(master).filter((pid) => commandOf(pid).includes('nginx: worker process'))
      return workers.length > 0 ? workers : undefined
    })
  }

  /** memcached in which everything that a run stores has room. */
  async startMemcached(): Promise<Memcached> {
    const port = await getPort()
    const { memcached } = await ensure(['memcached'])
    const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
    const options = ['-m', '8192', '-I', String(MAX_ITEM_BYTES), '-c', '16384']
    // Nothing to save, and a polite end takes it a second.
    await this.start(`memcached-${port}`, [memcached, '-l', '127.0.0.1', '-p', String(port), '-U', '0', ...options, ...user], port, { signal: 'KILL' })
    const address = `127.0.0.1:${port}`
    const store = new Store({ memcached: address, maxItemBytes: MAX_ITEM_BYTES, timeoutMs: 10_000 })
    this.#stores.push(store)
    return { port, address, pids: listenersOf(port), store }
  }
}

function removerOf(path: string): Guarded {
  return startGuarded(['sleep', 'infinity'], { log: '/dev/null', remove: path })
}

export interface NginxPlace {
  suite: Suite
  prefix: string
  port: number
  packages?: readonly string[]
}
