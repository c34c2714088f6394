// One page, asked for over and over: what a hit costs. Every subject answers the same bytes.
import { engines, type Engine } from '../../test/support/engines.js'
import type { Folder } from '../machine/folder.js'
import { measureRounds, type Case, type RoundOptions, type Samples } from '../machine/rounds.js'
import { startOrigin } from '../origin/origin.js'
import { page, type Page } from '../pages.js'
import { startExpressCache } from '../subjects/express_cache.js'
import { startLua } from '../subjects/lua.js'
import { startNative } from '../subjects/native.js'
import { startNjsFloor } from '../subjects/njs_floor.js'
import { startNoCache } from '../subjects/no_cache.js'
import { startProxyCache } from '../subjects/proxy_cache.js'
import { POLICY, startSamekey } from '../subjects/samekey.js'
import { startSamekeyFront } from '../subjects/samekey_front.js'
import { startSrcache } from '../subjects/srcache.js'
import { startStaticFile } from '../subjects/static_file.js'
import { verifyHit, type Base, type Subject } from '../subjects/subject.js'
import { startVarnish } from '../subjects/varnish.js'

export const PAGES = {
  small: page('1.5 KB', '/articles/1.5k'),
  plain: page('12 KB', '/articles/12k'),
  /** Two trackers to drop, four arguments to sort. */
  query: page('12 KB, six arguments', '/articles/12k?sort=name&utm_source=news&q=orion&page=3&fbclid=IwAR0abc&hue=red'),
  middle: page('150 KB', '/articles/150k'),
  large: page('900 KB', '/articles/900k')
}

const { small, plain, query, middle, large } = PAGES
const PLAIN_PAGES = [small, plain, middle, large]

/** The engine on which the peers run as well. */
export const PEERS_ENGINE = engines.find(({ id }) => id === 'njs-0.7.9') as Engine

/** A subject and the pages it is asked for. */
type Contender = [subject: Subject, pages: readonly Page[]]

export interface HotPageOptions extends RoundOptions {
  /** 'quick': what the targets need, on one Nginx. 'hits': bare memcached_pass, raw and full. 'full': everything. */
  extent: 'quick' | 'hits' | 'full'
  engines: readonly Engine[]
}

export async function hotPage(folder: Folder, options: HotPageOptions): Promise<Samples> {
  const base: Base = { memcached: await folder.startMemcached(), origin: await startOrigin(folder) }
  const contenders: Contender[] = []
  for (const engine of options.engines) contenders.push(...await startEngine(folder, base, engine, options.extent))
  if (options.extent !== 'hits') contenders.push(...await startPeers(folder, base, options.extent))

  for (const [subject, pages] of contenders) {
    for (const each of pages) {
      await subject.store(each)
      await verifyHit(subject, each)
    }
  }
  const cases: Case[] = contenders.flatMap(([subject, pages]) => pages.map((each) => ({ id: caseId(subject.id, each), subject, target: each.target })))
  return measureRounds(cases, options)
}

export function caseId(subject: string, { id }: Page): string {
  return `${subject} | ${id}`
}

async function startEngine(folder: Folder, base: Base, each: Engine, extent: HotPageOptions['extent']): Promise<Contender[]> {
  const { id, suite, engine } = each
  const own = { suite, engine, compress: false }
  const pages = extent === 'full' ? PLAIN_PAGES : [plain, middle, large]
  const contenders: Contender[] = [
    [await startNative(folder, base, { id: `native ${id}`, suite, buffers: 'tuned' }), pages],
    [await startSamekey(folder, base, { ...own, id: `raw ${id}`, policy: { ...POLICY, mode: 'raw' } }), extent === 'full' ? [...PLAIN_PAGES, query] : [plain, query]],
    [await startSamekey(folder, base, { ...own, id: `full ${id}`, policy: POLICY }), extent === 'full' ? [...PLAIN_PAGES, query] : pages]
  ]
  if (extent !== 'hits') contenders.push(...await startFloors(folder, base, each))
  if (extent !== 'hits') contenders.push([await startSamekeyFront(folder, base, { ...own, id: `front ${id}`, policy: POLICY }), extent === 'full' ? PLAIN_PAGES : [plain]])
  return contenders
}

/** How far a full hit could be brought down at all, where that is in question. */
async function startFloors(folder: Folder, base: Base, engine: Engine): Promise<Contender[]> {
  return [
    [await startNjsFloor(folder, base, engine, 'one'), [plain, middle]],
    [await startNjsFloor(folder, base, engine, 'two'), [middle]]
  ]
}

async function startPeers(folder: Folder, base: Base, extent: 'quick' | 'full'): Promise<Contender[]> {
  const { suite } = PEERS_ENGINE
  const wanted = [await startSrcache(folder, base, suite), await startProxyCache(folder, base, suite), await startVarnish(folder, base)]
  if (extent === 'quick') return wanted.map((subject) => [subject, [plain]])
  const more = [
    await startStaticFile(folder, suite), await startNative(folder, base, { id: 'native, default buffers', suite, buffers: 'default' }),
    await startProxyCache(folder, base, suite, { openFiles: true }), await startLua(folder, base, suite), await startExpressCache(folder)
  ]
  return [...[...wanted, ...more].map((subject): Contender => [subject, PLAIN_PAGES]), [await startNoCache(folder, base, suite), [plain]]]
}
