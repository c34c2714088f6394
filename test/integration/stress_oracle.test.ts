// The long run of `npm run stress` in short: nothing stale is ever seen; and with a mistake in the writer it is.
import { describe, expect, test } from 'vitest'
import { breaks } from '../stress/breaks.js'
import { oracleRun, type OracleOptions } from '../stress/oracle_run.js'

const small: OracleOptions = { seed: 1, pages: 'mixed', reads: 5000, purges: 100, nodes: ['njs-0.7.9', 'njs-0.8.9'], apps: 3, visitors: 16, accidents: 4 }

test('no read sees a version from before an acknowledged purge', async () => {
  const report = await oracleRun(small)
  expect({ stale: report.stale, wrong: report.wrong }).toEqual({ stale: [], wrong: [] })
  // A run in which nothing is cached, purged or lost shows nothing.
  expect(report.hits).toBeGreaterThan(small.reads / 5)
  expect(Object.values(report.purges).reduce((sum, each) => sum + each, 0)).toBe(small.purges)
  expect(Object.values(report.accidents)).toEqual([1, 1, 1, 1])
}, 180_000)

test('nor while memcached evicts pages, claims, markers and rules for want of room', async () => {
  const report = await oracleRun({ ...small, pages: 'heavy' })
  expect({ stale: report.stale, wrong: report.wrong }).toEqual({ stale: [], wrong: [] })
  expect(report.hits).toBeGreaterThan(small.reads / 10)
  expect(Object.keys(report.evicted)).toEqual(expect.arrayContaining(['pages', 'forms', 'claims', 'markers', 'rules', 'leases']))
}, 180_000)

test('nor in raw mode, but for the moment that a page which is being stored can be seen', async () => {
  const report = await oracleRun({ ...small, pages: 'raw' })
  expect({ stale: report.stale, wrong: report.wrong }).toEqual({ stale: [], wrong: [] })
  expect(report.hits).toBeGreaterThan(small.reads / 4)
}, 180_000)

describe('stale reads are counted when', () => {
  test.each(breaks)('$because', async (broken) => {
    const report = await oracleRun({ ...small, ...broken.run, broken })
    expect(report.staleReads).toBeGreaterThan(0)
  }, 180_000)
})
