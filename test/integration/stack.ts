// Nginx and memcached for one test file: started from a folder of configuration, on free loopback ports. The app and the
// writer under test run in the test's own process; Nginx reaches them on loopback too.
import { chmod, cp, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../support/free_port.js'
import { beforeEach } from 'vitest'
import { runFolder } from '../support/docker_engine.js'
import type { Suite } from '../support/rootfs.js'
import { asProcesses, inContainers, type Runner, type Server } from '../support/runner.js'
import { listens, until } from '../support/until.js'

/** What a configuration needs to know. Nginx runs with `folder` as its prefix (-p), so relative paths lead there. */
export interface Place {
  folder: string
  port: number
  /** '127.0.0.1:port', also for the `listen` directive. */
  listen: string
  /** 'host:port' of each memcached. */
  memcached: string[]
  /** ngx_http_js_module.so. `load_module modules/ngx_http_js_module.so;` works as well: there is a link in the folder. */
  module: string
  /** For the http block; '' where js_engine is unknown or 'njs' is meant. */
  engineDirective: string
}

export interface StackOptions {
  /** Default 'bookworm'; for local stacks, those programs instead of the installed ones. */
  suite?: Suite
  /** 'qjs' is in sid only. */
  engine?: 'njs' | 'qjs'
  /** Copied into the stack's folder before `configure`. */
  confDir?: string
  /** Writes or changes the configuration in `place.folder`. Temporary paths (client_body_temp_path …) belong in it too:
   * the tests may run as any user. Logs belong in access.log and error.log, in the folder or in its logs/. */
  configure?: (place: Place) => void | Promise<void>
  /** The main file, relative to the folder; default 'nginx.conf'. */
  main?: string
  /** How many memcached servers; default 1. */
  memcacheds?: number
  memcachedArgs?: readonly string[]
}

export interface Stack extends Place {
  /** 'http://127.0.0.1:port' */
  url: string
  /** Nginx's error log, and what it wrote to standard error. */
  errorLog(): Promise<string>
  accessLog(): Promise<string>
  /** Stops and starts one memcached on its port, empty afterwards. */
  stopMemcached(index?: number): Promise<void>
  startMemcached(index?: number): Promise<void>
  stop(): Promise<void>
}

/** In containers; as processes of the same programs with SAMEKEY_STACK=processes (a machine that cannot run containers). */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const suite = options.suite ?? 'bookworm'
  return start(process.env.SAMEKEY_STACK === 'processes' ? await asProcesses(suite) : inContainers(suite), options)
}

/** As processes of this machine: quicker, and without a container engine. */
export async function startLocalStack(options: StackOptions = {}): Promise<Stack> {
  return start(await asProcesses(options.suite), options)
}

async function start(runner: Runner, options: StackOptions): Promise<Stack> {
  const folder = await mkdtemp(join(runFolder(), 'stack-'))
  const running = new Set<Server>()
  const stop = async () => {
    await Promise.all([...running].map((server) => server.stop()))
    await rm(folder, { recursive: true, force: true })
  }
  try {
    // Nginx's workers, an unprivileged user, must get through; mkdtemp gives 0700.
    await chmod(folder, 0o755)
    await mkdir(join(folder, 'logs'))
    if (options.confDir !== undefined) await cp(options.confDir, folder, { recursive: true })
    await symlink(runner.modules, join(folder, 'modules'))
    return await startServers(runner, options, folder, running, stop)
  } catch (error) {
    await stop()
    throw error
  }
}

async function startServers(runner: Runner, options: StackOptions, folder: string, running: Set<Server>, stop: () => Promise<void>): Promise<Stack> {
  const port = await freePort()
  const memcachedPorts = await Promise.all(Array.from({ length: options.memcacheds ?? 1 }, () => freePort()))
  const place: Place = {
    folder, port, listen: `127.0.0.1:${port}`, memcached: memcachedPorts.map((each) => `127.0.0.1:${each}`),
    module: join(runner.modules, 'ngx_http_js_module.so'), engineDirective: options.engine === 'qjs' ? 'js_engine qjs;' : '',
  }
  await options.configure?.(place)

  const memcacheds: (Server | undefined)[] = []
  const startMemcached = async (index = 0) => {
    const own = memcachedPorts[index] as number
    const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
    const server = await runner.memcached(folder, ['-l', '127.0.0.1', '-p', String(own), '-U', '0', ...user, ...options.memcachedArgs ?? []])
    running.add(server)
    memcacheds[index] = server
    await ready(`memcached on port ${own}`, server, own, () => server.output())
  }
  await Promise.all(memcachedPorts.map((_, index) => startMemcached(index)))

  const main = join(folder, options.main ?? 'nginx.conf')
  const nginx = await runner.nginx(folder, ['-p', `${folder}/`, '-c', main, '-e', 'logs/error.log', '-g', await missingDirectives(main)])
  running.add(nginx)
  const errorLog = async () => await readLog(folder, 'error.log') + await nginx.output()
  await ready(`Nginx on port ${port}`, nginx, port, errorLog)

  return {
    ...place, url: `http://127.0.0.1:${port}`, errorLog, accessLog: () => readLog(folder, 'access.log'), startMemcached, stop,
    async stopMemcached(index = 0) {
      const server = memcacheds[index] as Server
      await server.stop()
      running.delete(server)
    },
  }
}

/** Directives that a test needs, without those in the file: Nginx refuses to start when it meets one twice. */
async function missingDirectives(main: string): Promise<string> {
  const text = await readFile(main, 'utf8')
  const wanted = { daemon: 'daemon off;', pid: 'pid logs/nginx.pid;' }
  return Object.entries(wanted).filter(([name]) => !new RegExp(`^\\s*${name}\\s`, 'm').test(text)).map(([, directive]) => directive).join(' ')
}

async function ready(what: string, server: Server, port: number, log: () => Promise<string>): Promise<void> {
  try {
    await until(`${what} is ready`, () => listens(port), { unless: server.exited })
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${await log()}`, { cause: error })
  }
}

/** From logs/, or from the folder itself, where samekey's own nginx.conf puts it. */
async function readLog(folder: string, name: string): Promise<string> {
  const read = (path: string) => readFile(path, 'utf8').catch(() => '')
  return await read(join(folder, 'logs', name)) + await read(join(folder, name))
}

/** Call it once in a file or describe block: a failing test then shows what Nginx logged. */
export function showLogsOnFailure(stack: () => Stack | undefined): void {
  beforeEach(({ onTestFailed }) => {
    onTestFailed(async () => {
      const log = (await stack()?.errorLog()) ?? ''
      console.error(`Nginx's error log:\n${log.trimEnd().split('\n').slice(-40).join('\n') || '(empty)'}`)
    })
  })
}
