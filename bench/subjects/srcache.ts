// srcache and memc: pages with their headers in memcached, by modules written in C. As in the first example of srcache's
// README; with the larger buffers that memcached_pass has here, without which it would be slower.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import getPort from 'get-port'
import { rootfs, type Suite } from '../../test/support/rootfs.js'
import type { Folder } from '../machine/folder.js'
import { appUpstream, nginxConf, PROXY_TO_APP } from './nginx_conf.js'
import { storeByAsking, type Base, type Subject } from './subject.js'

/** Of Debian; the NDK is what set-misc and Lua stand on. */
export const MODULES = ['libnginx-mod-http-ndk', 'libnginx-mod-http-lua', 'libnginx-mod-http-srcache-filter', 'libnginx-mod-http-memc', 'libnginx-mod-http-set-misc']

export async function startSrcache(folder: Folder, base: Base, suite: Suite): Promise<Subject> {
  const port = await getPort()
  const prefix = await folder.make('srcache')
  const modules = join(await rootfs(suite, MODULES), 'usr/lib/nginx/modules')
  await writeFile(join(prefix, 'nginx.conf'), nginxConf({
    port,
    modules: ['ndk', 'ngx_http_set_misc', 'ngx_http_srcache_filter', 'ngx_http_memc'].map((name) => join(modules, moduleFile(name))),
    http: `${appUpstream(base.origin.address)}${memcUpstream(base.memcached.address)}`,
    server: `${MEMC_LOCATION}
      location / {
        # MD5, as the README has it for keys that may be long or have spaces in them.
        set_md5 $key $uri$args;
        ${SRCACHE}
        ${PROXY_TO_APP}
      }`
  }))
  const workers = await folder.startNginx({ suite, prefix, port, packages: MODULES })
  return {
    id: 'srcache', port, workers, system: [...workers, ...base.memcached.pids, ...base.origin.pids], hitStatus: 'HIT', origin: base.origin, store: storeByAsking(port, 'HIT')
  }
}

export function moduleFile(name: string): string {
  return name === 'ndk' ? 'ndk_http_module.so' : `${name}_module.so`
}

export function memcUpstream(address: string): string {
  return `upstream memc { server ${address}; keepalive 64; }`
}

export const MEMC_LOCATION = `
  location = /memc {
    internal;
    memc_connect_timeout 1s;
    memc_send_timeout 1s;
    memc_read_timeout 1s;
    memc_ignore_client_abort on;
    memc_buffer_size 64k;
    set $memc_key $query_string;
    set $memc_exptime 3600;
    memc_pass memc;
  }`

/** Looks $key up and stores under it; the app sends no compressed pages, as the README asks. */
export const SRCACHE = `
  srcache_fetch GET /memc $key;
  srcache_store PUT /memc $key;
  srcache_store_statuses 200 301 302 307 308;
  srcache_fetch_skip $cookie_sessionid;
  srcache_store_skip $cookie_sessionid;
  srcache_store_max_size 2m;
  proxy_set_header Accept-Encoding "";
  add_header Cache-Status $srcache_fetch_status;`
