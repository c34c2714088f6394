// Runs a command line in this process and keeps what it wrote.

import { Readable, type Writable } from 'node:stream'
import { run } from '../../cli/program.js'

export interface Ran {
  exitCode: number
  out: string
  err: string
}

export interface RunOptions {
  cwd?: string
  env?: Record<string, string>
  stdin?: string
  terminal?: Writable
}

export async function runCli(args: string[], { cwd = '/', env = {}, stdin = '', terminal }: RunOptions = {}): Promise<Ran> {
  const written = { out: '', err: '' }
  const exitCode = await run(args, {
    out: (text) => void (written.out += typeof text === 'string' ? text : Buffer.from(text).toString('latin1')),
    err: (text) => void (written.err += text),
    env,
    cwd,
    stdin: Readable.from([Buffer.from(stdin)]) as AsyncIterable<Uint8Array>,
    ...(terminal === undefined ? {} : { terminal })
  })
  return { exitCode, ...written }
}
