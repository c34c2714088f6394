// samekey key URL: the memcached key of a page, for scripts.

import type { Command } from 'commander'
import { keysOfUrl, resolveRequest } from '../node-writer/key.js'
import { EXIT, type ExitCode, type Io, json } from './io.js'
import { readPolicy, withJson, withPolicy } from './options.js'
import { readPageRequest, type RequestOptions, withRequest } from './page_request.js'

export function keyCommand(program: Command, io: Io, done: (code: ExitCode) => void): void {
  const command = program
    .command('key')
    .argument('<url>', 'an absolute URL, or a path with --host')
    .description('print the memcached key of a page; the reason on standard error when it is never looked up')
    .option('--all-variants', "the keys of all the policy's variants, one a line")
  withJson(withPolicy(withRequest(command))).action((url: string, options: RequestOptions & { policy?: string; allVariants?: true; json?: true }) => {
    const policy = readPolicy(options.policy, io)
    const request = readPageRequest(url, options)
    const { bypass, detail, key } = resolveRequest(request, policy)
    if (bypass !== '') {
      if (options.json) io.out(json({ url, key: null, bypass, detail: detail || null }))
      else io.err(`bypass: ${bypass}${detail === '' ? '' : ` (${detail})`}\n`)
      return done(EXIT.bypass)
    }
    const keys = options.allVariants ? keysOfUrl(`${request.scheme}://${request.host}${request.target}`, policy) : [key]
    io.out(options.json ? json({ url, key, bypass: null, detail: null, ...(options.allVariants ? { keys } : {}) }) : keys.map((each) => each + '\n').join(''))
  })
}
