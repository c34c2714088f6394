// Ports: whether one is free, who has it if not, and a free one.

import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { CliError } from './io.js'

/** Resolves to the port, a free one for 0. Throws a CliError that says why it cannot be had. */
export async function claimPort(host: string, port: number): Promise<number> {
  if (port !== 0) return bindOnce(host, port)
  // Below the range from which the kernel gives ports to outgoing connections (Linux: from 32768): one of those could
  // take a port from there between now and the moment when Nginx listens.
  for (let attempts = 0; attempts < 64; attempts++) {
    const claimed = await bindOnce(host, randomInt(15_000, 32_768)).catch(() => 0)
    if (claimed !== 0) return claimed
  }
  return bindOnce(host, 0)
}

async function bindOnce(host: string, port: number): Promise<number> {
  const server = createServer()
  try {
    server.listen({ host: host.replace(/^\[(.*)\]$/, '$1'), port })
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  } catch (error) {
    throw new CliError(whyNot(error as NodeJS.ErrnoException, host, port))
  } finally {
    server.close()
  }
}

function whyNot(error: NodeJS.ErrnoException, host: string, port: number): string {
  const address = `${host}:${port}`
  if (error.code === 'EADDRINUSE') {
    const owner = portOwner(port)
    return `port ${port} is in use${owner === undefined ? '' : ` by ${owner}`}; choose another with --listen HOST:PORT (EADDRINUSE ${address})`
  }
  if (error.code === 'EACCES') return `port ${port} needs root, as all below 1024 do; choose another with --listen HOST:PORT (EACCES ${address})`
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND') return `${host} is no address of this machine (${error.code})`
  return `cannot listen on ${address}: ${error.message}`
}

const LISTEN = '0A'

/** 'name (pid 123)' of what listens on a TCP port, where proc(5) shows it to us. */
export function portOwner(port: number): string | undefined {
  const suffix = ':' + port.toString(16).toUpperCase().padStart(4, '0')
  const sockets = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) => {
    const rows = attempt(() => readFileSync(file, 'utf8').trim().split('\n').slice(1)) ?? []
    return rows.map((row) => row.trim().split(/\s+/)).filter((row) => row[1]?.endsWith(suffix) && row[3] === LISTEN).map((row) => `socket:[${row[9]}]`)
  })
  if (sockets.length === 0) return undefined
  const pids = (attempt(() => readdirSync('/proc')) ?? []).filter((name) => /^[0-9]+$/.test(name))
  const pid = pids.find((each) => (attempt(() => readdirSync(`/proc/${each}/fd`)) ?? []).some((fd) => sockets.includes(attempt(() => readlinkSync(`/proc/${each}/fd/${fd}`)) ?? '')))
  return pid === undefined ? undefined : `${attempt(() => readFileSync(`/proc/${pid}/comm`, 'utf8').trim()) ?? 'a process'} (pid ${pid})`
}

/** Processes come and go, and most of /proc is for their owners only. */
function attempt<Answer>(read: () => Answer): Answer | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

/** Whether something answers there within a second. */
export async function answers(host: string, port: number): Promise<boolean> {
  const socket = connect({ host: host.replace(/^\[(.*)\]$/, '$1'), port })
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(1000) })
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/** Asks again, ever less often, until the answer is true; false when `end` settles or the time is over before that. */
export async function until(ask: () => Promise<boolean>, end: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  let over = false
  void end.finally(() => (over = true))
  const deadline = Date.now() + timeoutMs
  for (let wait = 5; !over && Date.now() < deadline; wait = Math.min(wait * 2, 100)) {
    if (await ask()) return true
    await Promise.race([pause(wait), end])
  }
  return false
}
