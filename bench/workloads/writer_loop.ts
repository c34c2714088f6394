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
  /** Difference of the medians. */
  added: number
  /** The longest time without a break that the app's thread was held for, by the size of the page. */
  turns: LongestTurn[]
}

const PAGES_EACH = 1500

export async function writerLoop({ rounds, log }: { rounds: number; log: (line: string) => void }): Promise<WriterLoop> {
  const { without, withWriter } = await Folder.use(async (folder) => {
    const base = { memcached: await folder.startMemcached(), origin: await startOrigin(folder) }
    const plain = await startNoCache(folder, base, PEERS_ENGINE.suite)
    const samekey = await startSamekey(folder, base, { ...PEERS_ENGINE, id: 'samekey', policy: POLICY, compress: false })
    const costOf = async (origin: Origin, port: number, round: number) => {
      const targets = join(folder.path, 'targets')
      // Always others, so that every one is rendered and stored.
      await writeFile(targets, Array.from({ length: PAGES_EACH }, (_, i) => `/articles/12k/${round}/${i}\n`).join(''))
      const [before, renders] = [mainThreadNanoseconds(origin.pids), await origin.renders()]
      await runWrk({ port, targets, seconds: 'once', connections: 4 })
      return (mainThreadNanoseconds(origin.pids) - before) / 1000 / (await origin.renders() - renders)
    }
    const [without, withWriter]: [number[], number[]] = [[], []]
    for (let round = -1; round < rounds; round++) {
      log(`writer, round ${round + 1} of ${rounds}`)
      const [one, other] = [await costOf(base.origin, plain.port, round), await costOf(samekey.origin as Origin, samekey.port, round)]
      // The first warms the compiler up.
      if (round >= 0) { without.push(one); withWriter.push(other) }
    }
    return { without, withWriter }
  })
  return { without, withWriter, added: median(withWriter) - median(without), turns: await Folder.use((folder) => longestTurn(folder)) }
}
