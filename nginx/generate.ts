// Makes the Nginx files of a policy: the templates beside this file with their {{places}} filled in, the njs module
// and the policy as a module. Nothing is decided here that njs/core decides.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Variant } from '../njs/core/policy.js'
import { policyModuleSource } from '../node-writer/policy/module_source.js'
import type { LoadedPolicy } from '../node-writer/policy/types.js'
import { coveredFields } from '../node-writer/storable.js'
import { MAX_PARAMETER_BYTES } from './conf_text.js'
import { headMap } from './head_map.js'
import { plainMaps } from './plain_map.js'

export interface NginxOptions {
  policy: LoadedPolicy
  /** Absolute path of the files as Nginx will see it. */
  directory: string
  /** The app, `host:port` or `unix:/path`. */
  app: string
  /** The memcached servers, `host:port` or `host:port=weight`, in the order that the writer has. */
  memcached: string[]
  /** What the sample nginx.conf listens on: `host:port`, several separated by ','. Default 127.0.0.1:8080. */
  listen?: string
  /** The JavaScript engine: 'qjs' needs njs >= 0.8.6 built with QuickJS. Default 'njs'. */
  engine?: 'njs' | 'qjs'
  /** Whether the ban list is kept in a shared dictionary (njs >= 0.8) or in files. Default: as the module at `modulePath` can. */
  sharedDict?: boolean
  /** ngx_http_js_module.so for the sample nginx.conf; null when it is built in. Default: where Debian puts it. */
  modulePath?: string | null
  /** worker_processes of the sample nginx.conf. Default 'auto'. */
  workers?: number | 'auto'
  /** Idle connections to memcached that a worker keeps. Default 64. */
  memcachedKeepalive?: number
  /** access_log of the sample nginx.conf: a path, with a format if you like, or 'off'. Default 'access.log samekey'. */
  accessLog?: string
  /** error_log of the sample nginx.conf. Default 'error.log', below the prefix. */
  errorLog?: string
  /** A folder, best in memory: Nginx's own cache there keeps hits for a second (docs/front-cache.md). Default: none. */
  frontCache?: string
  /** Where the look-up in memcached listens behind the front cache: a loopback port that only Nginx uses. Default 127.0.0.1:8079. */
  frontInner?: string
  /** Networks (`127.0.0.1`, `10.0.0.0/8`) whose clients are told the key in Cache-Status. Default: none. */
  showKeyTo?: string[]
}

const LISTEN_OPTIONS = ' backlog=4096'

// Nginx's own 502 and 504 only: an error that the app itself sends passes as it is.
const RESCUE = '    # Nobody answers there.\n    recursive_error_pages on;\n    error_page 502 504 = @samekey_rescue;\n'

const DEBIAN_MODULE = '/usr/lib/nginx/modules/ngx_http_js_module.so'

