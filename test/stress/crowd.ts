// Thousands of first visitors of one page at the same moment, each with another tracking argument: how often is it
// rendered, and how long does the slowest of them wait? And the same when the one that renders it comes to grief.

import type { EngineId } from '../support/engines.js'
import type { Behaviour } from './messages.js'
import { startSite, type Site } from './site.js'
import { fieldOf, Visitor, type Answer } from './visitor.js'

export interface CrowdOptions {
  seed: number
  visitors: number
  apps: number
  renderMs: number
  /** 'dies': the process that renders is killed in the middle of it. */
  ending: 'stored' | 'error' | 'uncacheable' | 'hangs' | 'dies'
  node: EngineId
}

export interface CrowdReport {
  visitors: number
  apps: number
  ending: CrowdOptions['ending']
  renders: number
  /** Answers by status; 0: none at all. */
  answers: Record<string, number>
  /** What Nginx or the writer said of them, by Cache-Status without times. */
  ways: Record<string, number>
  /** Milliseconds from when a visitor began to connect until it had its page. */
  median: number
  p99: number
  slowest: number
}

const HOST = 'crowd.test'

/** The visitor whose own render hangs waits for ever. */
const LONGEST_WAIT_MS = 20_000

export async function crowd(options: CrowdOptions): Promise<CrowdReport> {
  const { visitors, apps, renderMs, ending } = options
  const behaviour: Behaviour = { kind: 'crowd', renderMs, ending: ending === 'dies' ? 'stored' : ending }
  let renders = 0
  const site = await startSite({
    policy: { hosts: [HOST] }, host: HOST, behaviour, database: { read: () => ++renders, write: () => 0, posted: () => {} }, apps, memcacheds: 1,
    // As `samekey up` starts it.
    memcachedArgs: ['-c', '16384', '-b', '4096'], nodes: [options.node], workers: 8, seed: options.seed
  })
  try {
    const dying = ending === 'dies' ? killLeader(site, renderMs) : undefined
    const answers = await visit(site, visitors)
    await dying
    return reportOf(options, site, answers)
  } finally {
    await site.stop()
  }
}

async function visit(site: Site, count: number): Promise<Answer[]> {
  const { port } = site.nodes[0] as Site['nodes'][number]
  const visitors = Array.from({ length: count }, () => new Visitor(port, LONGEST_WAIT_MS))
  try {
    return await Promise.all(visitors.map((visitor, i) => visitor.ask(`GET /hot?utm_source=${i} HTTP/1.1\r\nHost: ${HOST}\r\nAccept-Encoding: gzip\r\n\r\n`)))
  } finally {
    for (const visitor of visitors) visitor.close()
  }
}

async function killLeader(site: Site, renderMs: number): Promise<void> {
  const leader = await Promise.race(site.apps.map(async (app) => {
    await app.rendering()
    return app
  }))
  // Its followers are there by then; its page is not.
  await new Promise((resolve) => setTimeout(resolve, renderMs / 2))
  await leader.kill()
}

function reportOf({ visitors, apps, ending }: CrowdOptions, site: Site, answers: Answer[]): CrowdReport {
  const times = answers.map(({ began, ended }) => ended - began).sort((a, b) => a - b)
  const at = (part: number): number => Math.round(times[Math.min(times.length - 1, Math.floor(times.length * part))] as number)
  return {
    visitors, apps, ending, renders: site.renders(), answers: count(answers.map(({ status }) => String(status))),
    ways: count(answers.map(({ head }) => fieldOf(head, 'cache-status').replace(/; ttl=-?\d+/, ''))),
    median: at(0.5), p99: at(0.99), slowest: at(1)
  }
}

function count(values: string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1
  return counts
}
