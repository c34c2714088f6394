// What the demo's options do. Whatever happens, all that was started is ended and no file is left.
import { parseArgs } from 'node:util'
import { openAccessLog } from '../../cli/access_log.js'
import { ensure } from '../system.js'
import { crowd } from './crowd.js'
import { requestPrinter, showAddresses } from './live.js'
import { type Site, startSite } from './site.js'
import { story } from './story.js'

const help = `npm run demo                 the example site behind Nginx, until Ctrl-C
npm run demo -- --once       walk through its story, check every step, exit 0 only if all held
npm run demo -- --crowd      2,000 keep-alive connections for a minute [--seconds N] [--connections N]`

/** The exit code: 0 when all held, 1 when something did not, 2 for a wrong option, 130 after Ctrl-C. */
export async function main(args: string[]): Promise<number> {
  let options: ReturnType<typeof readOptions>
  try {
    options = readOptions(args)
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${help}`)
    return 2
  }
  if (options.help) {
    console.log(help)
    return 0
  }
  const programs = await ensure(['nginx', 'njs-module', 'memcached', ...(options.crowd ? ['wrk' as const] : [])])
  const live = !options.once && !options.crowd
  const { stopped, exitCode } = interruption()
  const log = live ? await openAccessLog(requestPrinter()) : undefined
  try {
    const site = await startSite({ programs, accessLog: log?.destination ?? 'off', ...(live ? { preferredPort: 8080 } : {}) })
    try {
      return await Promise.race([exitCode, work(site)])
    } finally {
      await site.stop()
    }
  } finally {
    await log?.close()
  }

  async function work(site: Site): Promise<number> {
    if (options.once) return story(site, stopped)
    if (options.crowd) return crowd(site, { wrk: programs.wrk, seconds: options.seconds, connections: options.connections })
    showAddresses(site)
    return exitCode
  }
}

/** What Ctrl-C and SIGTERM do: `stopped` is aborted, `exitCode` settles with the code that shells give. */
function interruption(): { stopped: AbortSignal; exitCode: Promise<number> } {
  const controller = new AbortController()
  const exitCode = new Promise<number>((resolve) => {
    for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143]] as const) {
      // Not once: npm passes on the Ctrl-C that the terminal has sent already.
      process.on(signal, () => {
        controller.abort()
        resolve(code)
      })
    }
  })
  return { stopped: controller.signal, exitCode }
}

function readOptions(args: string[]) {
  const { values } = parseArgs({
    args,
    options: {
      once: { type: 'boolean', default: false },
      crowd: { type: 'boolean', default: false },
      seconds: { type: 'string', default: '60' },
      connections: { type: 'string', default: '2000' },
      help: { type: 'boolean', short: 'h', default: false }
    }
  })
  return { ...values, seconds: count('--seconds', values.seconds), connections: count('--connections', values.connections) }
}

function count(option: string, text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new Error(`${option}: expected a whole number from 1, got ${JSON.stringify(text)}`)
  return Number(text)
}
