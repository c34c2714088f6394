// Many pages, some often and most seldom asked for: what a hit costs where neither memory nor caches can favour one page.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { seeded } from '../../test/fuzz/random.js'
import type { Folder } from '../machine/folder.js'
import { measureRounds, type Case, type RoundOptions, type Samples } from '../machine/rounds.js'
import { runWrk } from '../machine/wrk.js'
import { startOrigin } from '../origin/origin.js'
import { startProxyCache } from '../subjects/proxy_cache.js'
import { POLICY, startSamekey } from '../subjects/samekey.js'
import { startSrcache } from '../subjects/srcache.js'
import type { Base, Subject } from '../subjects/subject.js'
import { startVarnish } from '../subjects/varnish.js'
import { zipf } from '../traffic.js'
import { PEERS_ENGINE } from './hot_page.js'

const ASKED = 200_000

/** Of all requests. */
const MOST_MISSES = 1 / 10_000

export async function manyPages(folder: Folder, options: RoundOptions & { pages: number }): Promise<Samples> {
  const { suite } = PEERS_ENGINE
  const memcached = await folder.startMemcached()
  // An app of its own for each, so that each one's renders are counted.
  const base = async (): Promise<Base> => ({ memcached, origin: await startOrigin(folder) })
  const own = { ...PEERS_ENGINE, compress: false }
  const subjects = [
    await startSamekey(folder, await base(), { ...own, id: 'raw', policy: { ...POLICY, mode: 'raw' } }),
    await startSamekey(folder, await base(), { ...own, id: 'full', policy: POLICY }),
    await startProxyCache(folder, await base(), suite), await startSrcache(folder, await base(), suite), await startVarnish(folder, await base())
  ]
  const all = join(folder.path, 'all')
  await writeFile(all, Array.from({ length: options.pages }, (_, page) => `/pages/${page}\n`).join(''))
  for (const subject of subjects) await fill(subject, all, options)

  const targets = join(folder.path, 'targets')
  const random = seeded(1)
  const popular = zipf(options.pages, 0.8)
  await writeFile(targets, Array.from({ length: ASKED }, () => `/pages/${popular(random)}\n`).join(''))
  const cases: Case[] = subjects.map((subject) => ({ id: subject.id, subject, targets }))
  const before = await rendersOf(subjects)
  const samples = await measureRounds(cases, options)
  const missed = (await rendersOf(subjects)).map((renders, i) => renders - (before[i] as number))
  const asked = subjects.map(({ id }) => (samples[id] ?? []).reduce((sum, { requests }) => sum + requests, 0))
  // A look-up may once in a long while take longer than Nginx waits, on a busy machine.
  if (missed.some((renders, i) => renders > (asked[i] as number) * MOST_MISSES)) throw new Error(`pages were rendered again meanwhile: ${subjects.map(({ id }, i) => `${id} ${missed[i]}`).join(', ')}`)
  return samples
}

/** Asks for every page until none is rendered any more. */
async function fill(subject: Subject, targets: string, { log, pages }: { log: (line: string) => void; pages: number }): Promise<void> {
  for (let renders = -1, before = -2; renders !== before;) {
    before = renders
    log(`${subject.id}: ${pages} pages, ${Math.max(renders, 0)} rendered so far`)
    await runWrk({ port: subject.port, targets, seconds: 'once', connections: 16 })
    renders = await subject.origin?.renders() ?? 0
  }
}

function rendersOf(subjects: readonly Subject[]): Promise<number[]> {
  return Promise.all(subjects.map(async ({ origin }) => await origin?.renders() ?? 0))
}
