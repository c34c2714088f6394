// The load: wrk over keep-alive connections, for a fixed time.
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { ensure } from '../../scripts/system.js'

const script = fileURLToPath(new URL('wrk.lua', import.meta.url))

export interface Load {
  /** `http://127.0.0.1:port`, and the path that is asked for. */
  url: string
  /** Whole seconds; wrk knows no parts of one. */
  seconds: number
  connections: number
  /** A file with a path a line, asked for in turn instead of the URL's. */
  paths?: string
  headers: Record<string, string>
}

export interface Answered {
  requests: number
  seconds: number
  bytes: number
  /** Milliseconds, under full load: how long a request waits for the others as well. */
  p50: number
  p99: number
  p999: number
}

/** Throws when a single request failed: what is measured then is not what was meant. */
export async function runWrk({ url, seconds, connections, paths, headers }: Load): Promise<Answered> {
  const { wrk } = await ensure(['wrk'])
  const fields = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  const { stdout } = await execa(wrk, ['-t', '1', '-c', String(connections), '-d', `${seconds}s`, ...fields, '-s', script, url, ...(paths === undefined ? [] : ['--', paths])])
  const { failed, ...answered } = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Answered & { failed: number }
  if (failed > 0 || answered.requests === 0) throw new Error(`${url}: ${failed} of ${answered.requests} requests failed\n${stdout}`)
  return answered
}
