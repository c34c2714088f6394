// nginx's own cache, its files in memory; the settings of ngx_http_proxy_module and of nginx.com's guide to caching:
// temporary files where the cache is, one request to the app for a page, stale pages while it is fetched.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import getPort from 'get-port'
import type { Suite } from '../../test/support/rootfs.js'
import type { Folder } from '../machine/folder.js'
import { appUpstream, nginxConf, PROXY_TO_APP } from './nginx_conf.js'
import { storeByAsking, type Base, type Subject } from './subject.js'

interface ProxyCacheOptions {
  /** With `open_file_cache`, of which these documents say nothing for a cache: how far it could be brought. */
  openFiles?: boolean
}

export async function startProxyCache(folder: Folder, base: Base, suite: Suite, { openFiles = false }: ProxyCacheOptions = {}): Promise<Subject> {
  const port = await getPort()
  const prefix = await folder.make(`proxy-cache-${port}`)
  await writeFile(join(prefix, 'nginx.conf'), nginxConf({
    port,
    http: `${appUpstream(base.origin.address)}
      proxy_cache_path ${await folder.makeInMemory()} levels=1:2 keys_zone=pages:64m max_size=4g inactive=60m use_temp_path=off;`,
    server: `
      location / {
        proxy_cache pages;
        proxy_cache_lock on;
        proxy_cache_use_stale error timeout updating http_500 http_502 http_503 http_504;
        proxy_cache_background_update on;
        # A visitor who is logged in gets no stored page.
        proxy_cache_bypass $cookie_sessionid;
        proxy_no_cache $cookie_sessionid;
        add_header Cache-Status $upstream_cache_status;
        ${openFiles ? 'open_file_cache max=128 inactive=2s;\n        open_file_cache_min_uses 2;\n        open_file_cache_valid 1s;' : ''}
        ${PROXY_TO_APP}
      }`
  }))
  const workers = await folder.startNginx({ suite, prefix, port })
  const id = openFiles ? 'proxy_cache, open files' : 'proxy_cache'
  return { id, port, workers, system: [...workers, ...base.origin.pids], hitStatus: 'HIT', origin: base.origin, store: storeByAsking(port, 'HIT') }
}
