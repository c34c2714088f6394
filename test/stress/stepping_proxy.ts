// A memcached whose every command waits until it is let go. The writers (memjs, binary protocol) and Nginx (text protocol)
// connect to it as to any memcached, each client by a port of its own; behind it are two real servers, one with the ban
// list and one with everything else. Commands of one client on different keys may overtake each other, as they do when
// the keys lie on different servers; memjs tells answers by their number.

import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

export type Verb = 'get' | 'set' | 'add' | 'delete' | 'delete quietly' | 'other'

export interface Command {
  client: string
  verb: Verb
  key: string
  /** Lets it go; settles when its answer is on the way to the client. */
  release(): Promise<void>
}

export interface Backends {
  /** Ports. */
  bans: number
  pages: number
}

const VERBS: Record<number, Verb> = { 0x00: 'get', 0x01: 'set', 0x02: 'add', 0x04: 'delete', 0x14: 'delete quietly' }

export class SteppingProxy {
  /** In the order in which they came. */
  readonly held: Command[] = []
  readonly #servers: Server[] = []
  readonly #sockets = new Set<Socket>()

  /** `holds` decides when a command comes; `changed` is called when one is held. */
  constructor(private readonly backends: Backends, private readonly holds: (command: Command) => boolean, private readonly changed: () => void) {}

  /** A port for one client. */
  async portFor(client: string): Promise<number> {
    const server = createServer({ noDelay: true }, (socket) => this.#serve(client, socket))
    this.#servers.push(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }

  /** Every connection breaks, as when memcached starts anew. What was held never happens. */
  breakConnections(): void {
    this.held.length = 0
    for (const socket of this.#sockets) socket.destroy()
  }

  close(): void {
    for (const server of this.#servers) server.close()
    this.breakConnections()
  }

  #serve(client: string, socket: Socket): void {
    const backends = new Map<number, Backend>()
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#sockets.delete(socket)
      for (const backend of backends.values()) backend.close()
    })
    let received = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      for (let request = firstRequest(received); request !== undefined; request = firstRequest(received)) {
        received = received.subarray(request.bytes.length)
        this.#take(client, socket, backends, request)
      }
    })
  }

  #take(client: string, socket: Socket, backends: Map<number, Backend>, { verb, key, bytes }: Request): void {
    // Of a lease, which is gone already, and without an answer.
    if (verb === 'delete quietly') return
    const port = key.endsWith('#bans') ? this.backends.bans : this.backends.pages
    const backend = backends.get(port) ?? new Backend(port)
    backends.set(port, backend)
    const command: Command = {
      client, verb, key,
      release: async () => {
        const index = this.held.indexOf(command)
        if (index >= 0) this.held.splice(index, 1)
        const answer = await backend.ask(bytes)
        if (verb === 'add' && isLease(key)) await backend.ask(deletion(key))
        if (!socket.destroyed) socket.write(answer)
      }
    }
    if (!isLease(key) && this.holds(command)) {
      this.held.push(command)
      this.changed()
    } else void command.release()
  }
}

/** Leases only save work, and here everybody is to render: a lease is evicted as soon as it is there. */
function isLease(key: string): boolean {
  return key.endsWith('#l')
}

// ------------------------------------------------------------------------------------------------------------ protocols

interface Request { verb: Verb; key: string; bytes: Buffer }

const BINARY_REQUEST = 0x80
const BINARY_RESPONSE = 0x81

/** undefined while more is to come. */
function firstRequest(bytes: Buffer): Request | undefined {
  if (bytes[0] !== BINARY_REQUEST) {
    // Nginx only looks up.
    const end = bytes.indexOf('\r\n')
    return end < 0 ? undefined : { verb: 'get', key: bytes.toString('latin1', 4, end), bytes: bytes.subarray(0, end + 2) }
  }
  if (bytes.length < 24) return undefined
  const length = 24 + bytes.readUInt32BE(8)
  if (bytes.length < length) return undefined
  const keyAt = 24 + bytes.readUInt8(4)
  return { verb: VERBS[bytes.readUInt8(1)] ?? 'other', key: bytes.toString('latin1', keyAt, keyAt + bytes.readUInt16BE(2)), bytes: bytes.subarray(0, length) }
}

function deletion(key: string): Buffer {
  const bytes = Buffer.alloc(24 + key.length)
  bytes.writeUInt8(BINARY_REQUEST, 0)
  bytes.writeUInt8(0x04, 1)
  bytes.writeUInt16BE(key.length, 2)
  bytes.writeUInt32BE(key.length, 8)
  bytes.write(key, 24, 'latin1')
  return bytes
}

function responseLength(bytes: Buffer): number | undefined {
  if (bytes[0] === BINARY_RESPONSE) return bytes.length < 24 ? undefined : 24 + bytes.readUInt32BE(8)
  const end = bytes.indexOf('\r\n')
  if (end < 0) return undefined
  const value = /^VALUE \S+ \d+ (\d+)/.exec(bytes.toString('latin1', 0, end))?.[1]
  return value === undefined ? end + 2 : end + 2 + Number(value) + '\r\nEND\r\n'.length
}

/** A connection to a real memcached: answers come in the order of the questions. */
class Backend {
  readonly #socket: Socket
  readonly #waiting: ((answer: Buffer) => void)[] = []
  #received = Buffer.alloc(0)

  constructor(port: number) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.#socket.on('error', () => {})
    this.#socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk])
      for (;;) {
        const length = responseLength(this.#received)
        if (length === undefined || this.#received.length < length) return
        this.#waiting.shift()?.(this.#received.subarray(0, length))
        this.#received = this.#received.subarray(length)
      }
    })
  }

  ask(bytes: Buffer): Promise<Buffer> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.#socket.write(bytes)
    })
  }

  close(): void {
    this.#socket.destroy()
  }
}
