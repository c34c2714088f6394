// The crowd of `npm run demo -- --crowd`: thousands of keep-alive connections that read the site's pages for a minute,
// the test of the article that this project goes back to.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startGuarded } from '../../test/support/guarded.js'
import { until } from '../../test/support/until.js'
import { visit } from './client.js'
import { paint } from './paint.js'
import { withAllFiles, type Site } from './site.js'
import { watchWorkers } from './workers.js'

const script = fileURLToPath(new URL('crowd.lua', import.meta.url))

const PAGES = [
  '/', '/constellations', '/search?q=al&sort=name', '/search?hue=red&sort=brightness', '/constellations/orion', '/constellations/ursa-major',
  ...['sirius', 'canopus', 'arcturus', 'vega', 'capella', 'rigel', 'procyon', 'betelgeuse', 'altair', 'aldebaran'].map((star) => `/stars/${star}`)
]
/** The same pages as people come to them from elsewhere. */
const LINKS = ['/?utm_source=news', '/search?sort=name&q=al', '/stars/vega?fbclid=Iw2', '/stars/sirius?gclid=1&utm_medium=mail']

const MAX_WORKER_MEGABYTES = 60

export interface CrowdOptions {
  /** The absolute path of wrk. */
  wrk: string
  seconds: number
  connections: number
}

/** crowd.lua's last line. Times in milliseconds; connect to status count failures. */
interface Report { requests: number; seconds: number; bytes: number; connect: number; read: number; write: number; timeout: number; status: number; median: number; p99: number }

/** 0 when no request failed, every page was rendered once, and no worker grew beyond the bound; else 1. */
export async function crowd(site: Site, options: CrowdOptions): Promise<number> {
  for (const path of PAGES) await visit(site.url, path)
  await until('all pages are in memcached', async () => {
    const answers = await Promise.all(PAGES.map((path) => visit(site.url, path)))
    return answers.every(({ cache }) => cache === 'samekey; hit') ? true : undefined
  })

  console.log(`${options.connections} connections to ${site.url} for ${options.seconds} s ...`)
  const workers = await watchWorkers(join(site.folder, 'nginx.pid'))
  const report = await runWrk(site, options).finally(() => workers.stop())
  const renders = (await site.appLog()).split('\n').filter((line) => line.startsWith('render ')).length
  const failed = report.connect + report.read + report.write + report.timeout + report.status
  const { megabytes, cpuSeconds } = workers

  console.log(`
requests        ${report.requests.toLocaleString('en')}, ${Math.round(report.requests / report.seconds).toLocaleString('en')} a second, ${Math.round(report.bytes / 2 ** 20)} MiB
latency         median ${report.median} ms, 99 of 100 below ${report.p99} ms
hit ratio       ${((1 - (renders - PAGES.length) / report.requests) * 100).toFixed(4)} %
Nginx workers   ${megabytes.length}, at most ${megabytes.map((each) => each.toFixed(1)).join(' and ')} MB, ${cpuSeconds.toFixed(1)} s CPU, ${((cpuSeconds / report.requests) * 1e6).toFixed(0)} us a request
`)
  const held = [
    verdict(failed === 0, `failed requests ${failed}`, `connect ${report.connect}, read ${report.read}, write ${report.write}, timeout ${report.timeout}, status ${report.status}`),
    verdict(renders === PAGES.length, `renders ${renders}`, `for ${PAGES.length} pages, those before the crowd came included`),
    verdict(Math.max(...megabytes) < MAX_WORKER_MEGABYTES, `largest worker ${Math.max(...megabytes).toFixed(1)} MB`, `the bound is ${MAX_WORKER_MEGABYTES} MB`)
  ]
  if (held.every(Boolean)) return 0
  console.log(`\nNginx's error log:\n${(await site.errorLog()).trimEnd().split('\n').slice(-20).join('\n')}`)
  return 1
}

function verdict(held: boolean, figure: string, detail: string): boolean {
  console.log(`${held ? paint('green', '✓') : paint('red', '✗')} ${figure} (${detail})`)
  return held
}

async function runWrk(site: Site, { wrk, seconds, connections }: CrowdOptions): Promise<Report> {
  const log = join(site.folder, 'wrk.log')
  const command = [wrk, '-t', '2', '-c', String(connections), '-d', `${seconds}s`, '--timeout', '10s', '-s', script, site.url, '--', ...PAGES, ...LINKS]
  const running = startGuarded(withAllFiles(command), { log })
  try {
    await running.exited
  } finally {
    await running.stop()
  }
  const output = await readFile(log, 'utf8')
  const line = output.trimEnd().split('\n').at(-1) ?? ''
  if (!line.startsWith('{')) throw new Error(`wrk ended without a report:\n${output}`)
  return JSON.parse(line) as Report
}
