// What the kernel knows about processes: who they are, the CPU time they used, the memory they hold.
import { openSync, readdirSync, readFileSync, readlinkSync, readSync } from 'node:fs'

/** Nanoseconds of CPU, user and system together, that the processes have used since they began, in all of their threads. */
export function cpuNanoseconds(pids: readonly number[]): number {
  return sum(pids, (pid) => sum(readdirSync(`/proc/${pid}/task`), (thread) => timeOnCpu(`/proc/${pid}/task/${thread}/schedstat`)))
}

/** The same, of the thread that a process began with: in Node the one that runs JavaScript. */
export function mainThreadNanoseconds(pids: readonly number[]): number {
  return sum(pids, (pid) => timeOnCpu(`/proc/${pid}/task/${pid}/schedstat`))
}

const own = { file: -1, text: Buffer.alloc(64) }

/** Milliseconds of CPU that the calling thread, the first of this process, has used; a look costs some 4 microseconds. */
export function ownThreadMilliseconds(): number {
  if (own.file < 0) own.file = openSync('/proc/thread-self/schedstat', 'r')
  // What the file says is as old as the last look of the scheduler, which getrusage makes it take.
  process.cpuUsage()
  return Number(own.text.toString('latin1', 0, readSync(own.file, own.text, 0, own.text.length, 0)).split(' ')[0]) / 1e6
}

/** The clock that utime and stime of /proc/PID/stat are made from, before they are cut to hundredths of a second. */
function timeOnCpu(path: string): number {
  return Number(readFileSync(path, 'utf8').split(' ')[0])
}

/** Bytes in memory; a page that processes share counts in each. */
export function residentBytes(pids: readonly number[]): number {
  return sum(pids, (pid) => Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024)
}

export function childrenOf(parent: number): number[] {
  return allPids().filter((pid) => parentOf(pid) === parent)
}

/** '' when it has ended meanwhile. */
export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

function parentOf(pid: number): number {
  try {
    // The name stands in brackets and may contain anything.
    return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ')[1])
  } catch {
    return -1
  }
}

/** The processes that hold the socket which listens on this loopback port. */
export function listenersOf(port: number): number[] {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const listening = readFileSync('/proc/net/tcp', 'utf8').split('\n').map((line) => line.trim().split(/\s+/)).filter((cells) => cells[1] === local && cells[3] === '0A')
  const sockets = new Set(listening.map((cells) => `socket:[${cells[9]}]`))
  return allPids().filter((pid) => descriptorsOf(pid).some((file) => sockets.has(file)))
}

function descriptorsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((name) => readlinkSync(`/proc/${pid}/fd/${name}`))
  } catch {
    // Gone, or somebody else's.
    return []
  }
}

function allPids(): number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number)
}

function sum<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((total, item) => total + of(item), 0)
}
