// The first signal ends everything in order; the second at once.

export interface Signals {
  /** Settles at the first signal. */
  first: Promise<undefined>
  caught(): boolean
  release(): void
}

/** npm passes on a Ctrl-C that the terminal has already sent to everybody: what comes that soon is the same one. */
const SAME_MS = 200

/** SIGINT, SIGTERM and SIGHUP. */
export function catchSignals(): Signals {
  let firstAt = 0
  let settle: (value: undefined) => void = () => {}
  const first = new Promise<undefined>((resolve) => (settle = resolve))
  const handler = (signal: NodeJS.Signals): void => {
    if (firstAt === 0) firstAt = Date.now()
    settle(undefined)
    if (Date.now() - firstAt > SAME_MS) process.exit(128 + (signal === 'SIGTERM' ? 15 : signal === 'SIGHUP' ? 1 : 2))
  }
  const names: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP']
  for (const name of names) process.on(name, handler)
  return {
    first,
    caught: () => firstAt > 0,
    release: () => names.forEach((name) => process.off(name, handler))
  }
}
