// samekey as `samekey nginx` generates it, with the pages in memcached as the writer puts them there.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import getPort from 'get-port'
import { writeNginxFiles } from '../../nginx/generate.js'
import { encodeEntry } from '../../node-writer/encode_entry.js'
import { resolveUrl } from '../../node-writer/key.js'
import { loadPolicy } from '../../node-writer/policy/load.js'
import type { PolicyDocument } from '../../node-writer/policy/types.js'
import { rootfs, type Suite } from '../../test/support/rootfs.js'
import { MAX_ITEM_BYTES, type Folder, type Memcached } from '../machine/folder.js'
import { HOST } from '../pages.js'
import type { Subject } from './subject.js'

export interface SamekeyOptions {
  id: string
  suite: Suite
  engine: 'njs' | 'qjs'
  memcached: Memcached
  /** 'host:port'; nobody asks it while every request is a hit. */
  app: string
  policy: PolicyDocument
}

export async function startSamekey(folder: Folder, { id, suite, engine, memcached, app, policy: document }: SamekeyOptions): Promise<Subject> {
  const port = await getPort()
  const prefix = join(folder.path, id)
  await mkdir(prefix)
  const policy = loadPolicy(document)
  const modulePath = join(await rootfs(suite), 'usr/lib/nginx/modules/ngx_http_js_module.so')
  writeNginxFiles(prefix, { policy, directory: prefix, app, memcached: [memcached.address], listen: `127.0.0.1:${port}`, engine, modulePath, workers: 1, accessLog: 'off' })
  const { pids } = await folder.startNginx(id, suite, prefix, port)
  return {
    id, port, pids, hitStatus: 'samekey; hit',
    async store({ target, body }) {
      const verdict = resolveUrl(`http://${HOST}${target}`, policy)
      if (verdict.bypass !== '') throw new Error(`${id}: ${target} is not looked up: ${verdict.bypass}`)
      const response = { status: 200, headers: HEADERS }
      // Not compressed: then the bytes on the wire are those of the other subjects.
      const options = { key: verdict.key, ttlSeconds: 86400, ageSeconds: 0, compress: false, maxItemBytes: MAX_ITEM_BYTES }
      const items = await encodeEntry(response, body, policy, options)
      if (items === null) throw new Error(`${id}: ${target} is too large to be stored`)
      for (const item of items) await memcached.store.set(item.key, item.value, { ttlSeconds: 86400, gzip: item.gzip })
    }
  }
}

/** What an ordinary app sends with a page. */
const HEADERS: [string, string][] = [
  ['Content-Type', 'text/html; charset=utf-8'],
  ['Cache-Control', 'public, max-age=60'],
  ['ETag', '"5d8c72a5edda8d6a"'],
  ['Link', '</style.css>; rel=preload; as=style']
]
