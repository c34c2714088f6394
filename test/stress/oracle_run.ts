// The long random run: readers on every node without pause, purges of every kind from every process, and meanwhile all
// that may go wrong. The oracle counts what should never have been seen.

import { once } from 'node:events'
import { connect } from 'node:net'
import type { EngineId } from '../support/engines.js'
import { seeded, type Random } from '../fuzz/random.js'
import { pagesOfUrl } from '../../node-writer/key.js'
import { startSite, type Site } from './site.js'
import type { Break } from './bundle.js'
import type { PurgeRequest } from '../../node-writer/purge_request.js'
import { monotonic } from './messages.js'
import { Oracle, type Stale } from './oracle.js'
import { bytesOf, formField, HOST, PAGES, POLICY, readFirstLine, type Cover, type Page } from './page_set.js'
import { fieldOf, Visitor, type Answer } from './visitor.js'

export interface OracleOptions {
  seed: number
  reads: number
  purges: number
  /** One node each. */
  nodes: readonly EngineId[]
  apps: number
  /** Connections to each node. */
  visitors: number
  /** Restarts of a memcached, kills of an app process, and deletions of the ban list, in the whole run. */
  accidents: number
  broken?: Break
  /** Which kinds of purge. */
  kinds?: readonly Cover['kind'][]
  progress?: (line: string) => void
}

export interface OracleReport {
  seed: number
  seconds: number
  reads: number
  hits: number
  renders: number
  /** By kind. */
  purges: Record<string, number>
  /** Purges that were not acknowledged at first: memcached or the process was away. */
  repeated: number
  accidents: Record<string, number>
  evictions: number
  /** Reads without a page: errors of the app, connections that were closed. By status. */
  failed: Record<string, number>
  /** Another page or form than was asked for. */
  wrong: string[]
  /** How long after its acknowledgement a purge by ban was not obeyed yet, at most, in milliseconds. */
  latestMs: number
  staleReads: number
  /** The first of them. */
  stale: Stale[]
  events: Record<string, number>
}

const MEMCACHED_MEGABYTES = 4

const ACCIDENTS = ['items lost', 'memcached started anew', 'app processes killed', 'ban lists lost'] as const

/** At most so many purges at once. */
const PURGES_UNDER_WAY = 6

export async function oracleRun(options: OracleOptions): Promise<OracleReport> {
  const random = seeded(options.seed)
  const oracle = new Oracle()
  const site = await startSite({
    policy: POLICY, host: HOST, behaviour: { kind: 'oracle' }, database: oracle, apps: options.apps, memcacheds: 2, memcachedArgs: ['-m', String(MEMCACHED_MEGABYTES)],
    nodes: options.nodes, seed: options.seed, ...(options.broken === undefined ? {} : { broken: options.broken })
  })
  try {
    return await new Run(options, site, oracle, random).report()
  } finally {
    await site.stop()
  }
}

class Run {
  #reads = 0
  #hits = 0
  #asked = 0
  #repeated = 0
  readonly #purges: Record<string, number> = {}
  readonly #failed: Record<string, number> = {}
  readonly #accidents: Record<string, number> = {}
  readonly #wrong: string[] = []
  readonly #underWay = new Set<Promise<void>>()
  #evictions = 0
  #accident: Promise<void> = Promise.resolve()

  constructor(private readonly options: OracleOptions, private readonly site: Site, private readonly oracle: Oracle, private readonly random: Random) {}

