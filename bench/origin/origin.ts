// The app as a process of its own, so that its CPU is counted apart from the load's.
import { fileURLToPath } from 'node:url'
import getPort from 'get-port'
import type { Folder } from '../machine/folder.js'
import { listenersOf } from '../machine/processes.js'
import type { AppOptions } from './app.js'

export interface Origin {
  port: number
  /** 'host:port' */
  address: string
  pids: number[]
  /** How many pages it has rendered so far. */
  renders(): Promise<number>
  /** Deletes pages from the cache and returns how many there were. */
  purge(urls: readonly string[]): Promise<number>
}

export async function startOrigin(folder: Folder, options: Omit<AppOptions, 'port'> = {}): Promise<Origin> {
  const port = await getPort()
  const script = fileURLToPath(new URL('app.ts', import.meta.url))
  await folder.start(`app-${port}`, [process.execPath, '--import', import.meta.resolve('tsx'), script, JSON.stringify({ ...options, port })], port)
  const address = `127.0.0.1:${port}`
  const ask = async (path: string, init?: RequestInit) => Number(await (await fetch(`http://${address}${path}`, init)).json())
  return {
    port, address, pids: listenersOf(port),
    renders: () => ask('/-/renders'),
    purge: (urls) => ask('/-/purge', { method: 'POST', body: JSON.stringify(urls), headers: { 'Content-Type': 'application/json' } })
  }
}
