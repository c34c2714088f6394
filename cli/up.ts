// samekey up ORIGIN: everything in front of any HTTP app, in the foreground, until Ctrl-C.

import type { Command } from 'commander'
import { checkPurgeHttpOptions, type PurgeHttpOptions } from '../node-writer/purge_http.js'
import { formatRecord, outcome, type AccessRecord } from './access_log.js'
import { CliError, EXIT, type ExitCode, type Io, json, printable, usageError } from './io.js'
import { createNotes, nginxTrouble } from './notes.js'
import { engineOption, parseListen, readMemcached, readPolicy, withJson, withMemcached, withPolicy } from './options.js'
import { answers } from './ports.js'
import { findPrograms } from './programs.js'
import { openPurgeLog } from './purge_log.js'
import { catchSignals } from './signals.js'
import { startStack, type Stack } from './stack.js'

interface UpOptions {
  listen: string
  policy?: string
  memcached?: string
  engine: 'njs' | 'qjs'
  originHost?: string
  quiet?: true
  purgeAllow?: string
  purgeLog?: string
  json?: true
}

export function upCommand(program: Command, io: Io, done: (code: ExitCode) => void): void {
  const command = program
    .command('up')
    .argument('<origin>', 'the app: http://host:port, https://host:port or host:port', parseOrigin)
    .description('run Nginx, memcached and the writer in front of any HTTP app, until Ctrl-C; prints `ready URL` when it answers')
    .option('--listen <host:port>', 'where visitors come in; port 0 for a free one', '127.0.0.1:8080')
    .addOption(engineOption())
    .option('--origin-host <host>', "the Host that the app is shown instead of the visitor's")
    .option('-q, --quiet', 'no line for each request')
    .option('--purge-allow <list>', 'addresses and networks from which purges over HTTP are taken, separated by \',\' (default: this machine); the token is $SAMEKEY_PURGE_TOKEN')
    .option('--purge-log <file>', 'append a line of JSON for each purge: who, what, when, and what came of it')
  withJson(withPolicy(withMemcached(command, 'one of its own'))).action(async (origin: URL, options: UpOptions) => done(await up(origin, options, io)))
}

async function up(origin: URL, options: UpOptions, io: Io): Promise<ExitCode> {
  const named = options.memcached ?? io.env['SAMEKEY_MEMCACHED']
  const memcached = named ? readMemcached(options.memcached, io) : undefined
  const listen = parseListen(options.listen)
  const policy = readPolicy(options.policy, io)
  const purge = readPurge(options, io)
  const write = createNotes((text) => io.err(printable(text) + '\n'))
  const note = (text: string, kind = text): void => write(kind, `samekey: ${text}`)

  const logPurge = options.purgeLog === undefined ? undefined : openPurgeLog(options.purgeLog, io, (message) => note(message))

  // `ready` is the first line, also when somebody was faster.
  const early: string[] = []
  let isReady = false
  const tell = (line: string): void => (isReady ? io.out(line) : void early.push(line))

  // From here on a signal finds something to end, whenever it comes.
  const signals = catchSignals()
  let stack: Stack | undefined
  try {
    stack = await startStack({
      origin,
      policy,
      programs: findPrograms(io.env, { memcached: memcached === undefined }),
      engine: options.engine,
      listen,
      ...(memcached === undefined ? {} : { memcached }),
      ...(options.originHost === undefined ? {} : { originHost: options.originHost }),
      ...(purge === undefined ? {} : { purge }),
      ...(options.quiet ? {} : { onRecord: (record: AccessRecord) => tell(options.json ? json(recordEvent(record)) : formatRecord(record) + '\n') }),
      onNginxError: (line) => {
        const trouble = nginxTrouble(line)
        if (trouble !== undefined) write(trouble, `nginx: ${line}`)
      },
      interrupted: signals.first,
      onOriginChange: (error) => note(error === null ? `${origin.host} answers again` : originDown(origin, error.message))
    })
    logWriter(stack, options, tell, note)
    if (logPurge !== undefined) stack.sidecar.cache.on('purge', logPurge)
    io.out(options.json ? json({ event: 'ready', url: stack.url, memcached: stack.memcached }) : `ready ${stack.url}\n`)
    isReady = true
    early.forEach(tell)
    if (!(await answers(origin.hostname, originPort(origin)))) note(originDown(origin, 'nothing listens there'))
    const failure = await Promise.race([signals.first, stack.failed])
    if (failure !== undefined) throw new CliError(failure)
    return EXIT.ok
  } catch (error) {
    if (signals.caught()) return EXIT.ok
    throw error
  } finally {
    await stack?.stop()
    signals.release()
  }
}