  async report(): Promise<OracleReport> {
    const { options, site, oracle } = this
    const began = monotonic()
    const judging = setInterval(() => {
      oracle.judge(monotonic())
      options.progress?.(`${this.#reads.toLocaleString('en')} reads, ${this.#asked.toLocaleString('en')} purges, ${oracle.staleReads} stale`)
    }, 250)
    try {
      await Promise.all(site.nodes.flatMap((node, index) => Array.from({ length: options.visitors }, () => this.#visit(node.port, index))))
      await Promise.all(this.#underWay)
      await this.#accident
    } finally {
      clearInterval(judging)
    }
    oracle.judge(Infinity)
    await this.#countEvictions()
    return {
      seed: options.seed, seconds: (monotonic() - began) / 1000, reads: this.#reads, hits: this.#hits, renders: site.renders(),
      purges: this.#purges, repeated: this.#repeated, accidents: this.#accidents, evictions: this.#evictions, failed: this.#failed,
      wrong: this.#wrong, latestMs: oracle.latestMs, staleReads: oracle.staleReads, stale: oracle.stale, events: site.events()
    }
  }

  get #over(): boolean {
    return this.#reads >= this.options.reads
  }

  // ------------------------------------------------------------------------------------------------------------ reads

  async #visit(port: number, node: number): Promise<void> {
    const visitor = new Visitor(port)
    try {
      while (!this.#over) {
        this.#reads++
        this.#keepUp()
        await this.#read(visitor, node)
      }
    } finally {
      visitor.close()
    }
  }

  async #read(visitor: Visitor, node: number): Promise<void> {
    const { random } = this
    // Some pages are wanted more than others.
    const page = PAGES[Math.min(random.below(PAGES.length), random.below(PAGES.length))] as Page
    const form = random.pick(page.forms)
    const answer = await visitor.ask(request(page, form, random))
    if (answer.status !== 200) {
      this.#failed[answer.status] = (this.#failed[answer.status] ?? 0) + 1
      return
    }
    const cacheStatus = fieldOf(answer.head, 'cache-status')
    if (cacheStatus.startsWith('samekey; hit')) this.#hits++
    const seen = readFirstLine(answer.body)
    if (seen === undefined || seen.page !== page.id || seen.form !== form || !isWhole(page, answer)) {
      this.#wrong.push(`asked for page ${page.id} form ${form || '-'}, got ${JSON.stringify(answer.body.slice(0, 60))} of ${answer.body.length} (${cacheStatus})`)
      return
    }
    this.oracle.seen({ page, form, node, version: seen.version, began: answer.began, ended: answer.ended, cacheStatus })
  }

  // ---------------------------------------------------------------------------------------------------------- purges

  /** Purges and accidents come in proportion to reads, however quick the machine is. */
  #keepUp(): void {
    const { reads, purges, accidents } = this.options
    if (this.#asked < (this.#reads / reads) * purges && this.#underWay.size < PURGES_UNDER_WAY) {
      this.#asked++
      const purge = this.#purge(this.#anyCover()).finally(() => this.#underWay.delete(purge))
      this.#underWay.add(purge)
    }
    const happened = Object.values(this.#accidents).reduce((sum, each) => sum + each, 0)
    // Not in the first part, when there is little to lose.
    if (happened < (this.#reads / reads) * (accidents + 1) - 1) this.#beAccident(happened)
  }

  #anyCover(): Cover {
    const { random } = this
    const kinds = this.options.kinds ?? ['urls', 'urls', 'urls', 'urls', 'urls', 'urls', 'post', 'tags', 'tags', 'prefix', 'pattern', random.chance(0.15) ? 'all' : 'urls']
    const kind = random.pick(kinds)
    const pages = Array.from({ length: 1 + random.below(3) }, () => random.pick(PAGES))
    switch (kind) {
      case 'urls': return { kind, pages }
      case 'post': return { kind, pages: pages.slice(0, 1) }
      case 'tags': return { kind, tags: (pages[0] as Page).tags.slice(0, 1 + random.below(2)) }
      case 'prefix': return { kind, prefix: (pages[0] as Page).target.slice(0, random.chance(0.1) ? 3 : 4) }
      case 'pattern': return { kind, pattern: random.pick(['/[ab]/\\d*7$', '/c/1', '/d/\\d\\d$', '/[a-d]/2\\d\\d']) }
      case 'all': return { kind }
    }
  }

  async #purge(cover: Cover): Promise<void> {
    const { random, site, oracle } = this
    this.#purges[cover.kind] = (this.#purges[cover.kind] ?? 0) + 1
    if (cover.kind === 'post') return this.#post(cover)
    const version = oracle.change(cover)
    for (let attempt = 0; ; attempt++) {
      const index = random.below(site.apps.length)
      const { at, error } = await (site.apps[index] as Site['apps'][number]).purge(requestOf(cover))
      if (error === '') return oracle.acknowledged({ cover, version, by: `app ${index + 1}`, acknowledged: at })
      if (attempt === 0) this.#repeated++
      if (attempt > 200) throw new Error(`a purge of ${cover.kind} was not acknowledged in ${attempt} attempts: ${error}`)
      // Not acknowledged, so nothing is promised yet: "until it is repeated".
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  /** The app changes its data, and what it answers comes after the purge. */
  async #post(cover: Cover & { kind: 'post' }): Promise<void> {
    const page = cover.pages[0] as Page
    const index = this.random.below(this.site.nodes.length)
    const visitor = new Visitor((this.site.nodes[index] as Site['nodes'][number]).port)
    const answer = await visitor.ask(`POST ${page.target} HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 0\r\n\r\n`)
    visitor.close()
    if (answer.status !== 204) return
    const version = Number(fieldOf(answer.head, 'x-version'))
    this.oracle.acknowledged({ cover, version, by: `POST to node ${index + 1}`, acknowledged: answer.ended })
  }

  // ------------------------------------------------------------------------------------------------------- accidents

  #beAccident(happened: number): void {
    const { random, site } = this
    // In turn, so that a short run has one of each.
    const kind = ACCIDENTS[happened % ACCIDENTS.length] as (typeof ACCIDENTS)[number]
    this.#accidents[kind] = (this.#accidents[kind] ?? 0) + 1
    const act = async (): Promise<void> => {
      if (kind === 'memcached started anew') {
        await this.#countEvictions()
        return site.restartMemcached(random.below(site.memcached.length))
      }
      if (kind === 'app processes killed') return site.restartApp(random.below(site.apps.length))
      const keys = kind === 'ban lists lost' ? [`${site.policy.keyHead}#bans`] : Array.from({ length: 40 }, () => this.#anyKey())
      await Promise.all(site.memcached.map((address) => deleteItems(address, keys)))
    }
    this.#accident = this.#accident.then(act)
  }

  #anyKey(): string {
    const page = this.random.pick(PAGES)
    const { key } = this.random.pick(pagesOfUrl(`http://${HOST}${page.target}`, this.site.policy))
    return key + this.random.pick(['', '', '#l', '#r'])
  }

  async #countEvictions(): Promise<void> {
    for (const address of this.site.memcached) {
      const stats = await talk(address, 'stats\r\nquit\r\n')
      this.#evictions += Number(/STAT evictions (\d+)/.exec(stats)?.[1] ?? 0)
    }
  }
}

