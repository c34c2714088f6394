// CPU time as the kernel counts it, user and system together. Sums over threads, so that servers with many are counted
// like those with one.
import { readdirSync, readFileSync } from 'node:fs'

/** Nanoseconds of CPU that the processes have used since they began; what they used as parents of others is not in it. */
export function cpuNanoseconds(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + threadsOf(pid).reduce((own, thread) => own + timeOnCpu(`/proc/${pid}/task/${thread}/schedstat`), 0), 0)
}

function threadsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`)
}

/** The clock that utime and stime of /proc/PID/stat are made from, before they are cut to hundredths of a second. */
function timeOnCpu(path: string): number {
  return Number(readFileSync(path, 'utf8').split(' ')[0])
}

/** The processes that a process has started and that are still there. */
export function childrenOf(parent: number): number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => parentOf(pid) === parent)
}

function parentOf(pid: number): number {
  try {
    // The name stands in brackets and may contain anything.
    return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ')[1])
  } catch {
    return -1
  }
}
