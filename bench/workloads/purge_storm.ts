// Pages are purged while they are served: what visitors feel of it, and what the app has to render again.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { PurgeRequest } from '../../node-writer/purge_request.js'
import { seeded, type Random } from '../../test/fuzz/random.js'
import { Folder } from '../machine/folder.js'
import { measureLoad, type Sample } from '../machine/rounds.js'
import { startOrigin, type Origin } from '../origin/origin.js'
import { HOST, SECTIONS } from '../pages.js'
import { POLICY, startSamekey } from '../subjects/samekey.js'
import { zipf } from '../traffic.js'
import { PEERS_ENGINE } from './hot_page.js'

export interface Stormed extends Sample {
  /** What a purge names. */
  kind: Kind
  /** Purges in a second, as they came to be. */
  purges: number
  renders: number
}

const PAGES = 1000
const SECONDS = 8

type Kind = keyof typeof KINDS

/** A hundredth of the pages has the same tag, a ninth of them the same prefix. */
const KINDS = {
  'one page': (random: Random): PurgeRequest => ({ urls: `http://${HOST}/pages/${random.below(PAGES)}` }),
  'one tag': (random: Random): PurgeRequest => ({ tags: `section-${random.below(SECTIONS)}` }),
  'one prefix': (random: Random): PurgeRequest => ({ prefix: `http://${HOST}/pages/${1 + random.below(9)}` }),
  everything: (): PurgeRequest => ({ all: true })
}

const STORMS: [kind: Kind, perSecond: number][] = [['one page', 0], ['one page', 100], ['one page', 1000], ['one tag', 1], ['one tag', 20], ['one prefix', 1], ['everything', 0.5]]

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
    for (const [kind, wanted] of STORMS) {
      log(`${wanted} purges a second: ${kind}`)
      const before = await origin.renders()
      const storm = startStorm(origin, kind, wanted)
      const sample = await measureLoad(subject, { targets, seconds: SECONDS, connections: 32 })
      stormed.push({ ...sample, kind, purges: await storm.stop() / SECONDS, renders: await origin.renders() - before })
    }
    return stormed
  })
}

/** Purges by chance, several at a time where one would not keep up; `stop` tells how many. */
function startStorm(origin: Origin, kind: Kind, perSecond: number): { stop(): Promise<number> } {
  const random = seeded(2)
  const atOnce = Math.max(1, perSecond / 100)
  let [over, purged] = [perSecond === 0, 0]
  const work = (async () => {
    for (let next = performance.now(); !over;) {
      await Promise.all(Array.from({ length: atOnce }, () => origin.purge(KINDS[kind](random))))
      purged += atOnce
      next += 1000 * atOnce / perSecond
      await pause(Math.max(0, next - performance.now()))
    }
  })()
  return { async stop() { over = true; await work; return purged } }
}
