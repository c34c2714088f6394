// Memory and CPU of Nginx's workers, read from /proc while they work.
import { readFile } from 'node:fs/promises'

export interface Workers {
  /** The most that each worker held in memory, in MB. */
  megabytes: number[]
  /** CPU of all workers since the watch began. */
  cpuSeconds: number
  stop(): Promise<void>
}

/** Linux counts CPU in 1/100 s for user space, whatever the kernel's own tick. */
const TICKS_PER_SECOND = 100

export async function watchWorkers(pidFile: string, everyMs = 250): Promise<Workers> {
  const master = (await readFile(pidFile, 'utf8')).trim()
  const pids = (await readFile(`/proc/${master}/task/${master}/children`, 'utf8')).trim().split(' ')
  const before = await cpuOf(pids)
  const workers: Workers = { megabytes: pids.map(() => 0), cpuSeconds: 0, stop }
  const timer = setInterval(() => void sample(), everyMs)

  async function sample(): Promise<void> {
    const now = await Promise.all(pids.map(residentMegabytes))
    workers.megabytes = workers.megabytes.map((most, index) => Math.max(most, now[index] as number))
    workers.cpuSeconds = (await cpuOf(pids)) - before
  }
  async function stop(): Promise<void> {
    clearInterval(timer)
    await sample()
  }
  return workers
}

async function residentMegabytes(pid: string): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024
}

async function cpuOf(pids: string[]): Promise<number> {
  const ticks = await Promise.all(pids.map(async (pid) => {
    // proc(5): after the name in brackets, utime and stime are the 12th and 13th field.
    const fields = (await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')).split(') ')[1]?.split(' ') ?? []
    return Number(fields[11] ?? 0) + Number(fields[12] ?? 0)
  }))
  return ticks.reduce((sum, each) => sum + each, 0) / TICKS_PER_SECOND
}
