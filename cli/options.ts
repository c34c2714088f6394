// Options that several commands have, each read and checked in one place.

import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { loadPolicy } from '../node-writer/policy/load.js'
import type { LoadedPolicy } from '../node-writer/policy/types.js'
import { parseServers } from '../node-writer/ring.js'
import { type Io, usageError } from './io.js'

export const DEFAULT_POLICY_FILE = 'samekey.json'
export const DEFAULT_MEMCACHED = '127.0.0.1:11211'

export function withPolicy(command: Command): Command {
  return command.option('--policy <file>', `policy file (default: ${DEFAULT_POLICY_FILE} here if there is one, else the built-in defaults)`)
}

/** The policy that --policy names, or the one of this folder, or the defaults. */
export function readPolicy(file: string | undefined, io: Io): LoadedPolicy {
  const path = resolve(io.cwd, file ?? DEFAULT_POLICY_FILE)
  if (existsSync(path)) return loadPolicy(path)
  if (file !== undefined) throw usageError(`--policy: there is no file ${path}`)
  return loadPolicy({})
}

export function withMemcached(command: Command, otherwise = DEFAULT_MEMCACHED): Command {
  return command.option(
    '--memcached <list>',
    `memcached servers, host:port or host:port=weight, separated by ',' (default: $SAMEKEY_MEMCACHED, else ${otherwise})`,
    checkMemcached
  )
}

export function readMemcached(option: string | undefined, io: Io): string {
  if (option !== undefined) return option
  const fromEnvironment = io.env['SAMEKEY_MEMCACHED']
  return fromEnvironment ? checkMemcached(fromEnvironment) : DEFAULT_MEMCACHED
}

function checkMemcached(list: string): string {
  // Not shown, because somebody may have written user:password@host; commander's own error would show it.
  if (list.includes('@')) throw usageError('memcached servers are host:port; a user name or password cannot be given, because Nginx has no way to send it')
  try {
    parseServers(list)
    return list.split(',').map((server) => server.trim()).join(',')
  } catch (error) {
    throw usageError((error as Error).message)
  }
}

export function withJson(command: Command): Command {
  return command.option('--json', 'machine-readable output')
}

export function engineOption(): Option {
  return new Option('--engine <engine>', "Nginx's JavaScript engine: qjs (QuickJS) needs njs 0.8.6 or later").choices(['njs', 'qjs']).default('njs')
}

/** `host:port`, `[v6]:port` or a port alone, which is meant on this machine only. */
export function parseListen(text: string): { host: string; port: number } {
  const match = /^(?:([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):)?([0-9]{1,5})$/.exec(text)
  const port = Number(match?.[2])
  if (match === null || port > 65535) throw usageError(`--listen: expected HOST:PORT, for example 127.0.0.1:8080, got ${JSON.stringify(text)}`)
  return { host: match[1] ?? '127.0.0.1', port }
}

/** Where an Nginx answers, whatever its site is called. */
export function parseBase(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^https?:$/.test(url.protocol) || url.pathname !== '/' || url.search !== '' || url.username !== '') throw usageError('--base: expected http://host:port or https://host:port')
  return url
}
