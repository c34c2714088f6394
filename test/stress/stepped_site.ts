// Real writers, purges and Nginx nodes on a memcached that does nothing until it is told: whoever drives it decides the
// order of everything that matters. One page at a time, a new one for every schedule.

import { once } from 'node:events'
import { readdir, rm } from 'node:fs/promises'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { writeNginxFiles } from '../../nginx/generate.js'
import { pageCache, type PageCache } from '../../node-writer/index.js'
import { loadPolicy } from '../../node-writer/policy/load.js'
import type { LoadedPolicy } from '../../node-writer/policy/types.js'
import type { Mode } from '../../njs/core/policy.js'
import { keysOfUrl } from '../../node-writer/key.js'
import type { PurgeRequest } from '../../node-writer/purge_request.js'
import { startLocalStack, type Stack } from '../integration/stack.js'
import { startMemcached, type Memcached } from '../support/memcached.js'
import { sendRaw } from '../support/raw_http.js'
import { SteppingProxy, type Command } from './stepping_proxy.js'

export type PurgeKind = 'url' | 'tag' | 'prefix' | 'pattern' | 'all'

const HOST = 'stepped.test'
const APPS = 3
const NODES = 2

/** Milliseconds for which a writer uses a clock again that it has read. */
const CLOCK_HOLD_MS = 100

const WITHOUT_CLAIM_MS = 1000

/** Long enough for a machine that is busy with everything else. */
const STUCK_MS = 20_000

const POLICIES = {
  full: loadPolicy({ hosts: [HOST] }),
  raw: loadPolicy({ hosts: [HOST], mode: 'raw', routes: [{ match: '/', ttl: 60, type: 'text/plain' }] })
}

/** One that does things in steps: a visitor's request in an app process, or a purge. */
interface Actor {
  name: string
  cache: PageCache
  /** '' when it is not under way. */
  at: '' | 'under way' | 'done'
  /** What its render waits for. */
  gate: (() => void) | undefined
  /** Where the gate is: before the page's data is read, or after it. */
  stage: 'begins' | 'ends'
  /** Its visitor is answered from memcached unless the app was asked. */
  renders: boolean
  /** Counts them. */
  visit: number
  error: Error | undefined
}

interface Promised { version: number; kind: PurgeKind; ticks: number }

export class SteppedSite {
  readonly nodes: Stack[] = []
  readonly apps: Actor[] = []
  readonly purgers: Actor[] = []
  key = ''
  #proxy!: SteppingProxy
  #memcached: { bans: Memcached; pages: Memcached } | undefined
  #servers: Server[] = []
  #appPorts: number[] = []
  #stepping = false
  #wake: (() => void)[] = []
  #pages = 0
  #path = ''
  #tag = ''
  #version = 0
  #promised: Promised[] = []
  #copies: number[] = []
  /** Milliseconds that the writers believe to have passed besides those that have. */
  #skew = 0
  readonly #now = performance.now
  /** Reads that were answered from memcached. */
  hits = 0

  private constructor(private readonly policy: LoadedPolicy) {}

  static async start(mode: Mode = 'full'): Promise<SteppedSite> {
    const site = new SteppedSite(POLICIES[mode])
    try {
      await site.#start()
    } catch (error) {
      await site.stop()
      throw error
    }
    return site
  }

