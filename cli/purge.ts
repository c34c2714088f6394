// samekey purge: pages by URL, tag, prefix, pattern or group, or all of them, straight in memcached; no app is needed.

import { userInfo } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import type { Command } from 'commander'
import { createInvalidation } from '../node-writer/invalidation/invalidation.js'
import { resolveUrl } from '../node-writer/key.js'
import type { LoadedPolicy } from '../node-writer/policy/types.js'
import { PurgeError } from '../node-writer/purge_result.js'
import { purge, type PurgeRecord } from '../node-writer/purge_record.js'
import { type PurgeRequest, PurgeRequestError, readPurgeRequest, siteOf } from '../node-writer/purge_request.js'
import { Store } from '../node-writer/store.js'
import { EXIT, type ExitCode, type Io, json, printable, usageError } from './io.js'
import { parseBase, readMemcached, readPolicy, withJson, withMemcached, withPolicy } from './options.js'
import { refuseUserName } from './page_request.js'
import { openPurgeLog } from './purge_log.js'
import { type PurgedPages, purgedPages } from './warm/purged_pages.js'
import { createReport } from './warm/report.js'
import { warmUrls } from './warm/warm_urls.js'

/** Milliseconds. */
const BAN_BOUND_MS = 1000

interface PurgeOptions {
  tag: string[]
  prefix: string[]
  pattern: string[]
  caseSensitive?: true
  group: string[]
  all?: true
  yes?: true
  site?: string
  by?: string
  purgeLog?: string
  warm?: true
  base?: URL
  policy?: string
  memcached?: string
  json?: true
}

export function purgeCommand(program: Command, io: Io, done: (code: ExitCode) => void): void {
  const command = program
    .command('purge')
    .argument('[url...]', 'pages, with all their variants: absolute URLs, or paths of --site')
    .description('purge pages from memcached: these at once, what the options name within a second')
    .option('--tag <tag>', 'pages with this tag; may be repeated, as the next three', collect, [])
    .option('--prefix <url>', 'pages whose canonical URL begins with this: absolute, or a path of --site', collect, [])
    .option('--pattern <regex>', 'pages whose path and query match from their start, on any host', collect, [])
    .option('--group <name>', 'pages of this group (RFC 9875) of --site', collect, [])
    .option('--case-sensitive', 'of --pattern')
    .option('--all', 'every page of this policy; needs --yes')
    .option('--yes', 'yes, every page')
    .option('--site <url>', "https://host, which paths and groups belong to (default: the first of the policy's hosts)")
    .option('--by <name>', 'who asks, for the log (default: the user)')
    .option('--purge-log <file>', 'append a line of JSON that says who purged what, when, and what came of it')
    .option('--warm', 'then render anew what was purged, through Nginx: the URLs in all variants, and of other pages those that were stored')
    .option('--base <url>', 'of --warm: where Nginx answers, for example http://127.0.0.1:8080 (default: where each URL says)', parseBase)
  withJson(withPolicy(withMemcached(command))).action(async (urls: string[], options: PurgeOptions) => {
    const policy = readPolicy(options.policy, io)
    const request = requestOf(urls, options)
    const log = options.purgeLog === undefined ? undefined : openPurgeLog(options.purgeLog, io, (message) => io.err(`samekey: ${message}\n`))

    const store = new Store({ memcached: readMemcached(options.memcached, io) })
    const context = { policy, store, ...createInvalidation(policy, store) }
    const tell = (record: PurgeRecord): void => {
      log?.(record)
      if (record.outcome === 'refused') return
      noteNeverStored(record, policy, io)
      io.out(options.json ? json(record) : recordText(record))
    }
    try {
      const pages = options.warm ? await purgedPages(readPurgeRequest(request, policy, siteOf(policy)), policy, store) : undefined
      const { bans } = await purge(request, siteOf(policy), context, tell)
      if (pages !== undefined) done(await warm(pages, bans.length > 0, options, io))
    } catch (error) {
      if (error instanceof PurgeRequestError) throw usageError(error.message)
      if (!(error instanceof PurgeError)) throw error
      done(EXIT.failed)
    } finally {
      store.close()
    }
  })
}

async function warm({ requests, unknown }: PurgedPages, hasBans: boolean, options: PurgeOptions, io: Io): Promise<ExitCode> {
  if (unknown > 0) io.err(`samekey: ${unknown} pages with a shortened key are not warmed: it has not the whole URL\n`)
  // Until then an Nginx may still serve, and call fresh, what a ban covers (docs/invalidation.md).
  if (hasBans) await pause(BAN_BOUND_MS)
  const report = createReport(io, { json: options.json === true, quiet: true, total: requests.length })
  const summary = await warmUrls(requests, { ...(options.base && { base: options.base }), onPage: (page) => report.page(page) })
  report.summary(summary)
  return summary.failed + summary.left > 0 ? EXIT.failed : EXIT.ok
}

function collect(text: string, before: string[]): string[] {
  return [...before, text]
}

function requestOf(urls: string[], options: PurgeOptions): PurgeRequest {
  for (const url of [...urls, ...options.prefix, options.site ?? '']) refuseUserName(url)
  if (options.base !== undefined && !options.warm) throw usageError('--base is for --warm')
  if (options.all && !options.yes) throw usageError('--all makes every page of this policy be rendered again; if that is meant, add --yes')
  const { tag, prefix, group, pattern, caseSensitive = false, all, site } = options
  if (urls.length + tag.length + prefix.length + group.length + pattern.length === 0 && !all) throw usageError('nothing to purge: name URLs, --tag, --prefix, --pattern, --group or --all')
  return {
    ...(urls.length > 0 && { urls }),
    ...(tag.length > 0 && { tags: tag }),
    ...(prefix.length > 0 && { prefix }),
    ...(pattern.length > 0 && { pattern: pattern.map((each) => ({ pattern: each, caseSensitive })) }),
    ...(group.length > 0 && { groups: group }),
    ...(all && { all }),
    ...(site !== undefined && { site }),
    by: options.by ?? `${userName()} (samekey purge)`
  }
}

/** A user without a name in the system, as in some containers, is a number. */
function userName(): string {
  try {
    return userInfo().username
  } catch {
    return `user ${process.getuid?.() ?? ''}`
  }
}

function noteNeverStored({ pages }: PurgeRecord, policy: LoadedPolicy, io: Io): void {
  for (const { url } of pages.filter(({ keys }) => keys.length === 0)) {
    const { bypass, detail } = resolveUrl(url, policy)
    io.err(`samekey: ${printable(url)} is never stored: bypass ${bypass}${detail === '' ? '' : ` (${detail})`}\n`)
  }
}

/** A line for each page, ban and failure, and the sum. */
function recordText({ pages, bans, failures, deleted, clock }: PurgeRecord): string {
  return [
    ...pages.map(({ url, keys }) => `purged  ${url} (${keys.length} ${keys.length === 1 ? 'key' : 'keys'})`),
    ...bans.map(({ kind, value }) => `banned  ${kind}${value === '' ? '' : ` ${value}`}`),
    ...failures.map(({ key, server, error }) => `failed  ${key === '' ? 'the list of keys' : key} (${server}): ${error}`),
    `${deleted} ${deleted === 1 ? 'item' : 'items'} deleted${clock === '' ? '' : `; the clock is ${clock}`}`
  ].map((line) => printable(line) + '\n').join('')
}
