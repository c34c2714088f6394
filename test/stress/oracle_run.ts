// The long random run: readers on every node without pause, purges of every kind from every process, and meanwhile all
// that may go wrong. The oracle counts what should never have been seen.

import { once } from 'node:events'
import { connect } from 'node:net'
import type { EngineId } from '../support/engines.js'
import { seeded, type Random } from '../fuzz/random.js'
import { besideKeyOf } from '../../node-writer/invalidation/claim.js'
import { pagesOfUrl } from '../../node-writer/key.js'
import { ruleKeyOf } from '../../node-writer/search_rules.js'
import { startSite, type Site } from './site.js'
import type { Break } from './bundle.js'
import type { PurgeRequest } from '../../node-writer/purge_request.js'
import { Evictions } from './evictions.js'
import { monotonic } from './messages.js'
import { Oracle, type Stale } from './oracle.js'
import { bodyOf, formField, HOST, readFirstLine, type Cover, type CoverKind, type Page, type PageSet } from './page_set.js'
import { PAGE_SETS, type PageSetName } from './page_sets.js'
import { fieldOf, Visitor } from './visitor.js'

export interface OracleOptions {
  seed: number
  pages: PageSetName
  reads: number
  purges: number
  /** One node each. */
  nodes: readonly EngineId[]
  apps: number
  /** Connections to each node. */
  visitors: number
  /** Of those that the pages' set names, in the whole run. */
  accidents: number
  broken?: Break
  /** Which kinds of purge, instead of those of the pages' set. */
  kinds?: readonly CoverKind[]
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
  /** Of the purges by POST. */
  acknowledgedPosts: number
  accidents: Record<string, number>
  /** Single items that were taken away. */
  losses: number
  /** For want of room, as memcached counts them; and those that it told of, by what they were. */
  evictions: number
  evicted: Record<string, number>
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

/** At most so many purges at once. */
const PURGES_UNDER_WAY = 6

export async function oracleRun(options: OracleOptions): Promise<OracleReport> {
  const random = seeded(options.seed)
  const set: PageSet = PAGE_SETS[options.pages]
  const oracle = new Oracle(set.pages, set.urlBoundMs)
  const site = await startSite({
    policy: set.policy, host: HOST, behaviour: { kind: 'oracle', pages: options.pages }, database: oracle, apps: options.apps, memcacheds: 2, memcachedArgs: set.memcachedArgs,
    nodes: options.nodes, seed: options.seed, ...(options.broken === undefined ? {} : { broken: options.broken })
  })
  try {
    return await new Run(options, set, site, oracle, random).report()
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
  #losses = 0
  #evictions = 0
  readonly #evicted: Evictions
  #accident: Promise<void> = Promise.resolve()

  constructor(
    private readonly options: OracleOptions, private readonly set: PageSet, private readonly site: Site, private readonly oracle: Oracle, private readonly random: Random
  ) {
    this.#evicted = new Evictions(site.policy)
    for (const address of site.memcached) this.#evicted.watch(address)
  }

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
      this.#evicted.close()
    }
    oracle.judge(Infinity)
    await this.#countEvictions()
    return {
      seed: options.seed, seconds: (monotonic() - began) / 1000, reads: this.#reads, hits: this.#hits, renders: site.renders(),
      purges: this.#purges, repeated: this.#repeated, acknowledgedPosts: oracle.acknowledgedPosts, accidents: this.#accidents, losses: this.#losses, evictions: this.#evictions,
      evicted: this.#evicted.seen, failed: this.#failed, wrong: this.#wrong, latestMs: oracle.latestMs, staleReads: oracle.staleReads, stale: oracle.stale, events: site.events()
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
    const { pages } = this.set
    // Some pages are wanted more than others.
    const page = pages[Math.min(random.below(pages.length), random.below(pages.length))] as Page
    const form = random.pick(page.forms)
    const answer = await visitor.ask(request(page, form, random))
    if (answer.status !== 200) {
      this.#failed[answer.status] = (this.#failed[answer.status] ?? 0) + 1
      return
    }
    const cacheStatus = fieldOf(answer.head, 'cache-status')
    if (cacheStatus.startsWith('samekey; hit')) this.#hits++
    const seen = readFirstLine(answer.body)
    if (seen === undefined || seen.page !== page.id || seen.form !== form || answer.body !== bodyOf(page, form, seen.version)) {
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
    const { readsPerLoss } = this.set
    if (readsPerLoss > 0 && this.#losses < this.#reads / readsPerLoss) {
      this.#losses++
      this.#lose(1)
    }
    const happened = Object.values(this.#accidents).reduce((sum, each) => sum + each, 0)
    // Not in the first part, when there is little to lose.
    if (happened < (this.#reads / reads) * (accidents + 1) - 1) this.#beAccident(happened)
  }

  #anyCover(): Cover {
    const { random } = this
    const any = random.pick(this.options.kinds ?? this.set.kinds)
    // What costs all pages is rare, or nothing would ever be stored.
    const kind = any === 'all' && random.chance(0.85) ? 'urls' : any
    const pages = Array.from({ length: 1 + random.below(3) }, () => random.pick(this.set.pages))
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
      const { at, error } = await (site.apps[index] as Site['apps'][number]).purge(requestOf(cover, random))
      if (error === '') return oracle.acknowledged({ cover, version, by: `app ${index + 1}`, acknowledged: at })
      if (attempt === 0) this.#repeated++
      if (attempt > 200) throw new Error(`a purge of ${cover.kind} was not acknowledged in ${attempt} attempts: ${error}`)
      // Not acknowledged, so nothing is promised yet: "until it is repeated".
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  /** The app changes its data, and tells the oracle when the purge that this sets off has been acknowledged. */
  async #post(cover: Cover & { kind: 'post' }): Promise<void> {
    const page = cover.pages[0] as Page
    const index = this.random.below(this.site.nodes.length)
    const visitor = new Visitor((this.site.nodes[index] as Site['nodes'][number]).port)
    await visitor.ask(`POST ${this.random.pick(page.spellings)} HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 0\r\n\r\n`)
    visitor.close()
  }

  // ------------------------------------------------------------------------------------------------------- accidents

  #beAccident(happened: number): void {
    const { random, site } = this
    // In turn, so that a short run has one of each.
    const kind = this.set.accidents[happened % this.set.accidents.length] as PageSet['accidents'][number]
    this.#accidents[kind] = (this.#accidents[kind] ?? 0) + 1
    const act = async (): Promise<void> => {
      if (kind === 'memcached started anew') {
        await this.#countEvictions()
        const index = random.below(site.memcached.length)
        await site.restartMemcached(index)
        return this.#evicted.watch(site.memcached[index] as string)
      }
      if (kind === 'app processes killed') return site.restartApp(random.below(site.apps.length))
      if (kind === 'ban lists lost') await this.#delete([`${site.policy.keyHead}#bans`])
      else await this.#lose(40)
    }
    this.#accident = this.#accident.then(act)
  }

  #lose(items: number): Promise<void> {
    return this.#delete(Array.from({ length: items }, () => this.#anyKey()))
  }

  async #delete(keys: string[]): Promise<void> {
    const commands = keys.map((key) => `delete ${key} noreply\r\n`).join('') + 'quit\r\n'
    await Promise.all(this.site.memcached.map((address) => talk(address, commands).catch(() => '')))
  }

  #anyKey(): string {
    const { random, set, site } = this
    const page = random.pick(set.pages)
    const address = random.pick(pagesOfUrl(`http://${HOST}${random.pick([page.target, ...page.spellings])}`, site.policy))
    switch (random.pick(set.losses)) {
      case 'page': return address.key
      case 'lease': return `${address.key}#l`
      case 'claim': return besideKeyOf(address.key)
      case 'rule': return ruleKeyOf(address, site.policy)
    }
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
  // What No-Vary-Search leaves out, and what the key does.
  const target = random.pick(page.spellings)
  const separator = target.includes('?') ? '&' : '?'
  const tracking = random.chance(0.2) ? `${separator}utm_source=${random.below(100)}` : ''
  return `GET ${target}${tracking} HTTP/1.1\r\nHost: ${HOST}\r\n${field === undefined ? '' : `${field[0]}: ${field[1]}\r\n`}\r\n`
}

function requestOf(cover: Exclude<Cover, { kind: 'post' }>, random: Random): PurgeRequest {
  switch (cover.kind) {
    case 'urls': return { urls: cover.pages.map(({ spellings }) => random.pick(spellings)) }
    case 'tags': return { tags: [...cover.tags] }
    case 'prefix': return { prefix: cover.prefix }
    case 'pattern': return { pattern: cover.pattern }
    case 'all': return { all: true }
  }
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
