// Bare memcached_pass, the key a plain variable: what a look-up costs without a key function.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import getPort from 'get-port'
import type { Suite } from '../../test/support/rootfs.js'
import type { Folder } from '../machine/folder.js'
import { nginxConf } from './nginx_conf.js'
import type { Base, Subject } from './subject.js'

/** 'tuned' has the buffers that samekey has where it looks items up; 'default' Nginx's own, of one page of memory. */
export async function startNative(folder: Folder, base: Base, { id, suite, buffers }: { id: string; suite: Suite; buffers: 'tuned' | 'default' }): Promise<Subject> {
  const port = await getPort()
  const prefix = await folder.make(id)
  await writeFile(join(prefix, 'nginx.conf'), nginxConf({
    port,
    http: `upstream memcached { server ${base.memcached.address}; keepalive 64; }`,
    server: `
      location / {
        set $memcached_key $request_uri;
        ${buffers === 'tuned' ? 'memcached_buffer_size 64k;' : ''}
        memcached_pass memcached;
      }`
  }))
  const workers = await folder.startNginx({ suite, prefix, port })
  return {
    id, port, workers, system: [...workers, ...base.memcached.pids], hitStatus: null, origin: null,
    store: ({ target, body }) => base.memcached.store.set(target, body, { ttlSeconds: 86400 })
  }
}
