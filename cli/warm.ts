// samekey warm URL…: renders pages into the cache before visitors ask for them, by asking as visitors do.

import { type Command, InvalidArgumentError } from 'commander'
import { CliError, EXIT, type ExitCode, type Io, json, usageError } from './io.js'
import { parseBase, readPolicy, withJson, withPolicy } from './options.js'
import { collectHeader } from './page_request.js'
import { catchSignals } from './signals.js'
import { createReport } from './warm/report.js'
import { collectUrls } from './warm/sources.js'
import { variantFields } from './warm/variants.js'
import { warmUrls } from './warm/warm_urls.js'

interface WarmCommandOptions {
  sitemap: string[]
  base?: URL
  header: [string, string][]
  allVariants?: true
  allowHost: string[]
  concurrency: number
  rate?: number
  timeout: number
  quiet?: true
  policy?: string
  json?: true
}

export function warmCommand(program: Command, io: Io, done: (code: ExitCode) => void): void {
  const command = program
    .command('warm')
    .argument('[url...]', "absolute URLs; '-' for standard input, one a line")
    .description('render pages into the cache by visiting them through Nginx, a few at a time')
    .option('--sitemap <file-or-url>', "a sitemap or a sitemap index, also gzip; '-' for standard input; may be repeated", collect, [])
    .option('--base <url>', 'where Nginx answers, for example http://127.0.0.1:8080; the URLs name the host all the same', parseBase)
    .option("-H, --header <'name: value'>", 'a header field of every request; may be repeated', collectHeader, [])
    .option('--all-variants', "each page in all the policy's variants")
    .option('--allow-host <host>', 'also visit this host if a sitemap names it; may be repeated', collect, [])
    .option('--concurrency <n>', 'requests at once', wholeNumber(1, 64), 2)
    .option('--rate <n>', 'requests begun in a second at most', parseRate)
    .option('--timeout <seconds>', 'of silence, after which a page has failed', wholeNumber(1, 3600), 60)
    .option('-q, --quiet', 'no line for a page that went well')
  withJson(withPolicy(command)).action(async (urls: string[], options: WarmCommandOptions) => done(await warm(urls, options, io)))
}

async function warm(urls: string[], options: WarmCommandOptions, io: Io): Promise<ExitCode> {
  if (urls.length + options.sitemap.length === 0) throw usageError('give URLs, or --sitemap FILE-OR-URL')
  if ([...urls, ...options.sitemap].filter((each) => each === '-').length > 1) throw usageError("'-' is standard input, which can be read once")
  const variants = options.allVariants ? variantFields(readPolicy(options.policy, io)) : [[]]
  const signals = catchSignals()
  try {
    const abort = new AbortController()
    void signals.first.then(() => abort.abort())
    const polite = { fields: options.header, timeoutMs: options.timeout * 1000, signal: abort.signal, ...(options.base === undefined ? {} : { base: options.base }) }
    const sources = await collectUrls({ urls, sitemaps: options.sitemap, allowHosts: options.allowHost, get: polite }, io)
    for (const { sitemap, error } of sources.failures) {
      if (options.json) io.out(json({ event: 'sitemap', sitemap, error }))
      else io.err(`samekey: ${sitemap}: ${error}\n`)
    }
    for (const [host, count] of sources.leftOut) {
      if (options.json) io.out(json({ event: 'left-out', host: host || null, count }))
      else io.err(`samekey: ${count} ${host === '' ? 'lines that are no http or https URL' : `URLs of ${host}`} left out${host === '' ? '' : '; --allow-host visits them too'}\n`)
    }
    const requests = sources.urls.flatMap((url) => variants.map((fields) => ({ url, fields })))
    const report = createReport(io, { json: options.json === true, quiet: options.quiet === true, total: requests.length })
    const summary = await warmUrls(requests, {
      ...polite,
      concurrency: options.concurrency,
      ...(options.rate === undefined ? {} : { perSecond: options.rate }),
      onPage: (page) => report.page(page)
    })
    report.summary(summary)
    if (signals.caught()) return EXIT.interrupted
    return summary.failed + summary.left + sources.failures.length > 0 ? EXIT.failed : EXIT.ok
  } catch (error) {
    if (signals.caught()) throw new CliError('interrupted before any page was asked for', EXIT.interrupted)
    throw error
  } finally {
    signals.release()
  }
}

function collect(text: string, before: string[]): string[] {
  return [...before, text]
}

function wholeNumber(from: number, to: number): (text: string) => number {
  return (text) => {
    const number = Number(text)
    if (!/^[0-9]+$/.test(text) || number < from || number > to) throw new InvalidArgumentError(`expected a whole number from ${from} to ${to}`)
    return number
  }
}

function parseRate(text: string): number {
  const rate = Number(text)
  if (!/^[0-9]+(\.[0-9]+)?$/.test(text) || rate <= 0) throw new InvalidArgumentError('expected a number above 0')
  return rate
}
