// samekey as `samekey nginx` generates it, with its writer in the app.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import getPort from 'get-port'
import { type NginxOptions, writeNginxFiles } from '../../nginx/generate.js'
import { loadPolicy } from '../../node-writer/policy/load.js'
import type { PolicyDocument } from '../../node-writer/policy/types.js'
import type { Engine } from '../../test/support/engines.js'
import { rootfs } from '../../test/support/rootfs.js'
import type { Folder, Memcached } from '../machine/folder.js'
import { startOrigin, type Origin } from '../origin/origin.js'
import { storeByAsking, type Base, type Subject } from './subject.js'

/** An ordinary site's. */
export const POLICY: PolicyDocument = { ignore: ['/admin', '/login', '/api/.*'] }

export interface SamekeyOptions extends Pick<Engine, 'suite' | 'engine'> {
  id: string
  policy: PolicyDocument
  /** Servers besides the base's one. */
  moreMemcached?: readonly Memcached[]
  /** The app whose writer this Nginx reads; one of its own if not given. */
  writer?: Origin
  /** False where the bytes on the wire are to be those of other subjects. */
  compress: boolean
  /** Of the front cache, where there is one. */
  front?: Pick<NginxOptions, 'frontCache' | 'frontInner'>
}

export async function startSamekey(folder: Folder, { memcached }: Base, options: SamekeyOptions): Promise<Subject> {
  const { id, suite, engine, policy, compress, moreMemcached = [] } = options
  const servers = [memcached, ...moreMemcached]
  const addresses = servers.map(({ address }) => address)
  const origin = options.writer ?? await startOrigin(folder, { samekey: { policy, memcached: addresses.join(), compress } })
  const port = await getPort()
  const prefix = await folder.make(id.replace(/\W+/g, '-'))
  writeNginxFiles(prefix, {
    policy: loadPolicy(policy), directory: prefix, app: origin.address, memcached: addresses, listen: `127.0.0.1:${port}`, engine, workers: 1, accessLog: 'off', ...options.front,
    modulePath: join(await rootfs(suite), 'usr/lib/nginx/modules/ngx_http_js_module.so')
  })
  await letOneWorkerTakeAll(join(prefix, 'nginx.conf'))
  const workers = await folder.startNginx({ suite, prefix, port })
  const hitStatus = 'samekey; hit'
  return { id, port, workers, system: [...workers, ...servers.flatMap(({ pids }) => pids), ...origin.pids], hitStatus, origin, store: storeByAsking(port, hitStatus) }
}

/** The sample's connections are for several workers; here one takes a crowd of 10,000, each with a connection to the app. */
async function letOneWorkerTakeAll(file: string): Promise<void> {
  await writeFile(file, (await readFile(file, 'utf8')).replace(/worker_connections \d+;/, 'worker_connections 32768;'))
}
