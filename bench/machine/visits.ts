// The load of a replay: visits of every kind over keep-alive connections, each in its turn, as fast as they are answered.
import { Agent, request } from 'node:http'
import { HOST } from '../pages.js'
import type { Visit } from '../traffic.js'
import { quantile } from './statistics.js'
import type { Answered } from './wrk.js'

/** Throws when a visit fails. */
export async function sendVisits(port: number, visits: readonly Visit[], connections: number): Promise<Answered> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const waits: number[] = []
  let [next, bytes] = [0, 0]
  const began = performance.now()
  await Promise.all(Array.from({ length: connections }, async () => {
    for (let visit = visits[next++]; visit !== undefined; visit = visits[next++]) {
      const sent = performance.now()
      bytes += await send(port, visit, agent)
      waits.push(performance.now() - sent)
    }
  }))
  agent.destroy()
  return { requests: visits.length, seconds: (performance.now() - began) / 1000, bytes, p50: quantile(waits, 0.5), p99: quantile(waits, 0.99), p999: quantile(waits, 0.999) }
}

/** The bytes of the body. */
function send(port: number, { method, target, cookie, agent: name }: Visit, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    // As every browser and every crawler does.
    const headers = { Host: HOST, 'User-Agent': name, 'Accept-Encoding': 'gzip', ...(cookie === '' ? {} : { Cookie: cookie }) }
    const sent = request({ host: '127.0.0.1', port, method, path: target, headers, agent, timeout: 30_000 }, (response) => {
      let bytes = 0
      response.on('data', (chunk: Buffer) => { bytes += chunk.length })
      response.on('end', () => (response.statusCode === 200 ? resolve(bytes) : reject(new Error(`${method} ${target}: status ${response.statusCode}`))))
    })
    sent.on('timeout', () => sent.destroy(new Error(`${method} ${target}: no answer within 30 s`)))
    sent.on('error', reject)
    sent.end()
  })
}
