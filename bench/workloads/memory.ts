// What memcached holds for a page beyond its compressed body and its header: key, item, times.
import { connect } from 'node:net'
import { headBytes } from '../../njs/core/entry.js'
import { resolveUrl } from '../../node-writer/key.js'
import { loadPolicy } from '../../node-writer/policy/load.js'
import { Folder, type Memcached } from '../machine/folder.js'
import { startOrigin } from '../origin/origin.js'
import { HOST, page } from '../pages.js'
import { POLICY, startSamekey } from '../subjects/samekey.js'
import { PEERS_ENGINE } from './hot_page.js'

export interface Memory {
  pages: number
  /** Means of a page, in bytes: what memcached counts for it, its header fields, its body as stored. */
  item: number
  header: number
  body: number
  /** What is left of the item. */
  overhead: number
}

export async function memory({ pages, log }: { pages: number; log: (line: string) => void }): Promise<Memory> {
  return Folder.use(async (folder) => {
    log(`memory of ${pages} pages`)
    const memcached = await folder.startMemcached()
    const subject = await startSamekey(folder, { memcached, origin: await startOrigin(folder) }, { ...PEERS_ENGINE, id: 'samekey', policy: POLICY, compress: true })
    const policy = loadPolicy(POLICY)
    let [header, body] = [0, 0]
    for (let i = 0; i < pages; i++) {
      const target = `/pages/${i}`
      await subject.store(page('', target))
      const item = await memcached.store.get(resolveUrl(`http://${HOST}${target}`, policy).key)
      if (item === null) throw new Error(`${target} is not in memcached`)
      const head = headBytes(item.value.toString('latin1', 0, 13))
      header += head - (item.value.indexOf('\n') + 1)
      body += item.value.length - head
    }
    const item = await countedBytes(memcached)
    return { pages, item: item / pages, header: header / pages, body: body / pages, overhead: (item - header - body) / pages }
  })
}

/** Bytes of all items with what memcached needs to keep them (protocol.txt, `stats`: bytes). */
function countedBytes({ port }: Memcached): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = connect(port, '127.0.0.1', () => socket.write('stats\r\nquit\r\n'))
    socket.on('data', (chunk) => { text += chunk })
    socket.on('error', reject)
    socket.on('close', () => resolve(Number(/^STAT bytes (\d+)\r$/m.exec(text)?.[1])))
  })
}
