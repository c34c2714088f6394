// The example site as it would run in production, on free loopback ports and below one temporary folder: Nginx in
// front, memcached, and the Express app in a process of its own. Nothing outlives the demo, however that ends.
import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import getPort from 'get-port'
import { freePort } from '../../test/support/free_port.js'
import { writeNginxFiles } from '../../nginx/generate.js'
import { loadPolicy } from '../../node-writer/policy/load.js'
import { type Guarded, startGuarded } from '../../test/support/guarded.js'
import { listens, until } from '../../test/support/until.js'

export const policyFile = fileURLToPath(new URL('../../examples/express/samekey.json', import.meta.url))
const appFile = fileURLToPath(new URL('../../examples/express/server.mjs', import.meta.url))

const isRoot = process.getuid?.() === 0

export interface SiteOptions {
  programs: { nginx: string; 'njs-module': string; memcached: string }
  /** For Nginx's access_log, 'off' for none. */
  accessLog: string
  /** Nginx's port, if it is free. */
  preferredPort?: number
}

export interface Site {
  /** 'http://127.0.0.1:port', what a visitor opens. */
  url: string
  /** The app itself, which no visitor sees. */
  appUrl: string
  /** 'host:port' */
  memcached: string
  folder: string
  app: Server
  cache: Server
  /** What the app has said so far, and Nginx. */
  appLog(): Promise<string>
  errorLog(): Promise<string>
  stop(): Promise<void>
}

/** One of the programs; it can be stopped and started again on its port. */
interface Server {
  start(): Promise<void>
  stop(): Promise<void>
}

export async function startSite({ programs, accessLog, ...options }: SiteOptions): Promise<Site> {
  const folder = await makeFolder()
  const read = (name: string) => readFile(join(folder, name), 'utf8').catch(() => '')
  const port = await getPort({ port: options.preferredPort ?? (await freePort()) })
  const appPort = await freePort()
  const memcachedPort = await freePort()
  const memcached = `127.0.0.1:${memcachedPort}`

  writeNginxFiles(folder, {
    policy: loadPolicy(policyFile),
    directory: folder,
    app: `127.0.0.1:${appPort}`,
    memcached: [memcached],
    listen: `127.0.0.1:${port}`,
    modulePath: programs['njs-module'],
    // A request that waits for memcached holds about 50 KB; 2,000 of them are too many for the two workers of a small machine.
    workers: Math.max(8, availableParallelism()),
    memcachedKeepalive: 512,
    accessLog
  })

  const asOther = isRoot ? ['-u', 'nobody'] : []
  // A crowd of 2,000 on a miss needs a connection each; memcached's default is 1,024 in all.
  const cache = server('memcached', memcachedPort, [programs.memcached, '-l', '127.0.0.1', '-p', String(memcachedPort), '-U', '0', '-c', String(await maxConnections()), ...asOther])
  const app = server('app', appPort, ['env', `PORT=${appPort}`, `SAMEKEY_MEMCACHED=${memcached}`, process.execPath, appFile])
  const nginx = server('nginx', port, [programs.nginx, '-p', `${folder}/`, '-c', join(folder, 'nginx.conf'), '-e', 'error.log'], folder)
  const stop = async () => {
    // In the order of the requests, so that none meets a server that is gone.
    for (const each of [nginx, app, cache]) await each.stop()
    await rm(folder, { recursive: true, force: true })
  }
  try {
    for (const each of [cache, app, nginx]) await each.start()
  } catch (error) {
    const logs = [await read('memcached.log'), await read('app.log'), await read('nginx.log'), await read('error.log')].join('')
    await stop()
    throw new Error(`${(error as Error).message}\n${logs}`.trimEnd(), { cause: error })
  }

  return {
    url: `http://127.0.0.1:${port}`, appUrl: `http://127.0.0.1:${appPort}`, memcached, folder, app, cache, stop,
    appLog: () => read('app.log'), errorLog: async () => (await read('nginx.log')) + (await read('error.log'))
  }

  /** `remove` is a folder to remove should the demo be killed before it can. */
  function server(name: string, ownPort: number, command: string[], remove?: string): Server {
    let running: Guarded | undefined
    return {
      async start() {
        running = startGuarded(withAllFiles(command), { log: join(folder, `${name}.log`), cwd: folder, ...(remove === undefined ? {} : { remove }) })
        await until(`${name} on port ${ownPort} is ready`, () => listens(ownPort), { unless: running.exited })
      },
      async stop() {
        await running?.stop()
        running = undefined
      }
    }
  }
}

/** Started as root, Nginx's workers are another user, who must get to their folders in it: not through a TMPDIR of root's own. */
async function makeFolder(): Promise<string> {
  const parent = isRoot && ((await stat(tmpdir())).mode & 0o001) === 0 ? '/tmp' : tmpdir()
  const folder = await mkdtemp(join(parent, 'samekey-demo-'))
  if (isRoot) await chmod(folder, 0o711)
  return folder
}

/** The command with as many open files as this user may have. */
export function withAllFiles(command: string[]): string[] {
  return ['sh', '-c', 'ulimit -Sn "$(ulimit -Hn)"; exec "$@"', 'sh', ...command]
}

/** memcached refuses to start when it is to hold more connections than it may open files. */
async function maxConnections(): Promise<number> {
  const hard = /^Max open files +\S+ +(\d+)/m.exec(await readFile('/proc/self/limits', 'utf8').catch(() => ''))?.[1]
  return Math.min(8192, Number(hard ?? 2048) - 100)
}
