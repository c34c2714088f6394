// What the writer costs the app: time of the app's main thread, where everything else of the app has to wait.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Folder } from '../machine/folder.js'
import { mainThreadNanoseconds } from '../machine/processes.js'
import { median } from '../machine/statistics.js'
import { runWrk } from '../machine/wrk.js'
import { startOrigin, type Origin } from '../origin/origin.js'
import { startNoCache } from '../subjects/no_cache.js'
import { POLICY, startSamekey } from '../subjects/samekey.js'
import { PEERS_ENGINE } from './hot_page.js'
import { longestTurn, type LongestTurn } from './writer_turns.js'

export interface WriterLoop {
  /** Microseconds of the main thread for a render of a 12 KB page, a value a round. */
  without: number[]
  withWriter: number[]
  /** One `set` of memjs after each answer instead of the writer. */
  withSet: number[]
  /** Difference of the medians of withWriter and without. */
  added: number
  /** Of withSet and without: to store a page cannot cost less. */
  floor: number
  /** The longest time without a break that the app's thread was held for, by the size of the page. */
  turns: LongestTurn[]
}

const PAGES_EACH = 1500

export async function writerLoop({ rounds, log }: { rounds: number; log: (line: string) => void }): Promise<WriterLoop> {
  const { without, withWriter, withSet } = await Folder.use(async (folder) => {
    const base = { memcached: await folder.startMemcached(), origin: await startOrigin(folder) }
    const setting = { ...base, origin: await startOrigin(folder, { memjs: base.memcached.address }) }
    const plain = await startNoCache(folder, base, PEERS_ENGINE.suite)
    const bare = await startNoCache(folder, setting, PEERS_ENGINE.suite)
    const samekey = await startSamekey(folder, base, { ...PEERS_ENGINE, id: 'samekey', policy: POLICY, compress: false })
    const costOf = async (origin: Origin, port: number, round: number) => {
      const targets = join(folder.path, 'targets')
      // Always others, so that every one is rendered and stored.
      await writeFile(targets, Array.from({ length: PAGES_EACH }, (_, i) => `/articles/12k/${round}/${i}\n`).join(''))
      const [before, renders] = [mainThreadNanoseconds(origin.pids), await origin.renders()]
      await runWrk({ port, targets, seconds: 'once', connections: 4 })
      return (mainThreadNanoseconds(origin.pids) - before) / 1000 / (await origin.renders() - renders)
    }
    const [without, withWriter, withSet]: [number[], number[], number[]] = [[], [], []]
    for (let round = -1; round < rounds; round++) {
      log(`writer, round ${round + 1} of ${rounds}`)
      const costs = [await costOf(base.origin, plain.port, round), await costOf(samekey.origin as Origin, samekey.port, round), await costOf(setting.origin, bare.port, round)] as const
      // The first warms the compiler up.
      if (round >= 0) [without, withWriter, withSet].forEach((all, i) => all.push(costs[i] as number))
    }
    return { without, withWriter, withSet }
  })
  const base = median(without)
  return { without, withWriter, withSet, added: median(withWriter) - base, floor: median(withSet) - base, turns: await Folder.use((folder) => longestTurn(folder)) }
}
