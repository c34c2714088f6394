// The floor: Nginx with the page as a file, kept open (ngx_http_core_module, open_file_cache).
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import getPort from 'get-port'
import type { Suite } from '../../test/support/rootfs.js'
import type { Folder } from '../machine/folder.js'
import { nginxConf } from './nginx_conf.js'
import type { Subject } from './subject.js'

export async function startStaticFile(folder: Folder, suite: Suite): Promise<Subject> {
  const port = await getPort()
  const prefix = await folder.make('static-file')
  await writeFile(join(prefix, 'nginx.conf'), nginxConf({ port, http: 'open_file_cache max=100000 inactive=60s;', server: 'root pages;' }))
  const workers = await folder.startNginx({ suite, prefix, port })
  return {
    id: 'static file', port, workers, system: workers, hitStatus: null, origin: null,
    async store({ target, body }) {
      const path = join(prefix, 'pages', target)
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, body)
    }
  }
}