function request(page: Page, form: string, random: Random): string {
  const field = formField(page, form)
  // What the key leaves out, and what No-Vary-Search does.
  const target = page.kind === 'query' ? page.target.replace(/\d+$/, String(random.below(3))) : page.target
  const separator = target.includes('?') ? '&' : '?'
  const tracking = random.chance(0.2) ? `${separator}utm_source=${random.below(100)}` : ''
  return `GET ${target}${tracking} HTTP/1.1\r\nHost: ${HOST}\r\n${field === undefined ? '' : `${field[0]}: ${field[1]}\r\n`}\r\n`
}

function isWhole(page: Page, { body }: Answer): boolean {
  return body.length === bytesOf(page)
}

function requestOf(cover: Exclude<Cover, { kind: 'post' }>): PurgeRequest {
  switch (cover.kind) {
    case 'urls': return { urls: cover.pages.map(({ target }) => target) }
    case 'tags': return { tags: [...cover.tags] }
    case 'prefix': return { prefix: cover.prefix }
    case 'pattern': return { pattern: cover.pattern }
    case 'all': return { all: true }
  }
}

async function deleteItems(address: string, keys: string[]): Promise<void> {
  await talk(address, keys.map((key) => `delete ${key} noreply\r\n`).join('') + 'quit\r\n').catch(() => '')
}

async function talk(address: string, commands: string): Promise<string> {
  const [host = '', port] = address.split(':')
  const socket = connect(Number(port), host)
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => { text += chunk })
  socket.write(commands)
  await once(socket, 'close')
  return text
}
