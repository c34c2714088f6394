// The refresh of a page that a visitor has already been served: he, and his connection, must not wait for it. So it is a
// request of its own to the same app, like the one that it repeats, but from nobody: what it is answered with goes nowhere.

import { EventEmitter } from 'node:events'
import { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { Lead } from './invalidation/lease.js'

const leads = new WeakMap<IncomingMessage, Lead>()

/** The lead of a detached request, once; undefined for a request of Nginx's. */
export function takeLead(req: IncomingMessage): Lead | undefined {
  const lead = leads.get(req)
  leads.delete(req)
  return lead
}

/** Whether there is a server that the request can be repeated to: not under HTTP/2, nor for a request that was made up. */
export function canRepeat(req: IncomingMessage): boolean {
  return serverOf(req) !== undefined
}

/** Asks the app again; the middleware sees that request come, with its lead. */
export function repeatDetached(req: IncomingMessage & { originalUrl?: string }, lead: Lead): void {
  const socket = new Nowhere(req.socket) as unknown as Socket
  const again = new IncomingMessage(socket)
  again.method = req.method as string
  // Express and Connect cut `url` at the mount point.
  again.url = req.originalUrl ?? (req.url as string)
  again.httpVersion = '1.1'
  again.httpVersionMajor = 1
  again.httpVersionMinor = 1
  again.rawHeaders = req.rawHeaders.slice()
  again.headers = { ...req.headers }
  again.headersDistinct = { ...req.headersDistinct }
  again.complete = true
  again.push(null)
  leads.set(again, lead)

  const res = new ServerResponse(again)
  res.assignSocket(socket)
  res.once('finish', () => {
    socket.destroy()
    // Middleware before the page cache may have answered.
    void takeLead(again)?.end('gone')
  })
  serverOf(req)?.emit('request', again, res)
}

/** @types/node does not know it; net.Server sets it on each of its connections. */
function serverOf(req: IncomingMessage): EventEmitter | undefined {
  const { server } = (req.socket ?? {}) as { server?: unknown }
  return server instanceof EventEmitter && server.listenerCount('request') > 0 ? server : undefined
}

/** To the app it comes from where the first request came from: frameworks trust a proxy by its address. */
class Nowhere extends Duplex {
  readonly remoteAddress: string | undefined
  readonly remotePort: number | undefined
  readonly remoteFamily: string | undefined
  readonly localAddress: string | undefined
  readonly localPort: number | undefined
  readonly encrypted: boolean

  constructor(like: Socket) {
    super()
    this.remoteAddress = like.remoteAddress
    this.remotePort = like.remotePort
    this.remoteFamily = like.remoteFamily
    this.localAddress = like.localAddress
    this.localPort = like.localPort
    this.encrypted = 'encrypted' in like && like.encrypted === true
  }

  override _read(): void {}

  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done()
  }

  setTimeout(): this {
    return this
  }

  setKeepAlive(): this {
    return this
  }

  setNoDelay(): this {
    return this
  }

  address(): object {
    return { address: this.localAddress, port: this.localPort }
  }

  destroySoon(): void {
    this.destroy()
  }
}
