// The whole cache on one of the engines: Nginx as samekey generates it, memcached, the writer as a sidecar, and an app
// that the test can change and take away.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { writeNginxFiles } from '../../nginx/generate.js'
import { loadPolicy } from '../../node-writer/policy/load.js'
import type { PolicyDocument } from '../../node-writer/policy/types.js'
import { type Sidecar, startSidecar } from '../../node-writer/sidecar.js'
import type { Engine } from '../support/engines.js'
import { freePort } from '../support/free_port.js'
import { type RawResponse, sendRaw } from '../support/raw_http.js'
import { until } from '../support/until.js'
import { startLocalStack, type Stack } from './stack.js'

export interface CacheStack {
  stack: Stack
  sidecar: Sidecar
  /** What the app was asked, oldest first. */
  asked: IncomingMessage[]
  /** `fields`: lines without their line end. */
  send(target: string, fields?: string[], method?: string): Promise<RawResponse>
  /** Asks until Nginx answers with what is stored. */
  hit(target: string, fields?: string[]): Promise<RawResponse>
  /** Asks until Nginx does not call it fresh any more. */
  stale(target: string, fields?: string[]): Promise<RawResponse>
  /** Nobody listens where it was. */
  appAway(): Promise<void>
  stop(): Promise<void>
}

export const said = (response: RawResponse): string => response.header('cache-status') ?? ''

export interface CacheStackOptions {
  /** For how long the sidecar waits for the app. */
  originTimeoutMs?: number
  /** A folder for the front cache; none if not given. */
  frontCache?: string
}

type App = (req: IncomingMessage, res: ServerResponse) => void

export async function startCacheStack({ suite, engine }: Engine, document: PolicyDocument, app: App, options: CacheStackOptions = {}): Promise<CacheStack> {
  const policy = loadPolicy(document)
  const asked: IncomingMessage[] = []
  const server = createServer((req, res) => {
    asked.push(req)
    app(req, res)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const appAway = (): Promise<void> => {
    server.closeAllConnections()
    return new Promise((resolve) => void server.close(() => resolve()))
  }
  const sidecarPort = await freePort()
  const closers: (() => Promise<void>)[] = [appAway]
  const stop = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close()
  }
  try {
    const stack = await startLocalStack({
      suite, engine,
      configure: async ({ folder, listen, memcached, module }) => {
        const front = options.frontCache === undefined ? {} : { frontCache: options.frontCache, frontInner: `127.0.0.1:${await freePort()}` }
        writeNginxFiles(folder, { ...front, policy, directory: folder, app: `127.0.0.1:${sidecarPort}`, memcached, listen, engine, modulePath: module, workers: 1 })
      }
    })
    closers.push(() => stack.stop())
    const origin = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    const { originTimeoutMs } = options
    const listen = { host: '127.0.0.1', port: sidecarPort }
    const sidecar = await startSidecar({ origin, policy, memcached: stack.memcached[0] as string, listen, ...(originTimeoutMs === undefined ? {} : { originTimeoutMs }) })
    closers.push(() => sidecar.close())
    const send = (target: string, fields: string[] = [], method = 'GET') =>
      sendRaw(stack.port, [`${method} ${target} HTTP/1.1`, 'Host: site.test', 'Connection: close', ...fields, '', ''].join('\r\n'))
    const asking = (what: string, isIt: (status: string) => boolean) => (target: string, fields: string[] = []) => until(`${target} is ${what}`, async () => {
      const response = await send(target, fields)
      return isIt(said(response)) ? response : undefined
    })
    return {
      stack, sidecar, asked, send, appAway, stop,
      hit: asking('a hit', (status) => /^samekey; hit/.test(status)),
      stale: asking('stale', (status) => !/^samekey; (?:hit; ttl=[1-9]|fwd=uri-miss)/.test(status))
    }
  } catch (error) {
    await stop()
    throw error
  }
}
