// A server that this process runs and that never outlives it: it is ended on the orderly way, by the second Ctrl-C,
// and by a watcher when this process is killed.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

export interface Child {
  name: string
  /** Settles when it has ended, for whatever reason: 'exit code 1', 'signal SIGKILL', or why it never started. */
  ended: Promise<string>
  /** The last lines that it wrote, newest last. */
  lastLines(): string[]
  /** Asks it to end, and kills it when it has not within three seconds. */
  stop(): Promise<void>
  /** Ends it and all its processes at once. */
  kill(): void
}

const KEPT_LINES = 20
const STOP_MS = 3000

export interface ChildOptions {
  /** Where it runs; removed with it when this process is killed. */
  folder: string
  /** Told each line that it writes. */
  onLine?: (line: string) => void
}

export function startChild(name: string, command: string, args: string[], options: ChildOptions): Child {
  // A process group of its own: Ctrl-C in a terminal reaches us alone, and one signal reaches all of its processes.
  // The token of purges is the writer's.
  const { SAMEKEY_PURGE_TOKEN: _, ...env } = process.env
  const child = spawn(command, args, { env, cwd: options.folder, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const lines: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line)
      if (lines.length > KEPT_LINES) lines.shift()
      options.onLine?.(line)
    })
  }
  const watcher = child.pid === undefined ? undefined : watch(child.pid, options.folder)
  const killGroup = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    } catch {
      // Nobody of the group is left.
    }
  }
  // Workers whose master was killed still hold the port, and the pipes.
  child.once('exit', killGroup)
  const ended = waitForEnd(child).finally(() => watcher?.kill('SIGKILL'))
  return {
    name,
    ended,
    lastLines: () => [...lines],
    async stop() {
      child.kill('SIGTERM')
      const timer = setTimeout(killGroup, STOP_MS)
      await ended
      clearTimeout(timer)
    },
    kill: killGroup
  }
}

async function waitForEnd(child: ChildProcess): Promise<string> {
  try {
    // Its output is complete only at 'close'.
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
    return signal === null ? `exit code ${code}` : `signal ${signal}`
  } catch (error) {
    return (error as Error).message
  }
}

/** Holds the far end of a pipe: when ours closes because this process was killed, it kills the group. */
function watch(pid: number, folder: string): ChildProcess {
  const script = 'cat >/dev/null; kill -KILL -"$1"; rm -rf "$2"'
  const watcher = spawn('sh', ['-c', script, 'samekey-watcher', String(pid), folder], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  watcher.on('error', () => {})
  watcher.unref()
  return watcher
}
