// The generated Nginx files of a folder: of this policy, of this version, and with the servers that the writer has.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { generateNginxFiles, type NginxOptions } from '../../nginx/generate.js'
import { parseServers } from '../../node-writer/ring.js'
import type { LoadedPolicy } from '../../node-writer/policy/types.js'
import { type Checks, fail, ok, warn } from './check.js'

/** nginx.conf is a sample, for people to change. */
const SAMPLE = 'nginx.conf'

export async function* checkFiles(folder: string, policy: LoadedPolicy, memcached: string): Checks {
  const read = (name: string): string | null => (existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8') : null)
  const http = read('samekey.http.conf')
  const made = http === null ? null : optionsOf(http, policy)
  if (http === null || made === null) {
    yield fail('files-there', folder, http === null ? 'there is no samekey.http.conf' : 'its samekey.http.conf is not one that `samekey nginx` writes', again(folder))
    return
  }
  const expected = Object.entries(generateNginxFiles(made)).filter(([name]) => name !== SAMPLE)
  const missing = expected.filter(([name]) => read(name) === null).map(([name]) => name)
  yield missing.length === 0 ? ok('files-there', folder, `${expected.length} files`) : fail('files-there', folder, `there is no ${missing.join(', ')}`, again(folder))

  const own = read('samekey_policy.js') ?? ''
  const keyHead = /keyHead: "([^"]*)"/.exec(own)?.[1] ?? 'none'
  const isSame = keyHead === policy.keyHead
  yield isSame ? ok('files-policy', folder, `fingerprint ${policy.fingerprint}, as the policy`) : fail('files-policy', folder, `they were made with another policy (${keyHead}, this one is ${policy.keyHead}): every page is a miss`, `${again(folder)}, and let the app load the same policy`)

  const different = expected.filter(([name, text]) => read(name) !== null && read(name) !== text).map(([name]) => name)
  const changed = isSame ? different : different.filter((name) => name !== 'samekey_policy.js')
  if (isSame || changed.some((name) => name.endsWith('.js'))) {
    yield changed.length === 0 ? ok('files-current', folder, 'as this version of samekey writes them') : warn('files-current', folder, `${changed.join(', ')} ${changed.length === 1 ? 'differs' : 'differ'} from what this version writes`, `${again(folder)}, unless they were changed by hand`)
  }

  const servers = sorted(made.memcached.join(','))
  const wanted = sorted(memcached)
  if (servers.join() === wanted.join()) yield ok('files-memcached', folder, `${servers.join(', ')}; their order does not matter`)
  else yield fail('files-memcached', folder, `Nginx has ${servers.join(', ')}, and --memcached is ${wanted.join(', ')}`, 'give both sides the same list, spelled alike: localhost and 127.0.0.1 are two servers, and pages are then stored where Nginx does not look')
}

function again(folder: string): string {
  return `write them again: samekey nginx --out ${folder} --app HOST:PORT --memcached LIST, then nginx -t and nginx -s reload`
}

/** What they were made with, as far as it can be read back; null when it cannot. */
function optionsOf(http: string, policy: LoadedPolicy): NginxOptions | null {
  const upstream = (name: string): string => new RegExp(`upstream ${name} \\{([^}]*)\\}`).exec(http)?.[1] ?? ''
  const memcached = [...upstream('samekey_memcached').matchAll(/server (\S+?)(?: weight=([0-9]+))?;/g)].map(([, server, weight]) => (weight === undefined ? server : `${server}=${weight}`) as string)
  const app = /server (\S+);/.exec(upstream('samekey_app'))?.[1]
  const directory = /js_path "([^"]*)"/.exec(http)?.[1]
  if (memcached.length === 0 || app === undefined || directory === undefined) return null
  return {
    policy,
    directory,
    app,
    memcached,
    engine: http.includes('js_engine qjs;') ? 'qjs' : 'njs',
    sharedDict: http.includes('js_shared_dict_zone zone=samekey_bans'),
    memcachedKeepalive: Number(/keepalive ([0-9]+);/.exec(upstream('samekey_memcached'))?.[1] ?? 64)
  }
}

function sorted(list: string): string[] {
  return parseServers(list).map(({ name, weight }) => (weight === 1 ? name : `${name}=${weight}`)).sort()
}