function originDown(origin: URL, why: string): string {
  return `the app at ${origin.origin} does not answer (${why}): what is not stored gets 502 until it does`
}

/** Why a page that was rendered is not there for the next visitor. */
function logWriter(stack: Stack, options: UpOptions, tell: (line: string) => void, note: (text: string, kind?: string) => void): void {
  const { cache } = stack.sidecar
  if (!options.quiet) {
    cache.on('purge', ({ by, asked, outcome, deleted, bans, error }) => {
      const what = JSON.stringify(asked)
      tell(options.json ? json({ event: 'purge', by, asked, outcome, deleted, bans, error: error || null }) : printable(`PURGE  ${outcome} ${what} by ${by}: ${error || `${deleted} deleted, ${bans.length} banned`}`) + '\n')
    })
    cache.on('skipped', ({ url, reason, detail }) => {
      // Nginx has logged these as what they are.
      if (reason === 'not-looked-up' || reason === 'head') return
      tell(options.json ? json({ event: 'skipped', url, reason, detail: detail || null }) : printable(`SKIP ${reason} ${url}${detail ? ` (${detail})` : ''}`) + '\n')
    })
  }
  cache.on('drift', ({ url, nginxKey, writerKey }) => note(`Nginx and the writer disagree about ${url}: ${nginxKey} and ${writerKey}; it is not stored`, 'drift'))
  cache.on('error', ({ operation, error }) => note(`memcached ${operation}: ${error.message}`))
}

/** Undefined without a token: purges over HTTP are off then. */
function readPurge({ purgeAllow }: UpOptions, io: Io): PurgeHttpOptions | undefined {
  const token = io.env['SAMEKEY_PURGE_TOKEN']
  if (!token) {
    if (purgeAllow !== undefined) throw usageError('--purge-allow: purges over HTTP need a token, in the environment variable SAMEKEY_PURGE_TOKEN')
    return undefined
  }
  const options = { token, ...(purgeAllow === undefined ? {} : { allow: purgeAllow.split(',').map((network) => network.trim()) }) }
  try {
    checkPurgeHttpOptions(options)
  } catch (error) {
    throw usageError((error as Error).message.replace('purge.token', 'SAMEKEY_PURGE_TOKEN').replace('purge.allow', '--purge-allow'))
  }
  return options
}

function recordEvent(record: AccessRecord): object {
  const { time, method, uri, status, bypass, key, bytes, seconds } = record
  return { event: 'request', time, outcome: outcome(record).toLowerCase(), reason: bypass || null, method, uri, status, key: key || null, bytes, ms: Math.round(seconds * 1000) }
}

function parseOrigin(text: string): URL {
  const whole = /^[a-z]+:\/\//i.test(text) ? text : `http://${text}`
  const url = URL.canParse(whole) ? new URL(whole) : null
  if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === '') throw usageError('ORIGIN: expected http://host:port, https://host:port or host:port')
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') throw usageError('ORIGIN: an app is a host and a port; a path cannot be put before its own')
  if (url.username !== '' || url.password !== '') throw usageError('ORIGIN: a user name or password cannot be given')
  return url
}

function originPort(origin: URL): number {
  return Number(origin.port) || (origin.protocol === 'https:' ? 443 : 80)
}
