// samekey get URL: what memcached has of a page.

import type { Command } from 'commander'
import type { Verdict } from '../njs/core/resolve.js'
import { resolveRequest } from '../node-writer/key.js'
import { Store } from '../node-writer/store.js'
import { CliError, EXIT, type ExitCode, type Io, json, printable } from './io.js'
import { readMemcached, readPolicy, withJson, withMemcached, withPolicy } from './options.js'
import { readPageRequest, type RequestOptions, withRequest } from './page_request.js'
import { inflated, readStored, type StoredPage } from './stored.js'
import { describeStored } from './stored_text.js'

interface GetOptions extends RequestOptions {
  policy?: string
  memcached?: string
  body?: true
  raw?: true
  json?: true
}

export function getCommand(program: Command, io: Io, done: (code: ExitCode) => void): void {
  const command = program
    .command('get')
    .argument('<url>', 'an absolute URL, or a path with --host')
    .description('print what is stored of a page: its head, or with --body its body')
    .option('--body', 'write the body alone, inflated')
    .option('--raw', 'with --body: as it is stored')
  withJson(withPolicy(withMemcached(withRequest(command)))).action(async (url: string, options: GetOptions) => {
    const policy = readPolicy(options.policy, io)
    const request = readPageRequest(url, options)
    const verdict = resolveRequest(request, policy)
    const { bypass, detail, key } = verdict
    if (bypass !== '') throw new CliError(`never stored: bypass ${bypass}${detail === '' ? '' : ` (${detail})`}`, EXIT.bypass)

    const store = new Store({ memcached: readMemcached(options.memcached, io) })
    try {
      const page = await readStored(store, verdict, policy, request.fieldOf)
      const shown = { url, key, variants: verdict.variants || null, server: page.server, stored: page.stored }
      if (page.stored.state === 'absent') {
        if (options.json) io.out(json(shown))
        else io.err(`samekey: nothing is stored under ${key} (${page.server})\n`)
        return done(EXIT.notFound)
      }
      if (options.json) io.out(json({ ...shown, ...(options.body ? { body: (await body(page, options))?.toString('base64') ?? null } : {}) }))
      else if (options.body) io.out((await body(page, options)) ?? '')
      else io.out(headText(verdict, page))
    } finally {
      store.close()
    }
  })
}

function body(page: StoredPage, options: GetOptions): Promise<Buffer | null> {
  return options.raw ? Promise.resolve(page.body) : inflated(page)
}

function headText({ key, variants }: Verdict, page: StoredPage): string {
  const { stored } = page
  return [
    key,
    ...(variants === '' ? [] : [`variant ${variants}`]),
    ...(stored.key === key ? [] : [`stored under ${stored.key}`]),
    describeStored(page),
    ...(stored.head === null ? [] : [`clock ${stored.head.clock || 'none'}`, ...stored.head.headers.map(([name, value]) => printable(`${name}: ${value}`))])
  ].map((line) => line + '\n').join('')
}
