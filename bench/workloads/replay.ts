// A site's traffic through caches that are empty at first: how much the app still has to render, and what all of it costs.
import { Folder } from '../machine/folder.js'
import { measureCost, type Sample } from '../machine/rounds.js'
import { sendVisits } from '../machine/visits.js'
import { startOrigin } from '../origin/origin.js'
import { startProxyCache } from '../subjects/proxy_cache.js'
import { POLICY, startSamekey } from '../subjects/samekey.js'
import { startSrcache } from '../subjects/srcache.js'
import { startLua } from '../subjects/lua.js'
import { startNoCache } from '../subjects/no_cache.js'
import type { Base, Subject } from '../subjects/subject.js'
import { startVarnish } from '../subjects/varnish.js'
import { traffic, type TrafficOptions } from '../traffic.js'
import { PEERS_ENGINE } from './hot_page.js'

export interface ReplayOptions extends TrafficOptions {
  connections: number
  extent: 'quick' | 'full'
  log: (line: string) => void
}

export interface Replayed extends Sample {
  subject: string
  renders: number
}

type Start = (folder: Folder, base: Base) => Promise<Subject>

const { suite, engine } = PEERS_ENGINE
const SAMEKEY: Start = (folder, base) => startSamekey(folder, base, { id: 'samekey', suite, engine, policy: POLICY, compress: true })
const BY_THEIR_DOCUMENTS: Start[] = [(folder, base) => startProxyCache(folder, base, suite), (folder, base) => startSrcache(folder, base, suite), startVarnish]
const MORE: Start[] = [(folder, base) => startLua(folder, base, suite), (folder, base) => startNoCache(folder, base, suite)]

/** One after the other, each on servers of its own. */
export async function replay(options: ReplayOptions): Promise<Replayed[]> {
  const replayed: Replayed[] = []
  for (const start of [SAMEKEY, ...BY_THEIR_DOCUMENTS, ...(options.extent === 'full' ? MORE : [])]) replayed.push(await Folder.use((folder) => replayOne(folder, start, options)))
  return replayed
}

async function replayOne(folder: Folder, start: Start, options: ReplayOptions): Promise<Replayed> {
  const base = { memcached: await folder.startMemcached(), origin: await startOrigin(folder) }
  const subject = await start(folder, base)
  const visits = traffic(options)
  options.log(`replay of ${options.requests} requests: ${subject.id}`)
  const origin = subject.origin ?? base.origin
  const sample = await measureCost(subject, () => sendVisits(subject.port, visits, options.connections))
  return { ...sample, subject: subject.id, renders: await origin.renders() }
}
