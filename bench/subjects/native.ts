// Bare memcached_pass, the key a plain variable: what a look-up costs without a key function.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import getPort from 'get-port'
import type { Suite } from '../../test/support/rootfs.js'
import type { Folder, Memcached } from '../machine/folder.js'
import type { Subject } from './subject.js'

export interface NativeOptions {
  id: string
  suite: Suite
  memcached: Memcached
  /** The directives that make it tuned; '' for Nginx's defaults. */
  buffers: string
}

export async function startNative(folder: Folder, { id, suite, memcached, buffers }: NativeOptions): Promise<Subject> {
  const port = await getPort()
  const prefix = join(folder.path, id)
  await mkdir(prefix)
  await writeFile(join(prefix, 'nginx.conf'), nginxConf(port, memcached.address, buffers))
  const { pids } = await folder.startNginx(id, suite, prefix, port)
  return {
    id, port, pids, hitStatus: '',
    store: (page) => memcached.store.set(page.target, page.body, { ttlSeconds: 86400 })
  }
}

function nginxConf(port: number, memcached: string, buffers: string): string {
  return `
    worker_processes 1;
    daemon off;
    pid nginx.pid;
    error_log error.log warn;
    events { worker_connections 8192; }
    http {
      client_body_temp_path temp; proxy_temp_path temp; fastcgi_temp_path temp; uwsgi_temp_path temp; scgi_temp_path temp;
      access_log off;
      keepalive_requests 100000;
      upstream memcached { server ${memcached}; keepalive 64; }
      server {
        listen 127.0.0.1:${port};
        location / {
          types { }
          default_type text/html;
          set $memcached_key $request_uri;
          ${buffers}
          memcached_pass memcached;
        }
      }
    }`
}
