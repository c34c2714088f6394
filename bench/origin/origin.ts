// The app as a process of its own, so that its CPU is counted apart from the load's.
import { fileURLToPath } from 'node:url'
import getPort from 'get-port'
import type { Folder } from '../machine/folder.js'
import { listenersOf } from '../machine/processes.js'
import type { PurgeRequest } from '../../node-writer/purge_request.js'
import type { AppOptions } from './app.js'

export interface Origin {
  port: number
  /** 'host:port' */
  address: string
  pids: number[]
  /** How many pages it has rendered so far. */
  renders(): Promise<number>
  purge(request: PurgeRequest): Promise<void>
}

export async function startOrigin(folder: Folder, options: Omit<AppOptions, 'port'> = {}): Promise<Origin> {
  const port = await getPort()
  const script = fileURLToPath(new URL('app.ts', import.meta.url))
  await folder.start(`app-${port}`, [process.execPath, '--import', import.meta.resolve('tsx'), script, JSON.stringify({ ...options, port })], port)
  const address = `127.0.0.1:${port}`
  const ask = async (path: string, init?: RequestInit) => Number(await (await succeed(fetch(`http://${address}${path}`, init))).json())
  return {
    port, address, pids: listenersOf(port),
    renders: () => ask('/-/renders'),
    purge: async (request) => { await ask('/-/purge', { method: 'POST', body: JSON.stringify(request), headers: { 'Content-Type': 'application/json' } }) }
  }
}

async function succeed(asked: Promise<Response>): Promise<Response> {
  const answer = await asked
  if (!answer.ok) throw new Error(`${answer.url}: status ${answer.status}: ${await answer.text()}`)
  return answer
}
