// Nginx in front of the app, nothing stored.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import getPort from 'get-port'
import type { Suite } from '../../test/support/rootfs.js'
import type { Folder } from '../machine/folder.js'
import { appUpstream, nginxConf, PROXY_TO_APP } from './nginx_conf.js'
import type { Base, Subject } from './subject.js'

export async function startNoCache(folder: Folder, base: Base, suite: Suite): Promise<Subject> {
  const port = await getPort()
  const prefix = await folder.make(`no-cache-${port}`)
  await writeFile(join(prefix, 'nginx.conf'), nginxConf({ port, http: appUpstream(base.origin.address), server: `location / { ${PROXY_TO_APP} }` }))
  const workers = await folder.startNginx({ suite, prefix, port })
  return { id: 'no cache', port, workers, system: [...workers, ...base.origin.pids], hitStatus: null, origin: null, store: () => Promise.resolve() }
}