/** Texts by file name. Throws a TypeError that names an option whose value Nginx could not take. */
export function generateNginxFiles(options: NginxOptions): Record<string, string> {
  checkOptions(options)
  const policy = options.policy
  const places: Record<string, string> = {
    directory: options.directory,
    app: options.app,
    scheme: policy.scheme === '' ? '$scheme' : policy.scheme,
    listen: (options.listen ?? '127.0.0.1:8080').split(',').join(`${LISTEN_OPTIONS};\n        listen `) + LISTEN_OPTIONS,
    workers: String(options.workers ?? 'auto'),
    workerConnections: '8192',
    errorLog: options.errorLog ?? 'error.log',
    accessLog: options.accessLog ?? 'access.log samekey',
    loadModule: options.modulePath === null ? '' : `load_module ${options.modulePath ?? DEBIAN_MODULE};`,
    memcachedKeepalive: String(options.memcachedKeepalive ?? 64),
    jsEngine: options.engine === 'qjs' ? 'js_engine qjs;\n# Contexts are kept for reuse: a new one costs about 140 us a request.\njs_context_reuse 1024;\n' : '',
    memcachedServers: memcachedServers(options.memcached),
    plainMaps: plainMaps(policy),
    variantMaps: policy.variants.map(variantMap).join(''),
    variantHeaders: variantHeaders(policy.variants),
    cookie: policy.variants.flatMap((variant, index) => (variant.source === 'cookie' ? [`${variant.field}=$samekey_forward_${index + 1}`] : [])).join('; '),
    unkeyedHeaders: policy.unkeyedHeaders.map((name) => `proxy_set_header ${name} "";\n`).join(''),
    tagFields: hiddenFields(policy.responses.showTags ? [] : policy.responses.tagFields),
    headMap: headMap(!isBeforeSharedDict(options)),
    directives: policy.requestDirectives ? '$http_cache_control$http_pragma' : '',
    ...keyPlaces(options.showKeyTo ?? [])
  }
  Object.assign(places, banPlaces(options))
  Object.assign(places, modePlaces(policy, places))
  Object.assign(places, frontPlaces(options, places))
  return {
    'samekey.js': readModule('samekey.js'),
    ...(policy.mode === 'full' ? { 'samekey_replay.js': readModule('samekey_replay.js') } : {}),
    'samekey_policy.js': policyModuleSource(policy),
    'samekey.http.conf': fill('samekey.http.conf', places),
    'samekey.server.conf': fill('samekey.server.conf', places),
    ...(options.frontCache === undefined
      ? { 'samekey.location.conf': fill(`samekey.location.${policy.mode}.conf`, places) }
      : { 'samekey.location.conf': fill('samekey.location.front.conf', places), 'samekey.inner.conf': fill(`samekey.location.${policy.mode}.conf`, places) }),
    'samekey.forward.conf': fill('samekey.forward.conf', places),
    ...(policy.mode === 'full' ? { 'samekey.body.conf': fill('samekey.body.conf', places) } : {}),
    'nginx.conf': fill('nginx.conf', places)
  }
}

/** Writes the files into `out`, which may be another path than Nginx's own `directory` (a container's, say). */
export function writeNginxFiles(out: string, options: NginxOptions): string[] {
  const files = generateNginxFiles(options)
  mkdirSync(out, { recursive: true })
  return Object.entries(files).map(([name, text]) => {
    writeFileSync(join(out, name), text)
    return join(out, name)
  })
}

// ---------------------------------------------------------------------------------------------------------- places

function memcachedServers(servers: string[]): string {
  const lines = servers.map((server) => {
    const [address, weight] = server.split('=')
    return `    server ${address}${weight === undefined ? '' : ` weight=${weight}`};`
  })
  // With one server there is nothing to choose. node-writer/ring.ts places keys on the same ring.
  if (servers.length > 1) lines.unshift('    # The writer places keys on the same ring.', '    hash $memcached_key consistent;')
  return lines.join('\n')
}

/** The selected value of a dimension, and what the app is shown for it. */
function variantMap(variant: Variant, index: number): string {
  const number = index + 1
  const skip = '[^ ,]*,'.repeat(index)
  const rows = variant.values.map((value) => `    "${value.value}" "${escapeText(value.forward)}";\n`).join('')
  return (
    `\n# Dimension ${variant.name}: its value in the key, and what the app is shown instead of the raw ${variant.source}.\n` +
    `map $samekey_verdict $samekey_variant_${number} {\n    "~^[^ ]+ [^ ]+ [^ ]+ ${skip}(?<samekey_value_${number}>[^ ,]+)" $samekey_value_${number};\n    default "";\n}\n` +
    `map $samekey_variant_${number} $samekey_forward_${number} {\n${rows}    default "";\n}\n`
  )
}

function variantHeaders(variants: Variant[]): string {
  if (variants.length === 0) return ''
  const all = variants.map((variant, index) => `${variant.name}=$samekey_variant_${index + 1}`).join(', ')
  const fields = variants.flatMap((variant, index) => (variant.source === 'header' ? [`proxy_set_header ${variant.field} $samekey_forward_${index + 1};\n`] : []))
  return `# The declared dimensions, each in the one form that the key covers.\nproxy_set_header X-Samekey-Variant "${all}";\n${fields.join('')}`
}

