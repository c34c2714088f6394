// An app process as the run sees it: it can be asked to purge, killed, and started again on its port.

import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { PurgeRequest } from '../../node-writer/purge_request.js'
import type { AppStart, FromApp, ToApp } from './messages.js'

/** The data that pages are rendered from. */
export interface Database {
  read(page: number): number
  write(page: number): number
  /** The purge for that change has been acknowledged. */
  posted(page: number, version: number, at: number): void
}

export interface Acknowledged {
  /** Milliseconds of the shared clock (messages.ts). */
  at: number
  /** '' when it was acknowledged. */
  error: string
}

export class AppProcess {
  renders = 0
  readonly events = new Map<string, number>()
  readonly #purges = new Map<number, (acknowledged: Acknowledged) => void>()
  #asked = 0
  #rendering: (() => void)[] = []

  private constructor(private readonly child: ChildProcess, database: Database) {
    child.on('message', (message: FromApp) => {
      if (message.type === 'read') {
        this.renders++
        for (const told of this.#rendering.splice(0)) told()
        this.#send({ type: 'version', id: message.id, version: database.read(message.page) })
      }
      else if (message.type === 'write') this.#send({ type: 'version', id: message.id, version: database.write(message.page) })
      else if (message.type === 'posted') database.posted(message.page, message.version, message.at)
      else if (message.type === 'purged') this.#purges.get(message.id)?.(message)
      else if (message.type === 'event') this.events.set(message.name, (this.events.get(message.name) ?? 0) + 1)
    })
    // Whatever it had been asked is not acknowledged.
    child.once('exit', () => { for (const settle of this.#purges.values()) settle({ at: 0, error: 'the process has ended' }) })
  }

  /** `bundle` is a file of bundle.ts. */
  static async start(bundle: string, options: AppStart, database: Database): Promise<AppProcess> {
    const child = fork(bundle, { execArgv: ['--enable-source-maps'], serialization: 'advanced' })
    const app = new AppProcess(child, database)
    const ready = new Promise<void>((resolve, reject) => {
      child.on('message', (message: FromApp) => {
        if (message.type === 'ready') resolve()
      })
      child.once('exit', (code) => reject(new Error(`an app process ended with ${code} before it was ready`)))
    })
    app.#send({ type: 'start', start: options })
    await ready
    return app
  }

  get alive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }

  purge(purge: PurgeRequest): Promise<Acknowledged> {
    const id = ++this.#asked
    return new Promise((resolve) => {
      this.#purges.set(id, (acknowledged) => {
        this.#purges.delete(id)
        resolve(acknowledged)
      })
      if (!this.#send({ type: 'purge', id, purge })) this.#purges.get(id)?.({ at: 0, error: 'the process has ended' })
    })
  }

  /** Settles when the next render begins. */
  rendering(): Promise<void> {
    return new Promise((resolve) => this.#rendering.push(resolve))
  }

  async kill(): Promise<void> {
    if (!this.alive) return
    const exited = once(this.child, 'exit')
    this.child.kill('SIGKILL')
    await exited
  }

  #send(message: ToApp): boolean {
    if (!this.child.connected) return false
    // What is sent to a process that is dying is lost, as its other work is.
    this.child.send(message, () => {})
    return true
  }
}
