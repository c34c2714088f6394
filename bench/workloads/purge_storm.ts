// Pages are purged while they are served: what visitors feel of it, and what the app has to render again.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { seeded } from '../../test/fuzz/random.js'
import { Folder } from '../machine/folder.js'
import { measureLoad, type Sample } from '../machine/rounds.js'
import { startOrigin, type Origin } from '../origin/origin.js'
import { HOST } from '../pages.js'
import { POLICY, startSamekey } from '../subjects/samekey.js'
import { zipf } from '../traffic.js'
import { PEERS_ENGINE } from './hot_page.js'

export interface Stormed extends Sample {
  /** Pages that were purged in a second. */
  purges: number
  renders: number
}

const PAGES = 1000
const STORMS = [0, 100, 1000]
const SECONDS = 8
/** A purge call takes this many pages. */
const BATCH = 10

export async function purgeStorm({ log }: { log: (line: string) => void }): Promise<Stormed[]> {
  return Folder.use(async (folder) => {
    const base = { memcached: await folder.startMemcached(), origin: await startOrigin(folder) }
    const subject = await startSamekey(folder, base, { ...PEERS_ENGINE, id: 'samekey', policy: POLICY, compress: false })
    const origin = subject.origin as Origin
    const targets = join(folder.path, 'targets')
    const random = seeded(1)
    const popular = zipf(PAGES, 0.8)
    await writeFile(targets, Array.from({ length: 50_000 }, () => `/pages/${popular(random)}\n`).join(''))
    await measureLoad(subject, { targets, seconds: 5, connections: 16 })

    const stormed: Stormed[] = []
    for (const wanted of STORMS) {
      log(`${wanted} purges a second`)
      const before = await origin.renders()
      const storm = startStorm(origin, wanted)
      const sample = await measureLoad(subject, { targets, seconds: SECONDS, connections: 32 })
      stormed.push({ ...sample, purges: await storm.stop() / SECONDS, renders: await origin.renders() - before })
    }
    return stormed
  })
}

/** Purges pages by chance, a batch at a time; `stop` tells how many. */
function startStorm(origin: Origin, perSecond: number): { stop(): Promise<number> } {
  const random = seeded(2)
  let [over, purged] = [perSecond === 0, 0]
  const work = (async () => {
    for (let next = performance.now(); !over; next += 1000 * BATCH / perSecond) {
      await origin.purge(Array.from({ length: BATCH }, () => `http://${HOST}/pages/${random.below(PAGES)}`))
      purged += BATCH
      await pause(Math.max(0, next - performance.now()))
    }
  })()
  return { async stop() { over = true; await work; return purged } }
}
