// What is to be purged, as people, programs and HTTP clients write it. It is checked as a whole, and brought into the
// form that keys and entries have, before anything is purged.

import { normaliseHost, normaliseTarget } from '../njs/core/normalise.js'
import { groupTag } from './http/cache_groups.js'
import { MAX_COMPARED, type Purge } from './invalidation/compact.js'
import { splitUrl } from './key.js'
import { nearest, show } from './policy/problems.js'
import { MAX_STEPS, parsePattern, RegexProblem } from './policy/regex.js'
import type { LoadedPolicy, Pattern } from './policy/types.js'
import { isTag, MAX_TAG_LENGTH } from './tags.js'

/** All that is named is purged. Full mode only: `tags`, `pattern`, `groups`. */
export interface PurgeRequest {
  /** Every variant of these pages: absolute URLs, or paths of `site`. */
  urls?: string | readonly string[]
  /** Pages that carry one of these tags. */
  tags?: string | readonly string[]
  /** Pages whose canonical URL begins with one of these: absolute URLs, or paths of `site`. */
  prefix?: string | readonly string[]
  /** Pages of any host whose canonical path and query match, from their start. The grammar is that of the policy's `ignore`. */
  pattern?: Pattern | readonly Pattern[]
  /** Pages that belong to one of these groups (RFC 9875) of `site`: of that very origin, when it is named. */
  groups?: string | readonly string[]
  /** Every page of this policy. */
  all?: boolean
  /** `https://example.org`, to which paths and groups belong. Default: that of the page cache. */
  site?: string
  /** Who asks, for the purge log. */
  by?: string
}

/** Nothing was purged: the request cannot be understood. */
export class PurgeRequestError extends TypeError {
  override name = 'PurgeRequestError'
  constructor(
    /** Where, as a JSON path: `$.tags[3]`; `$` for the whole request. */
    readonly path: string,
    readonly problem: string
  ) {
    super(`purge: ${path}: ${problem}`)
  }
}

/** A request in the form in which it is carried out. */
export interface PurgePlan {
  /** Absolute, each once. */
  urls: string[]
  /** Of scheme://host/target, canonical. */
  prefixes: string[]
  all: boolean
  /** What goes into the ban list: all but the URLs. In raw mode none. */
  bans: Purge[]
}

const FIELDS = ['urls', 'tags', 'prefix', 'pattern', 'groups', 'all', 'site', 'by']

const NOT_IN_RAW_MODE = 'a raw entry is the bare page and cannot be found by it; purge urls, a prefix or all, or use mode "full"'

/** Steps that one pattern may take: every hit on an older page tries all that the list can hold. */
const stepsOf = (policy: LoadedPolicy): number => Math.max(MAX_STEPS / MAX_COMPARED, 8 * policy.maxTargetBytes)

/** Throws a PurgeRequestError. `request` may be anything. */
export function readPurgeRequest(request: unknown, policy: LoadedPolicy, ownSite: string | undefined): PurgePlan {
  if (typeof request !== 'object' || request === null || Array.isArray(request)) throw new PurgeRequestError('$', `expected an object with ${FIELDS.slice(0, 6).join(', ')}, got ${show(request)}`)
  const fields = request as Record<string, unknown>
  for (const name of Object.keys(fields)) {
    const meant = nearest(name, FIELDS)
    if (!FIELDS.includes(name)) throw new PurgeRequestError('$', `there is no ${show(name)}${meant === null ? '' : `; did you mean ${meant}?`} (allowed: ${FIELDS.join(', ')})`)
  }
  const { site = ownSite, by, all = false } = fields
  if (!FIELDS.slice(0, 6).some((name) => fields[name] !== undefined && fields[name] !== false)) throw new PurgeRequestError('$', `nothing to purge: name ${FIELDS.slice(0, 6).join(', ')}`)
  if (typeof all !== 'boolean') throw new PurgeRequestError('$.all', `expected true or false, got ${show(all)}`)
  if (by !== undefined && typeof by !== 'string') throw new PurgeRequestError('$.by', `expected a text, got ${show(by)}`)
  if (site !== undefined && (typeof site !== 'string' || !SITE.test(site))) throw new PurgeRequestError('$.site', `expected https://host or http://host, got ${show(site)}`)
  if (policy.mode === 'raw') {
    for (const name of ['tags', 'pattern', 'groups']) if (fields[name] !== undefined) throw new PurgeRequestError(`$.${name}`, NOT_IN_RAW_MODE)
  }

  const sites = (path: string) => sitesOf(site, policy, path)
  const urls = listOf(fields['urls'], '$.urls').flatMap(([url, path]) => (url.startsWith('/') ? sites(path).map((each) => each + url) : [checkUrl(url, path)]))
  const tags = listOf(fields['tags'], '$.tags').map(([tag, path]) => checkTag(tag, path))
  // RFC 9875 §2.1: a group is one origin's. Only a site that is not named may be either.
  const origins = (path: string) => (fields['site'] === undefined ? sites(path) : [site as string]).map((each) => originOf(each, policy, path))
  const groups = listOf(fields['groups'], '$.groups').flatMap(([group, path]) => origins(path).map((origin) => groupTag(group, origin)))
  const prefixes = listOf(fields['prefix'], '$.prefix').flatMap(([prefix, path]) =>
    (prefix.startsWith('/') ? sites(path).map((each) => each + prefix) : [prefix]).map((each) => canonicalPrefix(each, policy, path)))
  const patterns = patternsOf(fields['pattern'], policy)

  const bans: Purge[] = []
  if (all) bans.push({ kind: 'all' })
  else {
    if (tags.length + groups.length > 0) bans.push({ kind: 'tag', tags: [...new Set([...tags, ...groups])] })
    if (prefixes.length > 0) bans.push({ kind: 'prefix', prefixes: [...new Set(prefixes)] })
    bans.push(...patterns)
  }
  return { urls: [...new Set(urls)], prefixes: [...new Set(prefixes)], all, bans: policy.mode === 'raw' ? [] : bans }
}

