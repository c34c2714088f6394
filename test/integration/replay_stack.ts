// Nginx as samekey generates it, with entries that the test writes itself into memcached, byte by byte, and an app that
// tells what it was asked: what is replayed then depends on nothing but Nginx and njs.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { formatBanList } from '../../njs/core/bans.js'
import type { EntryHead } from '../../njs/core/entry.js'
import { formatHead } from '../../njs/core/entry.js'
import { writeNginxFiles } from '../../nginx/generate.js'
import { resolveUrl } from '../../node-writer/key.js'
import { loadPolicy } from '../../node-writer/policy/load.js'
import type { LoadedPolicy, PolicyDocument } from '../../node-writer/policy/types.js'
import type { Engine } from '../support/engines.js'
import { sendRaw, type RawResponse } from '../support/raw_http.js'
import { startLocalStack, type Stack } from './stack.js'

export const HOST = 'site.test'

/** The clock of entries for which none is given, and the list of bans that has it. */
export const CLOCK = 'test.1'
export const BANS = formatBanList({ epoch: 'test', counter: 1, base: 0, markTime: 1, markCounter: 1, bans: [] })

export interface Entry extends Partial<Omit<EntryHead, 'bodyBytes'>> {
  body?: string | Buffer
  /** In an item of its own; 'lost': which is not there. */
  apart?: boolean | 'lost'
  /** Written under the page's key with this behind it. */
  suffix?: string
}

export interface ReplayStack {
  stack: Stack
  policy: LoadedPolicy
  /** What the app was asked, oldest first. */
  asked: IncomingMessage[]
  /** How the app answers from now on; by default 200 and `app`. */
  answer(listener: (req: IncomingMessage, res: ServerResponse) => void): void
  keyOf(target: string): string
  /** Memcached's own: any bytes under any key. */
  set(key: string, value: string | Buffer): Promise<void>
  put(target: string, entry: Entry): Promise<void>
  /** `fields`: lines without their line end. */
  get(target: string, fields?: string[], method?: string): Promise<RawResponse>
  appAway(): Promise<void>
  stop(): Promise<void>
}

export const now = () => Math.floor(Date.now() / 1000)

export async function startReplayStack({ suite, engine }: Engine, document: PolicyDocument = {}, showKeyTo: string[] = []): Promise<ReplayStack> {
  const policy = loadPolicy(document)
  const asked: IncomingMessage[] = []
  let listener = (_: IncomingMessage, res: ServerResponse): void => void res.end('app')
  const app: Server = createServer((req, res) => {
    asked.push(req)
    listener(req, res)
  }).listen(0, '127.0.0.1')
  await once(app, 'listening')
  const address = `127.0.0.1:${(app.address() as AddressInfo).port}`
  const closeApp = () => {
    app.closeAllConnections()
    return new Promise<void>((resolve) => void app.close(() => resolve()))
  }
  const stack = await startLocalStack({
    suite, engine,
    configure: ({ folder, listen, memcached, module }) => {
      writeNginxFiles(folder, { policy, directory: folder, app: address, memcached, listen, engine, modulePath: module, workers: 1, showKeyTo })
    }
  }).catch(async (error: unknown) => {
    await closeApp()
    throw error
  })

  const set = (key: string, value: string | Buffer) => setItem(stack.memcached[0] as string, key, Buffer.from(value as string, 'latin1'))
  const keyOf = (target: string) => resolveUrl(`http://${HOST}${target}`, policy).key
  return {
    stack, policy, asked, keyOf, set,
    answer: (next) => { listener = next },
    async put(target, { body = 'stored', apart = false, suffix = '', ...given }) {
      const bytes = Buffer.from(body as string, 'latin1')
      const bodyKey = given.bodyKey ?? (apart ? `${policy.keyHead}#b:${apart === 'lost' ? apart : `${keyOf(target).length}${target.length}`}` : '')
      const storedAt = given.storedAt ?? now()
      const freshUntil = given.freshUntil ?? storedAt + 60
      const head = formatHead({
        status: 200, initialAge: 0, refreshUntil: freshUntil, errorUntil: freshUntil, clock: CLOCK, rule: '', tags: [], headers: [['Content-Type', 'text/html']],
        ...given, storedAt, freshUntil, bodyBytes: bytes.length, bodyKey
      })
      // Memcached may have lost it since the last.
      if (given.clock === undefined) await set(`${policy.keyHead}#bans`, BANS)
      if (apart === true) await set(bodyKey, bytes)
      await set(keyOf(target) + suffix, apart ? head : Buffer.concat([Buffer.from(head, 'latin1'), bytes]))
    },
    get: (target, fields = [], method = 'GET') => sendRaw(stack.port, [`${method} ${target} HTTP/1.1`, `Host: ${HOST}`, ...fields, '', ''].join('\r\n')),
    appAway: closeApp,
    async stop() {
      await stack.stop()
      await closeApp()
    }
  }
}

async function setItem(address: string, key: string, value: Buffer): Promise<void> {
  const [host = '', port] = address.split(':')
  const socket = connect(Number(port), host)
  socket.write(Buffer.concat([Buffer.from(`set ${key} 0 0 ${value.length}\r\n`), value, Buffer.from('\r\n')]))
  const [answer] = await once(socket, 'data') as [Buffer]
  socket.destroy()
  if (answer.toString() !== 'STORED\r\n') throw new Error(`memcached: ${answer.toString()}`)
}