/** On the server's level, because a location that has such a line of its own has none of those above it. */
function hiddenFields(names: string[]): string {
  if (names.length === 0) return ''
  return `\n# Tags of pages are between the app and this cache.\n${names.map((name) => `proxy_hide_header ${name};\n`).join('')}`
}

/** What the clients in these networks are told of the key: RFC 9211 §2.7. Nginx has no escape for a quote in it. */
function keyPlaces(networks: string[]): Record<string, string> {
  if (networks.length === 0) return { keyParameter: '', showKey: '' }
  const rows = networks.map((network) => `    ${network} "1";\n`).join('')
  return {
    keyParameter: '$samekey_key_parameter',
    showKey: `# Who is told the key.\ngeo $samekey_shows_key {\n    default "";\n${rows}}\nmap "$samekey_shows_key$samekey_key" $samekey_key_parameter {\n` +
      '    ~^1(?<samekey_shown>[!#-\\x5b\\x5d-~]+)$ \'; key="$samekey_shown"\';\n    default "";\n}\n'
  }
}

/** The ban list, and where a node keeps its copy: njs/bans.ts. */
function banPlaces({ policy, directory, sharedDict, engine, modulePath }: NginxOptions): Record<string, string> {
  const bansKey = `${policy.keyHead}#bans`
  if (sharedDict ?? (engine === 'qjs' || hasSharedDict(modulePath))) {
    return { bansKey, bansCopy: 'js_shared_dict_zone zone=samekey_bans:1m;', bansFolder: '' }
  }
  return {
    bansKey,
    bansCopy: `map "" $samekey_bans_folder {\n    default "${directory}/bans";\n}`,
    bansFolder: `    # Nginx makes this folder and gives it to its workers, who keep their copy in it.\n    client_body_temp_path ${directory}/bans;\n`
  }
}

/** njs 0.8 and later: the directive's name is in the module. One that is not here may be older, and files suit all. */
function hasSharedDict(modulePath: string | null = DEBIAN_MODULE): boolean {
  return modulePath !== null && existsSync(modulePath) && readFileSync(modulePath).includes('js_shared_dict_zone\0')
}

/** Known to be older than njs 0.8. */
function isBeforeSharedDict({ engine, modulePath = DEBIAN_MODULE }: NginxOptions): boolean {
  return engine !== 'qjs' && modulePath !== null && existsSync(modulePath) && !hasSharedDict(modulePath)
}

/** Quotes and backslashes end or escape; a dollar sign would start a variable, and Nginx has no escape for it. */
function escapeText(text: string): string {
  return text.replace(/["\\]/g, '\\$&')
}

function modePlaces(policy: LoadedPolicy, places: Record<string, string>): Record<string, string> {
  const types = policy.routes.map((route) => route.contentType)
  const last = types[types.length - 1] as string
  const severalTypes = policy.mode === 'raw' && types.some((type) => type !== last)
  const typeRows = policy.routes.flatMap((route) => {
    if (route.match === null) return []
    return [`    "~${route.match.ignoreCase ? '*' : ''}${escapeText(route.match.source)}" "${escapeText(route.contentType)}";\n`]
  })
  return {
    modeHttp: policy.mode === 'full' ? fill('full.http.conf', { ...places, bansHttp: fill('bans.http.conf', places) }) : '',
    modeServer: policy.mode === 'full' ? fill('full.server.conf', { ...places, bansServer: fill('bans.server.conf', places) }) : '',
    rescue: policy.mode === 'full' ? RESCUE : '',
    defaultType: escapeText(last),
    typeMap: severalTypes
      ? `\n# The Content-Type of raw entries, by the policy's routes.\nmap $samekey_forward $samekey_type {\n${typeRows.join('')}    default "${escapeText(last)}";\n}\n`
      : '',
    typeFilter: severalTypes ? '# More than one type: set by the route of the canonical target.\njs_header_filter samekey.type;\n' : ''
  }
}

function frontPlaces({ frontCache, frontInner = '127.0.0.1:8079', policy }: NginxOptions, places: Record<string, string>): Record<string, string> {
  if (frontCache === undefined) return { frontHttp: '', frontForward: '' }
  const frontBypass = policy.requestDirectives ? '# Who asks for a younger page than the stored one asks memcached.\nproxy_cache_bypass $http_cache_control $http_pragma;\n' : ''
  // Of an odd name, and of one more than Nginx takes in a parameter, it is not said that it is covered.
  const names = coveredFields(policy).filter((name) => /^[A-Za-z0-9_-]+$/.test(name))
  const frontCovered = names.filter((_, index) => names.slice(0, index + 1).join('|').length < MAX_PARAMETER_BYTES - 100).join('|')
  const own = { ...places, frontCache, frontInner, frontBypass, frontCovered }
  return { ...own, frontHttp: fill('front.http.conf', own), frontForward: 'proxy_set_header X-Samekey-Client "";\n' }
}

// ------------------------------------------------------------------------------------------------------- templates

/** Fills every {{place}} of a template; a place without a value is a mistake of ours and must not reach Nginx. */
function fill(template: string, places: Record<string, string>): string {
  return readTemplate(template).replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = places[name]
    if (value === undefined) throw new Error(`nginx/${template}: no value for {{${name}}}`)
    return value
  })
}

