// The least that an njs module can do for a hit that keeps its header: look an item up, and answer with it as it is. No
// key is made, no header read or set, nothing checked; so no full hit through njs can be cheaper.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import getPort from 'get-port'
import type { Engine } from '../../test/support/engines.js'
import { rootfs } from '../../test/support/rootfs.js'
import type { Folder } from '../machine/folder.js'
import { nginxConf } from './nginx_conf.js'
import { get, type Base, type Subject } from './subject.js'

/** 'one': header and body are one item, which passes through JavaScript. 'two': Nginx streams the body, an item of its own. */
type Items = 'one' | 'two'

const MODULE = `
function one(r) {
  r.subrequest('/.floor/item', (reply) => { r.return(200, reply.responseBuffer) })
}
function two(r) {
  r.subrequest('/.floor/head', () => { r.internalRedirect('@body') })
}
export default { one, two }
`

/** Of the header of a page of samekey's. */
const HEAD_BYTES = 300

export async function startNjsFloor(folder: Folder, base: Base, { id, suite, engine }: Engine, items: Items): Promise<Subject> {
  const name = floorId(id, items)
  const port = await getPort()
  const prefix = await folder.make(name.replace(/\W+/g, '-'))
  await writeFile(join(prefix, 'floor.js'), MODULE)
  await writeFile(join(prefix, 'nginx.conf'), nginxConf({
    port,
    modules: [join(await rootfs(suite), 'usr/lib/nginx/modules/ngx_http_js_module.so')],
    http: `
      js_path "${prefix}";
      js_import floor from floor.js;
      ${engine === 'qjs' ? 'js_engine qjs; js_context_reuse 1024;' : ''}
      memcached_buffer_size 64k;
      subrequest_output_buffer_size 2m;
      upstream memcached { server ${base.memcached.address}; keepalive 64; }`,
    server: `
      location / { js_content floor.${items}; }
      location = /.floor/item { internal; set $memcached_key $request_uri; memcached_pass memcached; }
      location = /.floor/head { internal; set $memcached_key "$request_uri#head"; memcached_pass memcached; }
      # As nginx/bans.server.conf does it: once this has been given back, glibc keeps the worker's heap.
      location = /.floor/heap { set $memcached_key $request_uri; memcached_buffer_size 16m; memcached_pass memcached; }
      location @body { set $memcached_key $request_uri; memcached_pass memcached; }`
  }))
  const workers = await folder.startNginx({ suite, prefix, port })
  const { store } = base.memcached
  return {
    id: name, port, workers, system: [...workers, ...base.memcached.pids], hitStatus: null, origin: null,
    store: async ({ target, body }) => {
      await store.set(target, body, { ttlSeconds: 86400 })
      await store.set(`${target}#head`, Buffer.alloc(HEAD_BYTES, '.'), { ttlSeconds: 86400 })
      await get(port, '/.floor/heap')
    }
  }
}

export function floorId(engine: string, items: Items): string {
  return `njs floor, ${items === 'one' ? 'one item' : 'two items'}, ${engine}`
}
