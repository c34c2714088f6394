// Two ways to run Nginx and memcached, the same to the tests: in containers, or as processes of this machine.
// Both share this machine's network and see the given folder under its own path, so that the same configuration
// serves both, and an app in the test's own process can be reached on loopback.
import { appendFile, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { GenericContainer, type StartedTestContainer } from 'testcontainers'
import { ensure } from '../../scripts/system.js'
import { containerLabel, runFolder } from './docker_engine.js'
import { startGuarded } from './guarded.js'
import { memcachedImage, nginxImage } from './images.js'
import { inRootfs, rootfs, type Suite } from './rootfs.js'

export interface Server {
  /** Settles when the server has ended. */
  exited: Promise<unknown>
  /** What it wrote to standard output and error. */
  output(): Promise<string>
  stop(): Promise<void>
}

export interface Runner {
  /** The folder with ngx_http_js_module.so, as Nginx sees it. */
  modules: string
  nginx(folder: string, args: readonly string[]): Promise<Server>
  memcached(folder: string, args: readonly string[]): Promise<Server>
}

export function inContainers(suite: Suite): Runner {
  return {
    modules: '/usr/lib/nginx/modules',
    nginx: async (folder, args) => startContainer(await nginxImage(suite), ['nginx', ...args], folder),
    memcached: async (folder, args) => startContainer(await memcachedImage(suite), ['memcached', ...args], folder),
  }
}

/** With a suite its own programs, without container; else those installed on this machine. */
export async function asProcesses(suite?: Suite): Promise<Runner> {
  if (suite !== undefined) {
    return {
      modules: join(await rootfs(suite), 'usr/lib/nginx/modules'),
      nginx: async (folder, args) => startProcess([...await inRootfs(suite, 'nginx'), ...args], folder, 'nginx'),
      memcached: async (folder, args) => startProcess([...await inRootfs(suite, 'memcached'), ...args], folder, 'memcached'),
    }
  }
  const programs = await ensure(['nginx', 'njs-module', 'memcached'])
  return {
    modules: dirname(programs['njs-module']),
    nginx: async (folder, args) => startProcess([programs.nginx, ...args], folder, 'nginx'),
    memcached: async (folder, args) => startProcess([programs.memcached, ...args], folder, 'memcached'),
  }
}

let processes = 0

async function startProcess(command: string[], folder: string, name: string): Promise<Server> {
  const log = join(folder, 'logs', `${name}-${++processes}.out`)
  await appendFile(log, '')
  // memcached has nothing to save, and takes a second over a polite end.
  const server = startGuarded(command, { cwd: folder, log, signal: name === 'memcached' ? 'KILL' : 'TERM' })
  return { exited: server.exited, stop: server.stop, output: () => readFile(log, 'utf8') }
}

async function startContainer(image: string, command: string[], folder: string): Promise<Server> {
  let output = ''
  let ended: () => void = () => {}
  const exited = new Promise<void>((resolve) => { ended = resolve })
  let container = new GenericContainer(image)
    .withNetworkMode('host')
    .withBindMounts([{ source: folder, target: folder, mode: 'rw' }])
    .withLabels(containerLabel(runFolder()))
    .withEntrypoint([command[0] as string])
    .withCommand(command.slice(1))
    // Its end is the end of its output; until then the caller waits for the port.
    .withLogConsumer((stream) => { stream.on('data', (chunk) => { output += chunk }); stream.on('end', ended); stream.on('error', ended) })
  const uid = process.getuid?.() ?? 0
  // As the user of the tests, so that the folder can be removed afterwards.
  if (uid !== 0) container = container.withUser(`${uid}:${process.getgid?.()}`)
  const started: StartedTestContainer = await container.start()
  return { exited, output: async () => output, stop: async () => { await started.stop() } }
}
