// Runs a server that cannot outlive this process: it is ended when stop() is called, and also when this process
// dies in any way (a failed test, Ctrl-C, SIGKILL).
import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { once } from 'node:events'

// The shell holds the far end of a pipe. When our end closes, for whatever reason, it ends the server by its pid.
const guard = `
remove=$1; signal=$2; shift 2
exec 3<&0
"$@" </dev/null 3<&- & server=$!
{ cat <&3 >/dev/null; kill -$signal $server; } 2>/dev/null & watcher=$!
wait $server; code=$?
kill $watcher 2>/dev/null
[ -z "$remove" ] || rm -rf "$remove"
exit $code`

export interface Guarded {
  /** Settles when the server has ended by itself or was stopped; its exit code. */
  exited: Promise<number>
  stop(): Promise<void>
}

export interface GuardedOptions {
  /** Standard output and error go to this file. */
  log: string
  cwd?: string
  /** A temporary folder to remove once the server has ended. */
  remove?: string
  /** How it is ended; default TERM. */
  signal?: 'TERM' | 'KILL'
}

export function startGuarded(command: readonly string[], { log, cwd, remove, signal = 'TERM' }: GuardedOptions): Guarded {
  const output = openSync(log, 'a')
  // detached: Ctrl-C in a terminal goes to us alone, so that the order of stopping is ours.
  const shell = spawn('sh', ['-c', guard, 'guard', remove ?? '', signal, ...command], { cwd, stdio: ['pipe', output, output], detached: true })
  closeSync(output)
  const exited = once(shell, 'exit').then(([code]) => (code as number | null) ?? 1)
  return {
    exited,
    async stop() {
      shell.stdin?.destroy()
      await exited
    },
  }
}
