// samekey doctor: looks at everything that pages depend on, and says of each what is wrong and what to do.

import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { PolicyError } from '../node-writer/policy/load.js'
import type { LoadedPolicy } from '../node-writer/policy/types.js'
import { Store } from '../node-writer/store.js'
import { type Check, type Checks, fail, ok } from './doctor/check.js'
import { checkFiles } from './doctor/files.js'
import { checkBanList, checkServer } from './doctor/memcached.js'
import { checkNginx } from './doctor/nginx.js'
import { checkSite } from './doctor/site.js'
import { CliError, EXIT, type ExitCode, type Io, json, printable } from './io.js'
import { DEFAULT_POLICY_FILE, parseBase, readMemcached, readPolicy, withJson, withMemcached, withPolicy } from './options.js'
import { refuseUserName } from './page_request.js'
import { findPrograms } from './programs.js'

interface DoctorOptions {
  nginxDir?: string
  site?: string
  base?: URL
  policy?: string
  memcached?: string
  json?: true
}

const DEFAULT_NGINX_DIR = '/etc/nginx/samekey'

export function doctorCommand(program: Command, io: Io, done: (code: ExitCode) => void): void {
  const command = program
    .command('doctor')
    .description('check the policy, memcached, the ban list, Nginx and its files, and a page of the site; says what to do')
    .option('--nginx-dir <dir>', `the folder that \`samekey nginx\` wrote (default: ${DEFAULT_NGINX_DIR} if it is there)`)
    .option('--site <url>', 'a page that is to be cached: asked through Nginx twice, and looked for in memcached')
    .option('--base <url>', 'with --site: where Nginx answers, for example http://127.0.0.1:8080', parseBase)
  withJson(withPolicy(withMemcached(command))).action(async (options: DoctorOptions) => {
    if (options.site !== undefined) refuseUserName(options.site)
    const counts = { ok: 0, warn: 0, fail: 0 }
    for await (const check of checkAll(options, io)) {
      counts[check.status]++
      io.out(options.json ? json(check) : checkText(check))
    }
    if (!options.json) io.out(`\n${counts.ok} ok, ${counts.warn} ${counts.warn === 1 ? 'warning' : 'warnings'}, ${counts.fail} ${counts.fail === 1 ? 'failure' : 'failures'}\n`)
    if (counts.fail > 0) done(EXIT.failed)
  })
}

async function* checkAll(options: DoctorOptions, io: Io): Checks {
  const memcached = readMemcached(options.memcached, io)
  const { check, policy } = checkPolicy(options, io)
  yield check

  const store = new Store({ memcached, timeoutMs: 2000 })
  try {
    for (const server of store.servers) yield* checkServer(server, policy)
    // The rest is about a policy.
    if (policy === null) return
    if (policy.mode === 'full') yield await checkBanList(store, policy)
    yield* checkNginx(() => findPrograms(io.env, { memcached: false }), policy, memcached)
    const folder = resolve(io.cwd, options.nginxDir ?? DEFAULT_NGINX_DIR)
    if (options.nginxDir !== undefined || existsSync(folder)) yield* checkFiles(folder, policy, memcached)
    if (options.site !== undefined) yield* checkSite(options.site, options.base, store, policy)
  } finally {
    store.close()
  }
}

function checkPolicy(options: DoctorOptions, io: Io): { check: Check; policy: LoadedPolicy | null } {
  const file = options.policy ?? (existsSync(resolve(io.cwd, DEFAULT_POLICY_FILE)) ? DEFAULT_POLICY_FILE : null)
  try {
    const policy = readPolicy(options.policy, io)
    return { check: ok('policy', file, `${file === null ? 'the built-in defaults' : 'read'}; ${policy.mode} mode, fingerprint ${policy.fingerprint}`), policy }
  } catch (error) {
    if (!(error instanceof PolicyError) && !(error instanceof CliError)) throw error
    return { check: fail('policy', file, error.message, 'correct it where it says; the app does not start with it either'), policy: null }
  }
}

const MARKS = { ok: 'ok  ', warn: 'WARN', fail: 'FAIL' }

function checkText({ id, status, on, text, todo }: Check): string {
  const lines = [`${MARKS[status]}  ${id.padEnd(21)} ${on === null ? '' : `${on}: `}${text}`, ...(todo === null ? [] : [`      -> ${todo}`])]
  return lines.map((line) => line.split('\n').map(printable).join('\n      ') + '\n').join('')
}