/** One text or several, each with its place. */
function listOf(value: unknown, path: string): [text: string, path: string][] {
  if (value === undefined) return []
  const list = (Array.isArray(value) ? value : [value]) as unknown[]
  return list.map((each, index) => {
    const place = Array.isArray(value) ? `${path}[${index}]` : path
    if (typeof each !== 'string') throw new PurgeRequestError(place, `expected a text, got ${show(each)}`)
    return [each, place]
  })
}

// ------------------------------------------------------------------------------------------------------------- sites

const SITE = /^https?:\/\/[^/?#@\\]+\/?$/i

/** What a path belongs to that names no host: the first host of the policy; undefined when it names none. */
export function siteOf(policy: LoadedPolicy): string | undefined {
  const host = policy.document.hosts.find((name) => !name.includes('*'))
  return host === undefined ? undefined : `https://${host}`
}

/** A path means the site's page under every scheme that the key tells apart. */
function sitesOf(site: unknown, policy: LoadedPolicy, path: string): string[] {
  if (typeof site !== 'string') throw new PurgeRequestError(path, 'which site is meant? give an absolute URL, or site as https://host')
  const { scheme, host } = splitUrl(site)
  // A port belongs to one scheme, unless it is one that neither would leave out.
  const schemes = policy.scheme !== '' ? [policy.scheme] : /:(?:80|443)$/.test(host) ? [scheme] : ['http', 'https']
  return schemes.map((each) => `${each}://${host}`)
}

/** As the key has it. */
function originOf(url: string, policy: LoadedPolicy, path: string): string {
  const parts = splitUrl(url)
  const scheme = policy.scheme === '' ? parts.scheme : policy.scheme
  const host = normaliseHost(parts.host, scheme)
  if (host === '') throw new PurgeRequestError(path, `expected a host, got ${show(parts.host)}`)
  return `${scheme}://${host}`
}

function checkUrl(url: string, path: string): string {
  try {
    splitUrl(url)
    return url
  } catch (error) {
    throw new PurgeRequestError(path, (error as Error).message)
  }
}

// -------------------------------------------------------------------------------------------------------------- bans

function canonicalPrefix(url: string, policy: LoadedPolicy, path: string): string {
  const { target } = splitUrl(checkUrl(url, path))
  const { text, ambiguity } = normaliseTarget(target, policy)
  if (ambiguity !== '') throw new PurgeRequestError(path, `no page with such a path is ever stored (${ambiguity}): ${show(url)}`)
  return originOf(url, policy, path) + text
}

function checkTag(tag: string, path: string): string {
  if (isTag(tag)) return tag
  throw new PurgeRequestError(path, `expected 1 to ${MAX_TAG_LENGTH} characters from ! to ~ without a comma, got ${show(tag)}`)
}

function patternsOf(value: unknown, policy: LoadedPolicy): Extract<Purge, { kind: 'pattern' }>[] {
  if (value === undefined) return []
  const list = (Array.isArray(value) ? value : [value]) as unknown[]
  return list.map((each, index) => {
    const path = Array.isArray(value) ? `$.pattern[${index}]` : '$.pattern'
    if (!isPattern(each)) throw new PurgeRequestError(path, `expected a regex as text or as {"pattern": "…", "caseSensitive": true}, got ${show(each)}`)
    try {
      const { source, caseSensitive, steps } = parsePattern(each, { maxLength: policy.maxTargetBytes, anchored: true, mayBeEmpty: false })
      if (source.includes(' ')) throw new PurgeRequestError(path, 'found a space, which no canonical target has; write %20')
      if (steps > stepsOf(policy)) throw new PurgeRequestError(path, `it could take ${Math.ceil(steps)} steps, and ${stepsOf(policy)} are allowed; let each part exclude what the next begins with, as in [^/]*/`)
      return { kind: 'pattern', pattern: source, caseSensitive }
    } catch (error) {
      throw error instanceof RegexProblem ? new PurgeRequestError(path, error.message) : error
    }
  })
}

function isPattern(value: unknown): value is Pattern {
  if (typeof value === 'string') return true
  if (typeof value !== 'object' || value === null) return false
  const { pattern, caseSensitive, ...others } = value as Record<string, unknown>
  return typeof pattern === 'string' && ['undefined', 'boolean'].includes(typeof caseSensitive) && Object.keys(others).length === 0
}
