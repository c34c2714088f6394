// Waits for a condition instead of sleeping: asks again until it holds, or gives up with a reason.
import { setTimeout as pause } from 'node:timers/promises'
import { connect } from 'node:net'

export interface UntilOptions {
  timeoutMs?: number
  /** Gives up at once when this settles, for example because the server that is waited for has ended. */
  unless?: Promise<unknown>
}

/** Asks until the answer is not undefined. */
export async function until<Answer>(what: string, ask: () => Promise<Answer | undefined>, { timeoutMs = 30_000, unless }: UntilOptions = {}): Promise<Answer> {
  const end = Date.now() + timeoutMs
  let over = false
  unless?.then(() => { over = true }, () => { over = true })
  for (let wait = 5; ; wait = Math.min(wait * 2, 100)) {
    const answer = await ask()
    if (answer !== undefined) return answer
    if (over) throw new Error(`${what}: it ended before that`)
    if (Date.now() > end) throw new Error(`${what}: not within ${timeoutMs} ms`)
    await pause(wait)
  }
}

/** Whether something listens on this loopback port. */
export function listens(port: number): Promise<true | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => { socket.destroy(); resolve(true) })
    socket.once('error', () => { socket.destroy(); resolve(undefined) })
  })
}
