// njs/core with one text replaced, built in memory and imported: nothing on disk changes.

import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { parseHead } from '../../njs/core/entry.js'
import type { resolve } from '../../njs/core/resolve.js'
import type { Mutation } from './mutations.js'

export interface Core {
  resolve: typeof resolve
  parseHead: typeof parseHead
}

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The core as it is, or with a mutation. Throws when the text to replace does not stand in the file exactly once. */
export async function buildCore(mutation?: Mutation): Promise<Core> {
  const { outputFiles } = await build({
    stdin: { contents: "export { resolve } from './njs/core/resolve.ts'\nexport { parseHead } from './njs/core/entry.ts'\n", resolveDir: root, loader: 'ts' },
    bundle: true, format: 'esm', write: false, logLevel: 'silent',
    plugins: mutation === undefined ? [] : [{
      name: 'mutation',
      setup: ({ onLoad }) => onLoad({ filter: /njs\/core\/\w+\.ts$/ }, ({ path }) => {
        if (basename(path, '.ts') !== mutation.file) return undefined
        return { contents: replaceOnce(readFileSync(path, 'utf8'), mutation), loader: 'ts' }
      })
    }]
  })
  return await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0]?.contents ?? '').toString('base64')}`) as Core
}

function replaceOnce(text: string, { id, file, from, to }: Mutation): string {
  const pieces = text.split(from)
  if (pieces.length !== 2) throw new Error(`${id}: njs/core/${file}.ts has ${pieces.length - 1} times: ${from}`)
  return pieces.join(to)
}
