// How long the writer holds the app's thread without a break. Measured in a process of its own, because what another
// program has left on the heap would be collected in the writer's turns.
import { fileURLToPath } from 'node:url'
import { execaNode } from 'execa'
import type { Folder } from '../machine/folder.js'

/** Milliseconds of CPU, medians over the pages. */
export interface LongestTurn {
  kilobytes: number
  compressed: boolean
  /** The callback in which the app answers. */
  without: number
  withWriter: number
  /** The longest of the other callbacks, until the page is stored. */
  afterwards: number
  /** What the writer does in one go: the longer of what it adds to the answer and of what it does afterwards. */
  added: number
}

export async function longestTurn(folder: Folder): Promise<LongestTurn[]> {
  const { address } = await folder.startMemcached()
  const script = fileURLToPath(new URL('../origin/turns.ts', import.meta.url))
  const { stdout } = await execaNode(script, [address], { nodeOptions: ['--import', import.meta.resolve('tsx')] })
  return JSON.parse(stdout) as LongestTurn[]
}
