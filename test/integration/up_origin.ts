// A small app that says what it was asked, byte for byte.

import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { connect } from 'node:net'

/** Random, so that it is large when it is compressed too; the same each time, because two visitors may have it rendered at once. */
const LARGE_PAGE = `<p>${randomBytes(200_000).toString('hex')}`

export interface Seen {
  method: string
  target: string
  rawHeaders: string[]
  bytes: number
  sha256: string
}

export interface Origin {
  port: number
  seen: Seen[]
  /** Settles when a client of /slow has gone away. */
  aborted: Promise<void>
  /** Sends the second event of /events. */
  release(): void
  close(): Promise<void>
}

export async function startOrigin(port = 0): Promise<Origin> {
  const seen: Seen[] = []
  let renders = 0
  let release = (): void => {}
  const released = new Promise<void>((resolve) => (release = resolve))
  let abort = (): void => {}
  const aborted = new Promise<void>((resolve) => (abort = resolve))

  const server: Server = createServer({ keepAliveTimeout: 60_000 }, async (req: IncomingMessage, res: ServerResponse) => {
    const hash = createHash('sha256')
    let bytes = 0
    try {
      for await (const chunk of req as AsyncIterable<Buffer>) {
        hash.update(chunk)
        bytes += chunk.length
      }
    } catch {
      return
    }
    const record = { method: req.method as string, target: req.url as string, rawHeaders: req.rawHeaders, bytes, sha256: hash.digest('hex') }
    seen.push(record)
    if (record.target === '/events') {
      res.writeHead(200, { 'Content-Type': 'text/event-stream' })
      res.flushHeaders()
      await released
      res.end('data: 1\n\n')
    } else if (record.target === '/slow') {
      res.once('close', abort)
    } else if (record.target === '/half') {
      res.writeHead(200, { 'Content-Type': 'text/html', 'Cache-Control': 'max-age=60', 'Content-Length': '1000' })
      res.write('half', () => res.socket?.destroy())
    } else if (record.target === '/more-than-announced') {
      res.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': '3' })
      res.end('onetwo')
    } else if (record.target === '/repeated') {
      res.setHeader('X-Repeated', ['one', 'two'])
      res.setHeader('Set-Cookie', ['a=1', 'b=2'])
      res.end('repeated')
    } else if (record.target === '/plain') {
      // Nothing that an HTTP library would add by itself.
      res.sendDate = false
      res.writeHead(200, ['Content-Length', '2', 'x-lower-CASE', 'kept'])
      res.end('ok')
    } else if (record.target === '/large') {
      res.writeHead(200, { 'Content-Type': 'text/html', 'Cache-Control': 'max-age=60' })
      res.end(LARGE_PAGE)
    } else {
      renders++
      res.setHeader('Content-Type', 'text/html')
      res.setHeader('Cache-Control', 'max-age=60')
      res.end(`<p>render ${renders} of ${record.target}`)
    }
  })
  server.on('upgrade', (req, socket: Socket, head: Buffer) => {
    seen.push({ method: req.method as string, target: req.url as string, rawHeaders: req.rawHeaders, bytes: 0, sha256: '' })
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-Repeated: one\r\nX-Repeated: two\r\n\r\n')
    socket.write(head)
    socket.pipe(socket)
    socket.on('error', () => socket.destroy())
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    aborted,
    release,
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    }
  }
}

/** Sends bytes and collects what comes back until it contains `until`. */
export function converse(port: number, bytes: string): { read(until: string): Promise<string>; write(bytes: string): void; end(): void } {
  const socket = connect(port, '127.0.0.1', () => socket.write(bytes, 'latin1'))
  let text = ''
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
  socket.on('error', () => {})
  return {
    async read(part) {
      while (!text.includes(part)) {
        if (socket.readableEnded || socket.destroyed) throw new Error(`the connection ended before ${JSON.stringify(part)}; so far: ${JSON.stringify(text)}`)
        await Promise.race([once(socket, 'data'), once(socket, 'close'), once(socket, 'end')])
      }
      return text
    },
    write: (more) => void socket.write(more, 'latin1'),
    end: () => socket.destroy()
  }
}
