// The programs of a Debian suite, each as one file that can be run.

import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Programs } from '../../cli/programs.js'
import { inRootfs, rootfs, type Suite as DebianSuite } from '../support/rootfs.js'

/** Scripts in `folder`: the programs of a rootfs are several words, and `samekey up` takes one path each. */
export async function programsOf(debian: DebianSuite, folder: string): Promise<Programs> {
  const script = async (program: 'nginx' | 'memcached'): Promise<string> => {
    const file = join(folder, program)
    const words = (await inRootfs(debian, program)).map((word) => `'${word.replaceAll("'", `'\\''`)}'`)
    writeFileSync(file, `#!/bin/sh\nexec ${words.join(' ')} "$@"\n`)
    chmodSync(file, 0o755)
    return file
  }
  const module = join(await rootfs(debian), 'usr/lib/nginx/modules/ngx_http_js_module.so')
  return { nginx: await script('nginx'), memcached: await script('memcached'), njsModule: module }
}
