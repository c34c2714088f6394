// A way to a server that can be shut: the server is away then, and still has all that it had.

import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** How a server is away: connections are closed, or nothing that is sent arrives. */
export type Shut = 'closed' | 'silent'

export interface Gate {
  /** '127.0.0.1:port' */
  address: string
  shut(how: Shut): void
  /** Connections that were silent stay so; new ones arrive. */
  open(): void
  stop(): Promise<void>
}

/** In front of a port of loopback; open at first. */
export async function startGate(port: number): Promise<Gate> {
  let state: Shut | 'open' = 'open'
  const sockets = new Set<Socket>()
  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  }
  const server = createServer((client) => {
    keep(client)
    if (state === 'closed') client.destroy()
    if (state === 'silent') client.resume()
    if (state !== 'open') return
    const backend = connect(port, '127.0.0.1')
    keep(backend)
    client.pipe(backend).pipe(client)
    client.on('close', () => backend.destroy())
    backend.on('close', () => client.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    shut(how) {
      state = how
      for (const socket of sockets) {
        if (how === 'closed') socket.destroy()
        else socket.unpipe().resume()
      }
    },
    open() {
      state = 'open'
    },
    async stop() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    }
  }
}
