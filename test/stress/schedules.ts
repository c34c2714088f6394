// Which orders the real implementation is driven through: every order of a visit and a purge, orders of two visits and a
// purge, and walks through the model of the protocol, whose steps are done by the real parts one by one.

import { protocol, type Size } from '../model/protocol.js'
import type { Random } from '../fuzz/random.js'
import type { PurgeKind, SteppedSite } from './stepped_site.js'

/** What a schedule did, step by step, and the promise that it broke; '' when none. */
export interface Outcome { trace: string[]; broken: string }

const isList = ({ key }: { key: string }): boolean => key.endsWith('#bans')

// ------------------------------------------------------------------------------------------- every order of some moves

export interface Cast {
  /** App numbers, from 0. */
  visits: readonly number[]
  purge: PurgeKind
}

/** Decides who moves next: a number below the count of those who can. */
export type Decide = (choices: number) => number

export async function interleave(site: SteppedSite, { visits, purge }: Cast, decide: Decide): Promise<Outcome> {
  const trace: string[] = []
  await site.begin()
  try {
    let actors = [...visits.map((app) => () => site.visit(app)), () => site.purge(0, purge)].map((begin) => ({ begin, actor: undefined as ReturnType<typeof begin> | undefined }))
    let broken = ''
    while (actors.length > 0 && broken === '') {
      const chosen = actors[decide(actors.length)] as (typeof actors)[number]
      chosen.actor ??= chosen.begin()
      const { actor } = chosen
      trace.push(`${actor.name} ${describe(await site.move(actor))}`)
      await site.arrival(actor)
      if (actor.error !== undefined) throw actor.error
      if (actor.at === 'done') actors = actors.filter((each) => each !== chosen)
      // A purge of an URL is obeyed at once, so also in between.
      broken = await site.broken(0)
    }
    for (const node of site.nodes.keys()) broken ||= await site.broken(node, true)
    return { trace, broken: broken || await isHitAgain(site) }
  } finally {
    await site.end()
  }
}

function describe(moved: Awaited<ReturnType<SteppedSite['move']>>): string {
  if (moved === false) return 'has ended'
  if (typeof moved === 'string') return moved === 'begins' ? 'begins to render' : 'has rendered'
  return `${moved.verb} ${moved.key.replace(/^.*(?=\/p\d+\/)|^.*(?=#bans)/, '')}`
}

/** After all that, a page that is rendered is served by every node: safety that costs every hit would be easy. */
async function isHitAgain(site: SteppedSite): Promise<string> {
  await site.end()
  site.forgetClocks()
  site.visit(2)
  await site.end()
  for (const node of site.nodes.keys()) {
    const seen = await site.read(node)
    if (seen === null) return `Nginx ${node + 1} does not serve what was rendered after the purge`
  }
  return ''
}

/** Depth first through all decisions, at most `limit` schedules; `visit` runs one. Returns how many there were, and whether that was all. */
export async function everyOrder(limit: number, run: (decide: Decide) => Promise<void>): Promise<{ schedules: number; all: boolean }> {
  let path: { chosen: number; of: number }[] = []
  for (let schedules = 1; ; schedules++) {
    let depth = 0
    await run((choices) => {
      const step = path[depth] ?? { chosen: 0, of: choices }
      path[depth++] = step
      return Math.min(step.chosen, choices - 1)
    })
    path = path.slice(0, depth)
    while (path.length > 0 && (path.at(-1) as { chosen: number; of: number }).chosen + 1 >= (path.at(-1) as { of: number }).of) path.pop()
    const last = path.at(-1)
    if (last === undefined) return { schedules, all: true }
    if (schedules >= limit) return { schedules, all: false }
    last.chosen++
  }
}

// ------------------------------------------------------------------------------------------------- the model's schedules

/** The steps of a random walk through the model: accidents are rarer than what a site is there for. */
export function walk(size: Size, length: number, random: Random): string[] {
  const { start, steps } = protocol(size)
  let state = start
  const trace: string[] = []
  while (trace.length < length) {
    const next = steps(state).filter(({ does }) => !/evicts|lets the bans go|drops its claim/.test(does) || random.chance(0.15))
    const step = random.pick(next)
    trace.push(step.does)
    state = step.state
  }
  return trace
}

/** Does what a trace of the model says with the real parts, and looks after every step. What they do not do is left out. */
export async function follow(site: SteppedSite, trace: readonly string[]): Promise<Outcome> {
  await site.begin()
  const done: string[] = []
  try {
    for (const step of trace) {
      if (!(await act(site, step))) continue
      done.push(step)
      for (const node of site.nodes.keys()) {
        const broken = await site.broken(node)
        if (broken !== '') return { trace: done, broken }
      }
    }
    return { trace: done, broken: '' }
  } finally {
    await site.end()
  }
}

/** False where the real parts have no such step now. */
async function act(site: SteppedSite, step: string): Promise<boolean> {
  const [, number, verb] = /^(?:app|Nginx) (\d) (.*)$/.exec(step) ?? []
  if (number !== undefined) return step.startsWith('app') ? appActs(site, Number(number) - 1, verb as string) : nodeActs(site, Number(number) - 1)
  if (step === 'time passes') await site.tick()
  else if (step === 'memcached evicts the list') await site.evict('list')
  else if (step === 'memcached evicts the item') await site.evict('item')
  else if (step === 'the memcached of the item starts anew') await site.restartPages()
  else return purgeActs(site, step)
  return true
}

async function nodeActs(site: SteppedSite, node: number): Promise<boolean> {
  if (node >= site.nodes.length) return false
  await site.expireCopy(node)
  await site.read(node)
  return true
}

async function appActs(site: SteppedSite, app: number, verb: string): Promise<boolean> {
  if (verb === 'reads the clock' || verb === 'claims') {
    const before = site.apps[app]?.at === 'under way'
    const actor = site.visit(app)
    const which = verb === 'claims' ? (command: { key: string }) => !isList(command) : isList
    // The two commands come together: wait for the first, then see whether the one that is meant is there.
    if (!before) await site.arrival(actor)
    if (!site.holds(actor, which)) return false
    await site.move(actor, which)
    return true
  }
  const actor = site.apps[app]
  if (actor?.at !== 'under way') return false
  if (verb === 'begins to render') {
    for (;;) {
      if (actor.stage === 'ends' && actor.gate !== undefined) return false
      const moved = await site.move(actor)
      if (moved === 'begins' || moved === false) return moved === 'begins'
    }
  }
  if (verb !== 'stores') return false
  while ((await site.move(actor)) !== false);
  return true
}

async function purgeActs(site: SteppedSite, step: string): Promise<boolean> {
  if (step === 'a purge deletes the item') {
    const actor = site.purge(0, 'url')
    while ((await site.move(actor)) !== false);
    if (actor.error !== undefined) throw actor.error
    return true
  }
  const [, what, does] = /^a purge of (the tag|everything) (reads|writes) the list$/.exec(step) ?? []
  if (what === undefined) return false
  const actor = site.purge(1, what === 'the tag' ? 'tag' : 'all')
  for (;;) {
    // Somebody was quicker: it reads again when the model says so.
    if (does === 'writes' && site.holds(actor, (command) => isList(command) && command.verb === 'get')) return true
    const moved = await site.move(actor)
    if (moved === false) {
      if (actor.error !== undefined) throw actor.error
      return true
    }
    if (does === 'reads' && typeof moved === 'object' && isList(moved) && moved.verb === 'get') return true
  }
}
