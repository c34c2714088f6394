// The app process as one file, so that it starts at once, and with one part of the writer replaced if a run is to show
// that it can fail. Nothing on disk changes but in the given folder.

import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { OracleOptions } from './oracle_run.js'

/** A mistake that someone could make: one text of one file. */
export interface Break {
  id: string
  because: string
  /** Relative to the repository; 'njs' for the built njs module. */
  file: string
  /** Stands exactly once in the file. */
  from: string
  to: string
  /** The run in which it shows. */
  run?: Partial<Pick<OracleOptions, 'reads' | 'purges' | 'accidents' | 'kinds'>>
}

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Returns the path of the file. Throws when the text to replace does not stand in its file exactly once. */
export async function bundleApp(folder: string, broken?: Break): Promise<string> {
  const outfile = join(folder, 'app.cjs')
  await build({
    entryPoints: [join(root, 'test/stress/app.ts')],
    bundle: true, platform: 'node', target: 'node20', format: 'cjs', mainFields: ['module', 'main'], outfile, sourcemap: 'inline', logLevel: 'error',
    plugins: [{
      name: 'break',
      setup: ({ onLoad }) => onLoad({ filter: /node-writer\/.*\.ts$|njs\/core\/.*\.ts$/ }, ({ path }) => {
        if (relative(root, path) !== broken?.file) return undefined
        return { contents: replaceOnce(readFileSync(path, 'utf8'), broken), loader: 'ts' }
      })
    }]
  })
  return outfile
}

export function replaceOnce(text: string, { id, file, from, to }: Break): string {
  const pieces = text.split(from)
  if (pieces.length !== 2) throw new Error(`${id}: ${file} has ${pieces.length - 1} times: ${from}`)
  return pieces.join(to)
}
