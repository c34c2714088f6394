// Everybody at once on a page that nobody has asked for yet and that takes the app a second, each with a tracker of
// their own: how often it is rendered, and how long the slowest visitor waits.
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { Folder } from '../machine/folder.js'
import { quantile } from '../machine/statistics.js'
import { startOrigin } from '../origin/origin.js'
import { startProxyCache } from '../subjects/proxy_cache.js'
import { POLICY, startSamekey } from '../subjects/samekey.js'
import { startSrcache } from '../subjects/srcache.js'
import { HEADERS, type Base, type Subject } from '../subjects/subject.js'
import { startVarnish } from '../subjects/varnish.js'
import { PEERS_ENGINE } from './hot_page.js'

export interface CrowdOptions {
  visitors: number
  extent: 'quick' | 'full'
  log: (line: string) => void
}

export interface Crowded {
  subject: string
  visitors: number
  renders: number
  /** Visitors who got no whole page with status 200 within 30 s. */
  failed: number
  /** Milliseconds from the attempt to connect to the end of the page. */
  median: number
  p99: number
  slowest: number
}

/** All of them arrive within it. */
const ARRIVAL_MS = 1000
const TIMEOUT_MS = 30_000

type Start = (folder: Folder, base: Base) => Promise<Subject>

const { suite, engine } = PEERS_ENGINE
const SAMEKEY: Start = (folder, base) => startSamekey(folder, base, { id: 'samekey', suite, engine, policy: POLICY, compress: true })
const PEERS: Start[] = [(folder, base) => startProxyCache(folder, base, suite), (folder, base) => startSrcache(folder, base, suite), startVarnish]

export async function crowd(options: CrowdOptions): Promise<Crowded[]> {
  const crowded: Crowded[] = []
  for (const start of [SAMEKEY, ...(options.extent === 'full' ? PEERS : [])]) crowded.push(await Folder.use((folder) => crowdOne(folder, start, options)))
  return crowded
}

async function crowdOne(folder: Folder, start: Start, { visitors, log }: CrowdOptions): Promise<Crowded> {
  const base = { memcached: await folder.startMemcached(), origin: await startOrigin(folder) }
  const subject = await start(folder, base)
  log(`crowd of ${visitors}: ${subject.id}`)
  const waits = await Promise.all(Array.from({ length: visitors }, async (_, visitor) => {
    await pause((visitor / visitors) * ARRIVAL_MS)
    return visit(subject.port, `/slow/page?utm_source=visitor-${visitor}`)
  }))
  const served = waits.filter((wait) => wait !== null)
  const renders = await (subject.origin ?? base.origin).renders()
  const times = served.length === 0 ? [TIMEOUT_MS] : served
  return { subject: subject.id, visitors, renders, failed: visitors - served.length, median: quantile(times, 0.5), p99: quantile(times, 0.99), slowest: Math.max(...times) }
}

/** Milliseconds until the page was whole; null where it never was. */
function visit(port: number, target: string): Promise<number | null> {
  return new Promise((resolve) => {
    const began = performance.now()
    let text = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(`GET ${target} HTTP/1.1\r\n${HEADERS}Connection: close\r\n\r\n`))
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy())
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => { text += chunk })
    socket.on('error', () => resolve(null))
    // Connection: close, so the end of the connection is the end of the page.
    socket.on('close', () => resolve(text.startsWith('HTTP/1.1 200 ') && text.length > 1000 ? performance.now() - began : null))
  })
}
