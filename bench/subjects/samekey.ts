// samekey as `samekey nginx` generates it, with its writer in the app.
import { join } from 'node:path'
import getPort from 'get-port'
import { writeNginxFiles } from '../../nginx/generate.js'
import { loadPolicy } from '../../node-writer/policy/load.js'
import type { PolicyDocument } from '../../node-writer/policy/types.js'
import type { Engine } from '../../test/support/engines.js'
import { rootfs } from '../../test/support/rootfs.js'
import type { Folder } from '../machine/folder.js'
import { startOrigin } from '../origin/origin.js'
import { storeByAsking, type Base, type Subject } from './subject.js'

/** An ordinary site's. */
export const POLICY: PolicyDocument = { ignore: ['/admin', '/login', '/api/.*'] }

export interface SamekeyOptions extends Pick<Engine, 'suite' | 'engine'> {
  id: string
  policy: PolicyDocument
  /** False where the bytes on the wire are to be those of other subjects. */
  compress: boolean
}

export async function startSamekey(folder: Folder, { memcached }: Base, { id, suite, engine, policy, compress }: SamekeyOptions): Promise<Subject> {
  const origin = await startOrigin(folder, { samekey: { policy, memcached: memcached.address, compress } })
  const port = await getPort()
  const prefix = await folder.make(id.replace(/\W+/g, '-'))
  writeNginxFiles(prefix, {
    policy: loadPolicy(policy), directory: prefix, app: origin.address, memcached: [memcached.address], listen: `127.0.0.1:${port}`, engine, workers: 1, accessLog: 'off',
    modulePath: join(await rootfs(suite), 'usr/lib/nginx/modules/ngx_http_js_module.so')
  })
  const workers = await folder.startNginx({ suite, prefix, port })
  const hitStatus = 'samekey; hit'
  return { id, port, workers, system: [...workers, ...memcached.pids, ...origin.pids], hitStatus, origin, store: storeByAsking(port, hitStatus) }
}
