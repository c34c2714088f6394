// Runs a command line in this process and keeps what it wrote.

import { run } from '../../cli/program.js'

export interface Ran {
  exitCode: number
  out: string
  err: string
}

export async function runCli(args: string[], { cwd = '/', env = {} }: { cwd?: string; env?: Record<string, string> } = {}): Promise<Ran> {
  const written = { out: '', err: '' }
  const exitCode = await run(args, {
    out: (text) => void (written.out += typeof text === 'string' ? text : Buffer.from(text).toString('latin1')),
    err: (text) => void (written.err += text),
    env,
    cwd
  })
  return { exitCode, ...written }
}
