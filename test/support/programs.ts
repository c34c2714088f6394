// The programs of a Debian suite, each as one file that can be run.

import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Programs } from '../../cli/programs.js'
import { inRootfs, rootfs, type Suite } from './rootfs.js'

/** Scripts in `folder`: the programs of a rootfs are several words, and `samekey up` takes one path each, or finds them on PATH. */
export async function programsOf(suite: Suite, folder: string): Promise<Programs> {
  const modules = join(await rootfs(suite), 'usr/lib/nginx/modules')
  const script = async (program: 'nginx' | 'memcached', first = ''): Promise<string> => {
    const file = join(folder, program)
    const words = (await inRootfs(suite, program)).map((word) => `'${word.replaceAll("'", `'\\''`)}'`)
    writeFileSync(file, `#!/bin/sh\n${first}exec ${words.join(' ')} "$@"\n`)
    chmodSync(file, 0o755)
    return file
  }
  // Nginx itself would name the folder of this machine's modules.
  const nginx = await script('nginx', `[ "$1" != -V ] || { echo 'configure arguments: --modules-path=${modules}' >&2; exit; }\n`)
  return { nginx, memcached: await script('memcached'), njsModule: join(modules, 'ngx_http_js_module.so') }
}
