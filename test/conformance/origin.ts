// The suite's own server, on loopback and a free port: its launcher listens on every address, its handlers do not care.

import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Suite } from './suite.js'

export interface Origin {
  url: URL
  close(): Promise<void>
}

export async function startOrigin({ handlers }: Suite): Promise<Origin> {
  const server = createServer((req, res) => {
    const [, kind, ...rest] = new URL(req.url ?? '/', 'http://localhost').pathname.split('/')
    if (kind === 'config' || kind === 'test' || kind === 'state') handlers[kind](rest, req, res)
    else res.writeHead(404).end()
  })
  server.listen({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    }
  }
}
