// samekey with nginx's cache in front of it for one second: a hot page then costs what proxy_cache costs. Only what
// came out of memcached is kept, and Age and Cache-Status are up to a second old.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import getPort from 'get-port'
import { writeNginxFiles } from '../../nginx/generate.js'
import { loadPolicy } from '../../node-writer/policy/load.js'
import { rootfs } from '../../test/support/rootfs.js'
import type { Folder } from '../machine/folder.js'
import { startOrigin } from '../origin/origin.js'
import { nginxConf } from './nginx_conf.js'
import type { SamekeyOptions } from './samekey.js'
import { storeByAsking, type Base, type Subject } from './subject.js'

export async function startSamekeyFront(folder: Folder, { memcached }: Base, { id, suite, engine, policy: document, compress }: SamekeyOptions): Promise<Subject> {
  const origin = await startOrigin(folder, { samekey: { policy: document, memcached: memcached.address, compress } })
  const [port, inner] = await Promise.all([getPort(), getPort()])
  const prefix = await folder.make(id.replace(/\W+/g, '-'))
  const directory = join(prefix, 'samekey')
  await mkdir(directory)
  const policy = loadPolicy(document)
  const modulePath = join(await rootfs(suite), 'usr/lib/nginx/modules/ngx_http_js_module.so')
  writeNginxFiles(directory, { policy, directory, app: origin.address, memcached: [memcached.address], engine })
  await writeFile(join(prefix, 'nginx.conf'), nginxConf({
    port,
    modules: [modulePath],
    http: `
      include ${directory}/samekey.http.conf;
      proxy_cache_path ${await folder.makeInMemory()} levels=1:2 keys_zone=front:16m max_size=1g use_temp_path=off;
      map $upstream_http_cache_status $front_unstored { "~^samekey; hit" ""; default 1; }
      upstream front_samekey { server 127.0.0.1:${inner}; keepalive 64; }
      server {
        listen 127.0.0.1:${inner};
        include ${directory}/samekey.server.conf;
        location / { include ${directory}/samekey.location.conf; }
      }`,
    server: `
      gunzip on;
      location / {
        proxy_cache front;
        proxy_cache_key $samekey_key;
        proxy_cache_valid 200 301 302 404 410 1s;
        # The app's times are kept by the entry; here a page lives for a second.
        proxy_ignore_headers Cache-Control Expires Vary;
        proxy_cache_lock on;
        proxy_cache_bypass $samekey_bypass;
        proxy_no_cache $samekey_bypass $front_unstored;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        proxy_set_header Accept-Encoding gzip;
        proxy_pass http://front_samekey;
      }`
  }))
  const workers = await folder.startNginx({ suite, prefix, port })
  const hitStatus = 'samekey; hit'
  return { id, port, workers, system: [...workers, ...memcached.pids, ...origin.pids], hitStatus, origin, store: storeByAsking(port, hitStatus) }
}
