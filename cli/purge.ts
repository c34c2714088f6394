// samekey purge URL...: deletes every variant of pages from memcached.

import type { Command } from 'commander'
import { keysOfUrl, resolveUrl } from '../node-writer/key.js'
import { Store } from '../node-writer/store.js'
import { EXIT, type ExitCode, type Io, json, usageError } from './io.js'
import { readMemcached, readPolicy, withJson, withMemcached, withPolicy } from './options.js'
import { refuseUserName } from './page_request.js'

type Result = { url: string; key: string; server: string; outcome: 'deleted' | 'absent' | 'failed'; error: string | null }

export function purgeCommand(program: Command, io: Io, done: (code: ExitCode) => void): void {
  const command = program
    .command('purge')
    .argument('<url...>', 'absolute URLs')
    .description('delete every variant of pages from memcached; says what became of each key')
  withJson(withPolicy(withMemcached(command))).action(async (urls: string[], options: { policy?: string; memcached?: string; json?: true }) => {
    const policy = readPolicy(options.policy, io)
    const pages = urls.map((url) => ({ url, keys: keysOf(url) }))
    function keysOf(url: string): string[] {
      refuseUserName(url)
      try {
        const { bypass, detail } = resolveUrl(url, policy)
        if (bypass !== '') io.err(`samekey: ${url} is never stored: bypass ${bypass}${detail === '' ? '' : ` (${detail})`}\n`)
        return keysOfUrl(url, policy)
      } catch (error) {
        // Before anything is deleted.
        throw usageError((error as Error).message)
      }
    }

    const store = new Store({ memcached: readMemcached(options.memcached, io) })
    const results = await Promise.all(pages.flatMap(({ url, keys }) => keys.map((key) => remove(store, url, key))))
    store.close()
    for (const result of results) {
      io.out(options.json ? json(result) : `${result.outcome.padEnd(7)} ${result.key} (${result.server})${result.error === null ? '' : `: ${result.error}`}\n`)
    }
    if (results.some((result) => result.outcome === 'failed')) done(EXIT.failed)
  })
}

async function remove(store: Store, url: string, key: string): Promise<Result> {
  const result = { url, key, server: store.serverOf(key) }
  try {
    const existed = await store.delete(key, { evenIfDown: true })
    return { ...result, outcome: existed ? 'deleted' : 'absent', error: null }
  } catch (error) {
    return { ...result, outcome: 'failed', error: (error as Error).message }
  }
}
