// Several machines: pages spread over four memcached servers by the ring, two Nginx nodes that share them.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Folder, type Memcached } from '../machine/folder.js'
import { measureRounds, type RoundOptions, type Samples } from '../machine/rounds.js'
import { startOrigin, type Origin } from '../origin/origin.js'
import { page } from '../pages.js'
import { POLICY, startSamekey } from '../subjects/samekey.js'
import { verifyHit } from '../subjects/subject.js'
import { PEERS_ENGINE } from './hot_page.js'

export interface Clustered {
  /** One server, and each of the two nodes with four servers. */
  samples: Samples
  /** How many pages of those that the first node stored the second one found. */
  stored: number
  found: number
}

const PAGES = 400

export async function cluster(options: RoundOptions): Promise<Clustered> {
  return Folder.use(async (folder) => {
    const [first, ...others] = [await folder.startMemcached(), await folder.startMemcached(), await folder.startMemcached(), await folder.startMemcached()]
    const alone = await folder.startMemcached()
    const own = { ...PEERS_ENGINE, policy: POLICY, compress: false }
    const one = await startSamekey(folder, { memcached: alone, origin: await startOrigin(folder) }, { ...own, id: 'one server' })
    const base = { memcached: first as Memcached, origin: await startOrigin(folder) }
    const node1 = await startSamekey(folder, base, { ...own, id: 'four servers, node 1', moreMemcached: others })
    const node2 = await startSamekey(folder, base, { ...own, id: 'four servers, node 2', moreMemcached: others, writer: node1.origin as Origin })
    let found = 0
    for (let i = 0; i < PAGES; i++) {
      const each = page('', `/pages/${i}`)
      await one.store(each)
      await node1.store(each)
      await verifyHit(node2, each).then(() => { found++ }, (error: Error) => options.log(error.message))
    }
    const targets = join(folder.path, 'targets')
    await writeFile(targets, Array.from({ length: PAGES }, (_, i) => `/pages/${i}\n`).join(''))
    const samples = await measureRounds([one, node1, node2].map((subject) => ({ id: subject.id, subject, targets })), options)
    return { samples, stored: PAGES, found }
  })
}
