// Varnish as its package starts it, with pages in memory; cookies of analytics scripts removed, as the users' guide
// (Increasing your hit rate: Cookies) shows, because a request with any cookie is passed to the app.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import getPort from 'get-port'
import { ensure } from '../../scripts/system.js'
import type { Folder } from '../machine/folder.js'
import { listenersOf } from '../machine/processes.js'
import { storeByAsking, type Base, type Subject } from './subject.js'

export async function startVarnish(folder: Folder, base: Base): Promise<Subject> {
  const port = await getPort()
  const place = await folder.make('varnish')
  const { varnish } = await ensure(['varnish'])
  await writeFile(join(place, 'default.vcl'), vcl(base.origin.port))
  await folder.start('varnish-server', [
    varnish, '-F', '-j', 'none', '-n', join(place, 'work'), '-a', `127.0.0.1:${port}`, '-f', join(place, 'default.vcl'), '-s', 'malloc,4G',
    // Default 1,024: longer than a crowd of connections that come at once.
    '-p', 'listen_depth=16384'
  ], port)
  const workers = listenersOf(port)
  return { id: 'Varnish', port, workers, system: [...workers, ...base.origin.pids], hitStatus: 'HIT', origin: base.origin, store: storeByAsking(port, 'HIT') }
}

function vcl(appPort: number): string {
  return `vcl 4.1;
    backend default { .host = "127.0.0.1"; .port = "${appPort}"; }
    sub vcl_recv {
      set req.http.Cookie = regsuball(req.http.Cookie, "(^|;\\s*)(_[_a-z]+|has_js)=[^;]*", "");
      if (req.http.Cookie ~ "^;?\\s*$") { unset req.http.Cookie; }
    }
    sub vcl_deliver {
      if (obj.hits > 0) { set resp.http.Cache-Status = "HIT"; } else { set resp.http.Cache-Status = "MISS"; }
    }
  `
}
