// samekey explain URL: how the key of a request comes about, step by step, for a person.

import type { Command } from 'commander'
import { resolveRequest } from '../node-writer/key.js'
import { Store } from '../node-writer/store.js'
import { type Explanation, explainRequest, type Page, type Rule } from './explanation.js'
import { CliError, EXIT, type ExitCode, type Io, json, printable } from './io.js'
import { readMemcached, readPolicy, withJson, withMemcached, withPolicy } from './options.js'
import { readPageRequest, type RequestOptions, withRequest } from './page_request.js'
import { readStored, type StoredPage } from './stored.js'
import { describeStored } from './stored_text.js'

interface ExplainOptions extends RequestOptions {
  policy?: string
  memcached?: string
  json?: true
}

export function explainCommand(program: Command, io: Io, done: (code: ExitCode) => void): void {
  const command = program
    .command('explain')
    .argument('<url>', 'an absolute URL, or a path with --host')
    .description('show step by step which rule decides, what is normalised, the key, what the app sees and what is stored')
  withJson(withPolicy(withMemcached(withRequest(command)))).action(async (url: string, options: ExplainOptions) => {
    const policy = readPolicy(options.policy, io)
    const memcached = readMemcached(options.memcached, io)
    const request = readPageRequest(url, options)
    const explanation = explainRequest(request, policy)
    const { page } = explanation

    const store = new Store({ memcached })
    // memcached is the last step only: without it everything else holds all the same.
    const stored = page === null ? null : await readStored(store, resolveRequest(request, policy), policy, request.fieldOf).catch(toCliError).finally(() => store.close())
    if (options.json) {
      const memcachedStep = stored instanceof CliError ? { error: stored.message } : stored && { server: stored.server, ...stored.stored }
      io.out(json({ ...explanation, memcached: memcachedStep }))
    } else {
      io.out(printableLines([...requestText(explanation), ...rulesText(explanation.rules), ...(page === null ? bypassText(explanation) : pageText(explanation.request.method, page, stored as StoredPage | CliError))]))
    }
    if (page === null) done(EXIT.bypass)
  })
}

function toCliError(error: unknown): CliError {
  if (error instanceof CliError) return error
  throw error
}

// ------------------------------------------------------------------------------------------------------------ text

function printableLines(lines: string[]): string {
  return lines.map((line) => printable(line) + '\n').join('')
}

function requestText({ request }: Explanation): string[] {
  return ['Request', `  ${request.method} ${request.target}`, `  ${request.scheme}, Host: ${request.host}`, ...request.headers.map(({ name, value }) => `  ${name}: ${value}`), '']
}

function rulesText(rules: Rule[]): string[] {
  const mark = { 'pass': 'ok    ', 'bypass': 'BYPASS', 'not asked': '-     ' }
  return ['Rules, in their order', ...rules.map((rule) => `  ${mark[rule.outcome]} ${rule.name.padEnd(16)} ${rule.text}`), '']
}

function bypassText({ bypass }: Explanation): string[] {
  return ['Result', `  ${bypass}: nothing is looked up or stored; the app gets the request as it came`, `  Cache-Status: samekey; ${bypass === 'method' ? 'fwd=method' : 'fwd=bypass'}; detail=${bypass}`]
}

function pageText(method: string, page: Page, stored: StoredPage | CliError): string[] {
  return [
    'Normalised',
    `  scheme    ${change(page.scheme)}`,
    `  host      ${change(page.host)}`,
    `  path      ${change(page.path)}`,
    ...page.arguments.map((argument) => `  argument  ${argumentText(argument)}`),
    ...(page.sorted ? ['  order     by name; values of one name keep theirs'] : []),
    ...page.variants.map((variant) => `  variant   ${variant.name}=${variant.value} from ${variant.source} ${variant.field}${variant.isFallback ? ' (the default)' : ''}`),
    '',
    'Key',
    `  ${page.key}`,
    `  ${page.keyBytes} bytes${page.shortened ? ', shortened: it ends in the SHA-256 of the whole' : ''}`,
    '',
    'What the app sees on a miss',
    `  ${method} ${page.app.target}`,
    `  Host: ${page.app.host}`,
    ...page.app.headers.map(({ name, fate }) => `  ${name} ${fate === 'kept' ? 'as sent' : fate === 'removed' ? 'removed: the key does not cover it' : 'in the one form that stands for the variant'}`),
    '',
    'In memcached now',
    `  ${stored instanceof CliError ? `unknown: ${stored.message}` : describeStored(stored)}`,
    ...(stored instanceof CliError || stored.stored.head === null ? [] : stored.stored.head.headers.map(([name, value]) => `  ${name}: ${value}`))
  ]
}

function change({ from, to }: { from: string; to: string }): string {
  return from === to ? to : `${from} -> ${to}`
}

function argumentText({ raw, outcome, as }: Page['arguments'][number]): string {
  if (outcome === 'empty') return 'an empty one, dropped'
  if (outcome === 'ignored') return `${raw} dropped: ${as === null ? 'not one of query.only' : `ignored by ${as}`}`
  return change({ from: raw, to: as as string })
}
