// Runs `samekey up` as a person would, in a temporary folder of its own, and tells what it wrote and what it left.

import { mkdtempSync, mkdirSync, readdirSync, readFileSync, rmSync, existsSync, chmodSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startGuarded } from '../support/guarded.js'
import { until } from '../support/until.js'

const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))

export interface Up {
  /** The lines of standard output so far. */
  out(): string[]
  err(): string
  /** The port in `ready URL`; waits for it. */
  ready(): Promise<number>
  pid(): Promise<number>
  /** Every process that it has started, and those that they have. */
  descendants(): Promise<number[]>
  exited: Promise<number>
  /** What is in its temporary folder. */
  files(): string[]
  stop(): Promise<void>
}

export interface UpProcessOptions {
  env?: Record<string, string>
  /** Put before the command: another user, say. */
  before?: string[]
  /** What the current folder has as samekey.json. */
  cwd?: string
}

export function startUp(args: string[], { env = {}, before = [], cwd }: UpProcessOptions = {}): Up {
  const folder = mkdtempSync(join(tmpdir(), 'samekey-up-test-'))
  const temporary = join(folder, 'tmp')
  mkdirSync(temporary)
  chmodSync(folder, 0o755)
  chmodSync(temporary, 0o1777)
  const [log, errors] = [join(folder, 'out'), join(folder, 'err')]
  // The first line is the pid that `exec` hands on.
  const script = 'errors=$1; shift; exec 2>"$errors"; echo $$; exec "$@"'
  const assignments = Object.entries({ TMPDIR: temporary, ...env }).map(([name, value]) => `${name}=${value}`)
  const command = ['sh', '-c', script, 'sh', errors, 'env', ...assignments, ...before, process.execPath, cli, 'up', ...args]
  const guarded = startGuarded(command, { log, ...(cwd === undefined ? {} : { cwd }) })
  const read = (file: string): string => (existsSync(file) ? readFileSync(file, 'utf8') : '')
  const out = (): string[] => read(log).split('\n').slice(1).filter((line) => line !== '')
  const describe = (): string => `stdout: ${read(log)}\nstderr: ${read(errors)}`
  const pid = (): Promise<number> => until('the pid', async () => Number(read(log).split('\n')[0]) || undefined)
  return {
    out,
    err: () => read(errors),
    pid,
    async ready() {
      try {
        const match = await until('ready', async () => /^ready http:\/\/[^ ]+:(\d+)$/.exec(out()[0] ?? '') ?? /"url":"http:\/\/[^"]+:(\d+)"/.exec(out()[0] ?? '') ?? undefined, { unless: guarded.exited })
        return Number(match[1])
      } catch (error) {
        throw new Error(`${(error as Error).message}\n${describe()}`)
      }
    },
    descendants: async () => descendantsOf(await pid()),
    exited: guarded.exited,
    files: () => readdirSync(temporary),
    async stop() {
      await guarded.stop()
      rmSync(folder, { recursive: true, force: true })
    }
  }
}

/** From proc(5): the fourth field of stat, after the name in parentheses, is the parent. */
function descendantsOf(pid: number): number[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc').filter((each) => /^\d+$/.test(each))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]))
    } catch {
      // It has just ended.
    }
  }
  const found = [pid]
  for (const parent of found) for (const [child, its] of parents) if (its === parent) found.push(child)
  return found.slice(1)
}

/** A zombie that nobody has waited for yet is over too. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z'
  } catch {
    return false
  }
}

export function nameOf(pid: number): string {
  return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
}
