// memjs's connection, but for the way out: what one turn of the event loop asks for is sent in one system call, and values
// from where they are.

import type { Socket } from 'node:net'
import { Server } from 'memjs'

export class GatheringServer extends Server {
  #gathering: Socket | undefined

  /** `parts` as memcached_command.ts makes them; Client.perform hands them on untouched. */
  override write(parts: Uint8Array | string): void {
    // Connects first. memjs's times for answers are left out: connection.ts has its own.
    this.sock(false, (socket) => {
      if (socket !== this.#gathering) this.#gather(socket)
      for (const part of parts as unknown as Buffer[]) socket.write(part)
    })
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
