// The load: wrk over keep-alive connections.
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { ensure } from '../../scripts/system.js'
import { HOST } from '../pages.js'

const script = fileURLToPath(new URL('wrk.lua', import.meta.url))

export interface Load {
  port: number
  connections: number
  /** What is asked for over and over: a target, or a file with a target a line. */
  target?: string
  targets?: string
  /** Whole seconds, wrk knows no parts of one; or 'once': until the file's last one has been asked for. */
  seconds: number | 'once'
}

export interface Answered {
  requests: number
  seconds: number
  bytes: number
  /** Milliseconds, under full load: a request waits for the others as well. */
  p50: number
  p99: number
  p999: number
}

const LONGEST_SECONDS = 600

/** Throws when a single request failed: what is measured then is not what was meant. */
export async function runWrk({ port, connections, target = '/', targets, seconds }: Load): Promise<Answered> {
  const { wrk } = await ensure(['wrk'])
  const once = seconds === 'once'
  const running = execa(wrk, [
    '-t', '1', '-c', String(connections), '-d', `${once ? LONGEST_SECONDS : seconds}s`, '--timeout', '30s', '-H', `Host: ${HOST}`, '-s', script,
    `http://127.0.0.1:${port}${target}`, ...(targets === undefined ? [] : ['--', targets, ...(once ? ['once'] : [])])
  ])
  running.stdout.on('data', (chunk: Buffer) => { if (chunk.includes('the last request has been sent')) running.kill('SIGINT') })
  const { stdout } = await running
  const { failed, ...answered } = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Answered & { failed: number }
  if (failed > 0 || answered.requests === 0) throw new Error(`port ${port}: ${failed} of ${answered.requests} requests failed\n${stdout}`)
  return answered
}
