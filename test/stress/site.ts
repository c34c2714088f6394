// What a stress run works on: Nginx nodes as samekey generates them, memcached servers and app processes, all real, on
// free ports of loopback. Each memcached and app process can be ended and started again on its port.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeNginxFiles } from '../../nginx/generate.js'
import { loadPolicy } from '../../node-writer/policy/load.js'
import type { LoadedPolicy, PolicyDocument } from '../../node-writer/policy/types.js'
import { startLocalStack, type Stack } from '../integration/stack.js'
import { runFolder } from '../support/docker_engine.js'
import { type EngineId, engines } from '../support/engines.js'
import { freePort } from '../support/free_port.js'
import { startMemcached, type Memcached } from '../support/memcached.js'
import { AppProcess, type Database } from './app_process.js'
import { bundleApp, replaceOnce, type Break } from './bundle.js'
import type { Behaviour } from './messages.js'

export interface SiteOptions {
  policy: PolicyDocument
  host: string
  behaviour: Behaviour
  database?: Database
  apps: number
  memcacheds: number
  memcachedArgs?: readonly string[]
  /** One node each. */
  nodes: readonly EngineId[]
  workers?: number
  seed: number
  broken?: Break
}

export interface Site {
  policy: LoadedPolicy
  nodes: Stack[]
  apps: AppProcess[]
  memcached: string[]
  restartMemcached(index: number, whileAway?: () => Promise<void>): Promise<void>
  /** Kills an app process, and starts another in its place. */
  restartApp(index: number): Promise<void>
  /** Of all processes that there were. */
  renders(): number
  events(): Record<string, number>
  stop(): Promise<void>
}

/** Milliseconds. Two cores are shared by all that runs here: what is slow is not dead. */
const MEMCACHED_TIMEOUT_MS = 1000

const NO_DATABASE: Database = { read: () => 0, write: () => 0, posted: () => {} }

export async function startSite(options: SiteOptions): Promise<Site> {
  const policy = loadPolicy(options.policy)
  const folder = await mkdtemp(join(runFolder(), 'stress-'))
  const memcacheds: Memcached[] = []
  const apps: AppProcess[] = []
  const ended: AppProcess[] = []
  const nodes: Stack[] = []
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()))
    await Promise.all(apps.map((app) => app.kill()))
    await Promise.all(memcacheds.map((memcached) => memcached.stop()))
    await rm(folder, { recursive: true, force: true })
  }

  try {
    const bundle = await bundleApp(folder, options.broken?.file === 'njs' ? undefined : options.broken)
    const args = options.memcachedArgs ?? []
    for (let i = 0; i < options.memcacheds; i++) memcacheds.push(await startMemcached(args))
    const memcached = memcacheds.map(({ address }) => address)

    const ports = await Promise.all(Array.from({ length: options.apps }, () => freePort()))
    let starts = 0
    const startApp = (index: number): Promise<AppProcess> => AppProcess.start(bundle, {
      port: ports[index] as number, memcached: memcached.join(','), policy: options.policy, site: `http://${options.host}`,
      timeoutMs: MEMCACHED_TIMEOUT_MS, behaviour: options.behaviour, seed: options.seed + 1000 * ++starts
    }, options.database ?? NO_DATABASE)
    for (const index of ports.keys()) apps.push(await startApp(index))

    for (const id of options.nodes) nodes.push(await startNode(id, policy, memcached, ports, options))

    return {
      policy, nodes, apps, memcached, stop,
      async restartMemcached(index, whileAway = async () => {}) {
        const { port, stop: end } = memcacheds[index] as Memcached
        await end()
        await whileAway()
        memcacheds[index] = await startMemcached(args, port)
      },
      async restartApp(index) {
        const app = apps[index] as AppProcess
        await app.kill()
        ended.push(app)
        apps[index] = await startApp(index)
      },
      renders: () => [...apps, ...ended].reduce((sum, app) => sum + app.renders, 0),
      events() {
        const sums: Record<string, number> = {}
        for (const app of [...apps, ...ended]) for (const [name, count] of app.events) sums[name] = (sums[name] ?? 0) + count
        return sums
      }
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function startNode(id: EngineId, policy: LoadedPolicy, memcached: string[], ports: number[], { workers = 2, broken }: SiteOptions): Promise<Stack> {
  const { suite, engine } = engines.find((each) => each.id === id) as typeof engines[number]
  return startLocalStack({
    suite, engine, memcacheds: 0,
    async configure({ folder, listen, module }) {
      writeNginxFiles(folder, {
        policy, directory: folder, app: `127.0.0.1:${ports[0]}`, memcached, listen, engine, modulePath: module, workers, memcachedKeepalive: 256, accessLog: 'off'
      })
      await change(join(folder, 'samekey.http.conf'), (text) => severalApps(text, ports))
      if (broken?.file === 'njs') await change(join(folder, 'samekey.js'), (text) => replaceOnce(text, broken))
    }
  })
}

/** A site names one app; a person with several processes adds a line for each. */
function severalApps(text: string, ports: number[]): string {
  const lines = ports.map((port) => `    server 127.0.0.1:${port} max_fails=0;`).join('\n')
  return replaceOnce(text, { id: 'several apps', because: '', file: 'samekey.http.conf', from: `    server 127.0.0.1:${ports[0]};`, to: lines })
}

async function change(file: string, edit: (text: string) => string): Promise<void> {
  await writeFile(file, edit(await readFile(file, 'utf8')))
}
