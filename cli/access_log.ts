// Nginx's access log as it happens: datagrams over loopback, so that no file grows and Nginx never waits for a slow
// terminal. nginx/samekey.http.conf has the format.

import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { printable } from './io.js'

/** One request, as Nginx logged it. */
export interface AccessRecord {
  time: string
  method: string
  uri: string
  status: number
  /** The Cache-Status field. */
  cache: string
  /** '' or the reason. */
  bypass: string
  key: string
  /** Of the body. */
  bytes: number
  seconds: number
}

export interface AccessLog {
  /** For Nginx's access_log. */
  destination: string
  close(): Promise<void>
}

export async function openAccessLog(onRecord: (record: AccessRecord) => void): Promise<AccessLog> {
  const socket = createSocket('udp4')
  socket.on('message', (message) => {
    const record = parseRecord(message.toString('utf8'))
    if (record !== undefined) onRecord(record)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return {
    destination: `syslog:server=127.0.0.1:${socket.address().port},nohostname,tag=samekey samekey`,
    async close() {
      socket.close()
      await once(socket, 'close')
    }
  }
}

/** The JSON object behind the head of a syslog message (RFC 3164 §4.1); undefined for anything else. */
export function parseRecord(message: string): AccessRecord | undefined {
  const start = message.indexOf('{')
  try {
    return JSON.parse(message.slice(start < 0 ? message.length : start)) as AccessRecord
  } catch {
    return undefined
  }
}

/** HIT, MISS, BYPASS, or NONE for what Nginx refused before any look-up. */
export function outcome(record: AccessRecord): 'HIT' | 'MISS' | 'BYPASS' | 'NONE' {
  if (record.cache.startsWith('samekey; hit')) return 'HIT'
  if (record.bypass !== '' && record.cache !== '') return 'BYPASS'
  return record.cache === '' ? 'NONE' : 'MISS'
}

/** `BYPASS cookie GET /account 200 12 ms` */
export function formatRecord(record: AccessRecord): string {
  const result = outcome(record)
  const reason = result === 'BYPASS' ? ` ${record.bypass}` : ''
  return printable(`${(result + reason).padEnd(6)} ${record.method || '-'} ${record.uri || '-'} ${record.status} ${Math.round(record.seconds * 1000)} ms`)
}
