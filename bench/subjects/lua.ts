// What one would write with OpenResty for the same work: the key by Lua (trackers dropped, arguments sorted, visitors
// who are logged in left alone), the page with its headers in memcached by srcache.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import getPort from 'get-port'
import { rootfs, type Suite } from '../../test/support/rootfs.js'
import type { Folder } from '../machine/folder.js'
import { appUpstream, nginxConf, PROXY_TO_APP } from './nginx_conf.js'
import { MEMC_LOCATION, memcUpstream, moduleFile, MODULES, SRCACHE } from './srcache.js'
import { storeByAsking, type Base, type Subject } from './subject.js'

const KEY = `
  local dropped = { fbclid = true, gclid = true, msclkid = true, mc_eid = true }
  local kept = {}
  for name, value in pairs(ngx.req.get_uri_args()) do
    if not dropped[name] and name:sub(1, 4) ~= "utm_" then kept[#kept + 1] = name .. "=" .. (type(value) == "table" and table.concat(value, ",") or tostring(value)) end
  end
  table.sort(kept)
  return ngx.md5(ngx.var.scheme .. ngx.var.host .. ngx.var.uri .. "?" .. table.concat(kept, "&"))`

export async function startLua(folder: Folder, base: Base, suite: Suite): Promise<Subject> {
  const port = await getPort()
  const prefix = await folder.make('lua')
  const root = await rootfs(suite, MODULES)
  await writeFile(join(prefix, 'nginx.conf'), nginxConf({
    port,
    modules: ['ndk', 'ngx_http_lua', 'ngx_http_srcache_filter', 'ngx_http_memc'].map((name) => join(root, 'usr/lib/nginx/modules', moduleFile(name))),
    http: `${appUpstream(base.origin.address)}${memcUpstream(base.memcached.address)}
      lua_package_path "${root}/usr/share/lua/5.1/?.lua;;";`,
    server: `${MEMC_LOCATION}
      location / {
        set_by_lua_block $key {${KEY}
        }
        ${SRCACHE}
        ${PROXY_TO_APP}
      }`
  }))
  const workers = await folder.startNginx({ suite, prefix, port, packages: MODULES })
  return { id: 'Lua', port, workers, system: [...workers, ...base.memcached.pids, ...base.origin.pids], hitStatus: 'HIT', origin: base.origin, store: storeByAsking(port, 'HIT') }
}