function readTemplate(name: string): string {
  return readFileSync(join(packageRoot(), 'nginx', name), 'utf8')
}

function readModule(name: string): string {
  const path = join(packageRoot(), 'dist/njs', name)
  if (!existsSync(path)) throw new Error(`${path} is missing: run \`npm run build\``)
  return readFileSync(path, 'utf8')
}

/** The folder of package.json, from the source tree and from dist/ alike. */
function packageRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(directory, 'package.json'))) directory = dirname(directory)
  return directory
}

// --------------------------------------------------------------------------------------------------------- options

const ADDRESS = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}$|^unix:\/[^\s;{}"'\\$]+$/

const NETWORK = /^[0-9A-Fa-f:.]+(?:\/[0-9]{1,3})?$/

function checkOptions(options: NginxOptions): void {
  const plainPath = /^\/[^\s;{}"'\\$]*$/
  if (!plainPath.test(options.directory)) throw new TypeError(`directory: expected an absolute path without spaces, quotes or $, got ${JSON.stringify(options.directory)}`)
  if (options.modulePath && !plainPath.test(options.modulePath)) throw new TypeError(`modulePath: expected an absolute path, got ${JSON.stringify(options.modulePath)}`)
  if (options.frontCache !== undefined) {
    if (!plainPath.test(options.frontCache)) throw new TypeError(`frontCache: expected an absolute path, got ${JSON.stringify(options.frontCache)}`)
    // The server behind it is spoken to in HTTP, and would make another key of $scheme.
    if (options.policy.scheme === '') throw new TypeError('frontCache: the policy must say the scheme of its pages: "scheme": "https"')
  }
  if (options.frontInner !== undefined && !/^127\.0\.0\.1:[0-9]{1,5}$/.test(options.frontInner)) throw new TypeError(`frontInner: expected 127.0.0.1:port, got ${JSON.stringify(options.frontInner)}`)
  if (!ADDRESS.test(options.app)) throw new TypeError(`app: expected host:port or unix:/path, got ${JSON.stringify(options.app)}`)
  if (options.memcached.length === 0) throw new TypeError('memcached: expected at least one host:port')
  for (const server of options.memcached) {
    const [address, weight] = server.split('=')
    // Always with the port: Nginx's default for a server is 80.
    if (!ADDRESS.test(address as string)) throw new TypeError(`memcached: expected host:port or host:port=weight, got ${JSON.stringify(server)}`)
    if (weight !== undefined && !/^[1-9][0-9]{0,3}$/.test(weight)) throw new TypeError(`memcached: expected a weight from 1 to 9999, got ${JSON.stringify(server)}`)
  }
  for (const network of options.showKeyTo ?? []) {
    if (!NETWORK.test(network)) throw new TypeError(`showKeyTo: expected an address or a network like 10.0.0.0/8, got ${JSON.stringify(network)}`)
  }
  for (const address of (options.listen ?? '').split(',')) {
    if (address !== '' && !ADDRESS.test(address)) throw new TypeError(`listen: expected host:port, got ${JSON.stringify(address)}`)
  }
}
