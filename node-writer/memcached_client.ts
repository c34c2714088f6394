// memjs's connection and its parser, but for the way out: what one turn of the event loop asks for is sent in one system
// call, and values from where they are.

import type { Socket } from 'node:net'
import { type Response, Server } from 'memjs'

/** memjs's own timers never come: after a long turn they would give up what has been answered. connection.ts has others. */
const OPTIONS = { timeout: 24 * 60 * 60 }

export class MemcachedClient extends Server {
  #gathering: Socket | undefined
  #asked = 0

  /** `net` takes a path where it gets no number. */
  constructor(host: string, port: number | string) {
    super(host, port as number, '', '', OPTIONS)
  }

  /**
   * Connects first. `head`: the whole request but for its number and the value. `answered` is called once, or never on a
   * connection that is closed; without it nobody wants to know.
   */
  ask(head: Buffer, value: Buffer, answered?: (error: Error | null, response?: Response) => void): void {
    // Bytes 12 to 15 of the header: comes back with the answer.
    const number = this.#asked = (this.#asked + 1) >>> 0
    head.writeUInt32BE(number, 12)
    if (answered !== undefined) {
      this.onResponse(number, (response) => answered(null, response))
      this.onError(number, answered)
    }
    this.sock(false, (socket) => {
      if (socket !== this.#gathering) this.#gather(socket)
      socket.write(head)
      if (value.length > 0) socket.write(value)
    })
  }

  /** memjs opens it with the first request, and tells nobody when it closes. */
  get socket(): Socket | undefined {
    return (this as unknown as { _socket?: Socket })._socket
  }

  #gather(socket: Socket): void {
    this.#gathering = socket
    socket.cork()
    setImmediate(() => {
      if (this.#gathering === socket) this.#gathering = undefined
      socket.uncork()
    })
  }
}