  async #start(): Promise<void> {
    const now = this.#now.bind(performance)
    performance.now = () => now() + this.#skew
    this.#memcached = { bans: await startMemcached(), pages: await startMemcached() }
    const { bans, pages } = this.#memcached
    this.#proxy = new SteppingProxy({ bans: bans.port, pages: pages.port }, (command) => this.#holds(command), () => this.#changed())
    for (let i = 1; i <= APPS; i++) {
      const actor = await this.#actor(`app ${i}`)
      this.apps.push(actor)
      this.#appPorts.push(await this.#serve((_, res) => actor.cache(_, res, () => void this.#render(actor, res))))
      // A visit has come to its end when it is known what became of its page.
      for (const name of ['stored', 'skipped', 'dropped', 'error', 'drift'] as const) actor.cache.on(name, () => this.#ended(actor))
    }
    for (let i = 1; i <= 2; i++) this.purgers.push(await this.#actor(`purge ${i}`))
    const miss = await this.#serve((_, res) => void res.writeHead(200, { 'Cache-Control': 'no-store' }).end('miss'))
    for (let i = 1; i <= NODES; i++) {
      const memcached = [`127.0.0.1:${await this.#proxy.portFor(`node ${i}`)}`]
      this.nodes.push(await startLocalStack({
        suite: 'bookworm', memcacheds: 0,
        configure: ({ folder, listen, module }) => {
          writeNginxFiles(folder, { policy: this.policy, directory: folder, app: `127.0.0.1:${miss}`, memcached, listen, modulePath: module, workers: 1, accessLog: 'off' })
        }
      }))
    }
  }

  async stop(): Promise<void> {
    performance.now = this.#now
    for (const { cache } of [...this.apps, ...this.purgers]) await cache.close()
    await Promise.all(this.nodes.map((node) => node.stop()))
    for (const server of this.#servers) {
      server.close()
      server.closeAllConnections()
    }
    this.#proxy?.close()
    await Promise.all([this.#memcached?.bans.stop(), this.#memcached?.pages.stop()])
  }

  async #actor(name: string): Promise<Actor> {
    const cache = pageCache(this.policy, { memcached: `127.0.0.1:${await this.#proxy.portFor(name)}`, site: `http://${HOST}`, timeoutMs: STUCK_MS })
    return { name, cache, at: '', gate: undefined, stage: 'begins', renders: false, visit: 0, error: undefined }
  }

  async #serve(listener: Parameters<typeof createServer>[1] & {}): Promise<number> {
    const server = createServer(listener as Parameters<typeof createServer>[1]).listen(0, '127.0.0.1')
    this.#servers.push(server)
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }

  // ------------------------------------------------------------------------------------------------------- a schedule

  /** As when nothing was ever there: no list, no copy of one, a page that nobody has asked for. */
  async begin(): Promise<void> {
    this.#path = `/p${++this.#pages}/a`
    this.#tag = `t${this.#pages}`
    this.key = keysOfUrl(`http://${HOST}${this.#path}`, this.policy)[0] as string
    this.#version = 0
    this.#promised = []
    this.#copies = this.nodes.map(() => 0)
    for (const actor of [...this.apps, ...this.purgers]) Object.assign(actor, { at: '', gate: undefined, error: undefined })
    this.forgetClocks()
    await this.evict('list')
    await Promise.all(this.nodes.map((_, node) => this.expireCopy(node)))
    this.#stepping = true
  }

  /** Everything that is still under way comes to its end, in no particular order. */
  async end(): Promise<void> {
    this.#stepping = false
    for (const command of [...this.#proxy.held]) void command.release()
    const actors = [...this.apps, ...this.purgers]
    for (const actor of actors) actor.gate?.()
    await this.#until('all has ended', () => actors.every(({ at }) => at !== 'under way'))
  }

  visit(app: number): Actor {
    const actor = this.apps[app] as Actor
    if (actor.at === 'under way') return actor
    const visit = actor.visit + 1
    Object.assign(actor, { at: 'under way', renders: false, visit })
    const fields = [`Host: ${HOST}`, `X-Samekey-Key: ${this.key}`, 'X-Samekey-Forward: uri-miss', 'X-Forwarded-Proto: http', 'Connection: close', '', '']
    sendRaw(this.#appPorts[app] as number, [`GET ${this.#path} HTTP/1.1`, ...fields].join('\r\n'), { timeoutMs: STUCK_MS }).then(() => {
      if (!actor.renders) return this.#ended(actor)
      // A render without a claim is not stored, and nothing tells of it.
      setTimeout(() => actor.visit === visit && actor.at === 'under way' && this.#ended(actor), WITHOUT_CLAIM_MS)
    }, (error: Error) => {
      actor.error = error
      this.#ended(actor)
    })
    return actor
  }

  /** The data changes, and the purge is asked for. */
  purge(purger: number, kind: PurgeKind): Actor {
    const actor = this.purgers[purger] as Actor
    if (actor.at !== '') return actor
    actor.at = 'under way'
    const version = ++this.#version
    actor.cache.purge(this.#requestOf(kind)).then(() => {
      this.#promised.push({ version, kind, ticks: 0 })
      this.#ended(actor)
    }, (error: Error) => {
      actor.error = error
      this.#ended(actor)
    })
    return actor
  }

  #requestOf(kind: PurgeKind): PurgeRequest {
    switch (kind) {
      case 'url': return { urls: [this.#path] }
      case 'tag': return { tags: [this.#tag] }
      case 'prefix': return { prefix: this.#path.slice(0, -1) }
      case 'pattern': return { pattern: `${this.#path}$` }
      case 'all': return { all: true }
    }
  }

  // ------------------------------------------------------------------------------------------------------------ steps

  /** Waits until an actor can do something, and lets it do it: false when it has come to its end. `which` prefers some commands. */
  async move(actor: Actor, which: (command: Command) => boolean = () => true): Promise<Command | 'begins' | 'ends' | false> {
    await this.arrival(actor)
    if (actor.at !== 'under way') return false
    const own = this.#proxy.held.filter(({ client }) => client === actor.name)
    const command = own.find(which) ?? own[0]
    if (command !== undefined) {
      await command.release()
      return command
    }
    const { gate, stage } = actor
    actor.gate = undefined
    gate?.()
    return stage
  }

  /** Waits until an actor can do something. */
  arrival(actor: Actor): Promise<void> {
    return this.#until(`${actor.name} does something`, () => actor.at !== 'under way' || actor.gate !== undefined || this.holds(actor, () => true))
  }

  /** Whether it has a command that waits, without waiting for one. */
  holds(actor: Actor, which: (command: Command) => boolean): boolean {
    return this.#proxy.held.some((command) => command.client === actor.name && which(command))
  }

  async evict(what: 'list' | 'item'): Promise<void> {
    const { bans, pages } = this.#memcached as { bans: Memcached; pages: Memcached }
    await remove(what === 'list' ? bans.port : pages.port, what === 'list' ? `${this.policy.keyHead}#bans` : this.key)
  }

  /** With all that it has, and with CAS numbers that begin anew. */
  async restartPages(): Promise<void> {
    const memcached = this.#memcached as { bans: Memcached; pages: Memcached }
    const { port, stop } = memcached.pages
    await stop()
    this.#proxy.breakConnections()
    memcached.pages = await startMemcached([], port)
  }

  /** No writer uses a clock that it has read before. */
  forgetClocks(): void {
    this.#skew += CLOCK_HOLD_MS
  }

  /** As after 900 ms. */
  async expireCopy(node: number): Promise<void> {
    this.#copies[node] = 0
    if (this.policy.mode === 'raw') return
    const folder = join((this.nodes[node] as Stack).folder, 'bans')
    for (const name of await readdir(folder)) await rm(join(folder, name), { force: true, recursive: true })
  }

  /** A copy of the list is gone after two ticks, and so is the bound of a purge. */
  async tick(): Promise<void> {
    this.forgetClocks()
    for (const promised of this.#promised) promised.ticks++
    for (const node of this.nodes.keys()) {
      this.#copies[node] = (this.#copies[node] as number) + 1
      if ((this.#copies[node] as number) >= 2) await this.expireCopy(node)
    }
  }

  /** The version that a node serves from memcached; null for a miss. */
  async read(node: number): Promise<number | null> {
    const { port } = this.nodes[node] as Stack
    const answer = await sendRaw(port, `GET ${this.#path} HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`)
    if (answer.header('cache-status')?.startsWith('samekey; hit') !== true) return null
    this.hits++
    return Number(/^version (\d+)$/.exec(answer.body.toString())?.[1])
  }

  /** What a node must not serve any more, but does: in words; '' when all is well. `late`: the bound of every purge has passed. */
  async broken(node: number, late = false): Promise<string> {
    // While a raw page is being stored, one that was purged meanwhile can be seen (docs/invalidation.md, "Raw mode").
    if (this.policy.mode === 'raw' && this.apps.some(({ at }) => at === 'under way')) return ''
    const due = this.#promised.filter(({ kind, ticks }) => late || kind === 'url' || ticks >= 2)
    if (late) await this.expireCopy(node)
    const seen = await this.read(node)
    const lost = due.find(({ version }) => seen !== null && seen < version)
    return lost === undefined ? '' : `Nginx ${node + 1} serves version ${seen} after the purge of ${lost.kind} that made it ${lost.version}`
  }

  get version(): number {
    return this.#version
  }

  // ---------------------------------------------------------------------------------------------------------- inside

  async #render(actor: Actor, res: ServerResponse): Promise<void> {
    actor.renders = true
    await this.#wait(actor, 'begins')
    const version = this.#version
    await this.#wait(actor, 'ends')
    const tags = this.policy.mode === 'raw' ? {} : { 'Cache-Tag': this.#tag }
    res.writeHead(200, { 'Content-Type': 'text/plain', 'Cache-Control': 'max-age=60', ...tags }).end(`version ${version}`)
  }

  #wait(actor: Actor, stage: Actor['stage']): Promise<void> {
    if (!this.#stepping) return Promise.resolve()
    return new Promise((resolve) => {
      Object.assign(actor, { stage, gate: resolve })
      this.#changed()
    })
  }

  #ended(actor: Actor): void {
    actor.at = 'done'
    actor.gate = undefined
    // What it still does (the end of its lease) is in nobody's way.
    for (const command of this.#proxy.held.filter(({ client }) => client === actor.name)) void command.release()
    this.#changed()
  }

  #holds({ client }: Command): boolean {
    if (!this.#stepping || client.startsWith('node')) return false
    return [...this.apps, ...this.purgers].find(({ name }) => name === client)?.at === 'under way'
  }

  #changed(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }

  async #until(what: string, holds: () => boolean): Promise<void> {
    let late = false
    const timer = setTimeout(() => {
      late = true
      this.#changed()
    }, STUCK_MS)
    try {
      while (!holds()) {
        if (late) throw new Error(`${what}: not within ${STUCK_MS} ms; ${this.#proxy.held.map(({ client, verb, key }) => `${client} waits for ${verb} ${key}`).join(', ')}`)
        await new Promise<void>((resolve) => this.#wake.push(resolve))
      }
    } finally {
      clearTimeout(timer)
    }
  }
}

async function remove(port: number, key: string): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  socket.write(`delete ${key}\r\nquit\r\n`)
  await text(socket)
}
