// Everything that `samekey up` runs in front of an app, started in the order in which each needs the other, and ended
// in the opposite order: memcached, the writer as a sidecar, Nginx.

import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeNginxFiles } from '../nginx/generate.js'
import type { LoadedPolicy } from '../node-writer/policy/types.js'
import type { PurgeHttpOptions } from '../node-writer/purge_http.js'
import { type Sidecar, startSidecar } from '../node-writer/sidecar.js'
import { type AccessRecord, openAccessLog } from './access_log.js'
import { type Child, startChild } from './child.js'
import { CliError } from './io.js'
import { answers, claimPort, until } from './ports.js'
import type { Programs } from './programs.js'

export interface StackOptions {
  origin: URL
  listen: { host: string; port: number }
  policy: LoadedPolicy
  programs: Programs
  /** `host:port[=weight],…`; undefined to run one. */
  memcached?: string
  engine: 'njs' | 'qjs'
  originHost?: string
  /** Purges over HTTP. */
  purge?: PurgeHttpOptions
  /** Told each request that Nginx has answered; without it nothing is logged. */
  onRecord?: (record: AccessRecord) => void
  onNginxError: (line: string) => void
  onOriginChange: (error: Error | null) => void
  /** Settles when starting is to be given up. */
  interrupted: Promise<unknown>
}

export interface Stack {
  /** Where visitors come in. */
  url: string
  memcached: string
  sidecar: Sidecar
  /** Settles with a message when one of the servers has ended by itself. */
  failed: Promise<string>
  stop(): Promise<void>
}

const START_MS = 20_000

export async function startStack(options: StackOptions): Promise<Stack> {
  const closers: (() => Promise<void> | void)[] = []
  const children: Child[] = []
  const folder = makeFolder()
  closers.push(() => rmSync(folder, { recursive: true, force: true }))

  // process.exit, an uncaught error: nothing can be awaited any more.
  const kill = (): void => {
    for (const child of children) child.kill()
    rmSync(folder, { recursive: true, force: true })
  }
  process.once('exit', kill)

  let stopping = false
  const stop = async (): Promise<void> => {
    stopping = true
    for (const close of closers.splice(0).reverse()) await close()
    process.off('exit', kill)
  }
  const run = (name: string, command: string, args: string[], onLine?: (line: string) => void): Child => {
    const child = startChild(name, command, args, { folder, ...(onLine === undefined ? {} : { onLine }) })
    children.push(child)
    closers.push(() => child.stop())
    return child
  }

  try {
    const port = await claimPort(options.listen.host, options.listen.port)

    let memcached = options.memcached
    if (memcached === undefined) {
      const memcachedPort = await claimPort('127.0.0.1', 0)
      memcached = `127.0.0.1:${memcachedPort}`
      const child = run('memcached', options.programs.memcached, memcachedArguments(memcachedPort))
      if (!(await until(() => answers('127.0.0.1', memcachedPort), Promise.race([child.ended, options.interrupted]), START_MS))) throw await startFailure(child)
    }

    const readyTarget = `/samekey-ready-${randomBytes(16).toString('hex')}`
    const { origin, policy, originHost, purge, onOriginChange } = options
    const sidecar = await startSidecar({ origin, policy, memcached, readyTarget, onOriginChange, ...(originHost === undefined ? {} : { originHost }), ...(purge && { purge }) })
    closers.push(() => sidecar.close())

    const { onRecord } = options
    const log = onRecord && (await openAccessLog((record) => record.uri !== readyTarget && onRecord(record)))
    if (log) closers.push(() => log.close())

    writeNginxFiles(folder, {
      policy,
      directory: folder,
      app: `127.0.0.1:${sidecar.port}`,
      memcached: memcached.split(','),
      listen: `${options.listen.host}:${port}`,
      engine: options.engine,
      modulePath: options.programs.njsModule,
      accessLog: log?.destination ?? 'off',
      errorLog: 'stderr'
    })
    // -e: what comes before the configuration is read; the compiled-in file may be root's.
    const nginx = run('nginx', options.programs.nginx, ['-e', 'stderr', '-p', folder, '-c', join(folder, 'nginx.conf')], options.onNginxError)
    const host = reachableHost(options.listen.host)
    if (!(await until(() => isReady(host, port, readyTarget), Promise.race([nginx.ended, options.interrupted]), START_MS))) throw await startFailure(nginx)

    const failed = Promise.race(children.map(async (child) => `${child.name} ended unexpectedly (${await child.ended})${lastLines(child)}`))
    return {
      url: `http://${host}:${port}`,
      memcached,
      sidecar,
      failed: failed.then((message) => (stopping ? new Promise<never>(() => {}) : message)),
      stop
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** As root, Nginx's workers run as another user, who must be able to reach their own folders in it. */
export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'samekey-'))
  if (process.getuid?.() === 0) chmodSync(folder, 0o711)
  return folder
}

function memcachedArguments(port: number): string[] {
  // memcached refuses to run as root without being told as whom.
  const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
  // Loopback only and no UDP; as many connections as a burst of visitors makes Nginx open, and as many waiting; 256 MB.
  return ['-l', '127.0.0.1', '-p', String(port), '-U', '0', '-c', '4096', '-b', '4096', '-m', '256', ...user]
}

/** One real request: Nginx, the key function, memcached and the sidecar have all had their part in the answer. */
function isReady(host: string, port: number, target: string): Promise<boolean> {
  return new Promise((resolve) => {
    const req = request({ host: host.replace(/^\[(.*)\]$/, '$1'), port, path: target, agent: false, timeout: 2000 }, (res) => {
      res.resume()
      resolve(res.statusCode === 204 && String(res.headers['cache-status']).startsWith('samekey; fwd='))
    })
    req.on('timeout', () => req.destroy())
    req.on('error', () => resolve(false))
    req.end()
  })
}

/** A wildcard is no address that one can visit. */
function reachableHost(host: string): string {
  return host === '0.0.0.0' ? '127.0.0.1' : host === '[::]' ? '[::1]' : host
}

async function startFailure(child: Child): Promise<CliError> {
  const how = await Promise.race([child.ended, new Promise<undefined>((resolve) => setTimeout(resolve, 0, undefined))])
  return new CliError(`${child.name} did not start (${how ?? `no answer within ${START_MS / 1000} s`})${lastLines(child)}`)
}

function lastLines(child: Child): string {
  const lines = child.lastLines()
  return lines.length === 0 ? '' : `; its last lines:\n  ${lines.join('\n  ')}`
}
