// Keeps a response from the client until something else has happened. What the app writes meanwhile waits in its order.

import type { ServerResponse } from 'node:http'

type Method = (...args: unknown[]) => unknown

/** `until` is asked when the app has named the status: what to wait for, which must not reject; undefined for nothing. */
export function holdResponse(res: ServerResponse, until: () => Promise<void> | undefined): void {
  const own = { write: res.write, end: res.end } as unknown as { write: Method; end: Method }
  let event: Promise<void> | undefined
  let isOver = false
  let waiting = 0

  /** False when there is nothing to wait for any more. */
  function later(call: () => void): boolean {
    if (isOver) return false
    if (!res.headersSent) res.writeHead(res.statusCode)
    event ??= until()
    isOver = event === undefined
    if (event === undefined) return false
    waiting++
    void event.then(() => {
      isOver = --waiting === 0
      call()
    })
    return true
  }

  res.write = ((...args: unknown[]) => {
    // The app is told to pause, as for a slow client.
    const isLater = later(() => {
      if (own.write.apply(res, args) === true) res.emit('drain')
    })
    return isLater ? false : own.write.apply(res, args)
  }) as typeof res.write
  res.end = ((...args: unknown[]) => {
    if (!later(() => own.end.apply(res, args))) own.end.apply(res, args)
    return res
  }) as typeof res.end
}
