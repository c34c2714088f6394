// What memcached evicts because it has no room, as it tells those who watch it.

import { connect, type Socket } from 'node:net'
import { readKey } from '../../node-writer/listing/key_text.js'
import type { LoadedPolicy } from '../../node-writer/policy/types.js'

/** A claim is `SKC1 ` and a token of 12 characters (node-writer/invalidation/claim.ts). */
const CLAIM_BYTES = 17

/** A vary marker is some digests, and every entry has a head and a body. */
const MARKER_BYTES = 500

export class Evictions {
  /** What it was, as far as key and size tell; a part of all, where memcached evicts more quickly than it can be told. */
  readonly seen: Record<string, number> = {}
  readonly #sockets = new Set<Socket>()

  constructor(private readonly policy: LoadedPolicy) {}

  /** Until that memcached ends. */
  watch(address: string): void {
    const [host = '', port] = address.split(':')
    const socket = connect(Number(port), host)
    let rest = ''
    this.#sockets.add(socket)
    socket.setEncoding('latin1').on('error', () => {}).on('close', () => this.#sockets.delete(socket)).on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() as string
      for (const line of lines) this.#take(line)
    })
    socket.write('watch evictions\r\n')
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /** `ts=… gid=… type=eviction key=… fetch=no ttl=… la=0 clsid=1 size=3000` */
  #take(line: string): void {
    const match = / type=eviction key=(\S+) .*\bsize=(\d+)/.exec(line)
    if (match === null) return
    const name = this.#nameOf(decodeURIComponent(match[1] as string), Number(match[2]))
    this.seen[name] = (this.seen[name] ?? 0) + 1
  }

  #nameOf(key: string, bytes: number): string {
    const role = readKey(key, this.policy)?.role
    switch (role) {
      case 'page': return bytes === CLAIM_BYTES ? 'claims' : bytes < MARKER_BYTES ? 'markers' : 'pages'
      case 'rule': return bytes === CLAIM_BYTES ? 'claims of rules' : 'rules'
      case 'second': return 'forms'
      case 'bans': return 'ban lists'
      case 'body': return 'bodies'
      case 'claim': return 'claims'
      case 'lease': return 'leases'
      default: return 'others'
    }
  }
}
