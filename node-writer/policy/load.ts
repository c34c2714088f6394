// The way of a policy: file, JSON, shape (schema.json), meaning, compiled. Whatever is wrong is said here and all at
// once, so that nothing is left to go wrong in Nginx or while the app answers.

import { readFileSync } from 'node:fs'
import { type ParseError, parse as parseJson, printParseErrorCode } from 'jsonc-parser'
import { SESSION_COOKIES, SESSION_EXCEPTIONS, TRACKING_ARGUMENTS, UNKEYED_HEADERS } from './defaults.js'
import { fingerprintOf, keyHeadOf } from './fingerprint.js'
import { cookieNamesRegex, hostsRegex, NO_NAME, queryNamesRegex, sessionCookieRegex } from './globs.js'
import { PolicyError, type PolicyProblem, show } from './problems.js'
import { anchoredRegex, MAX_BYTES, MAX_STEPS, parsePattern, type PortableRegex, RegexProblem } from './regex.js'
import { RESERVED_HEADERS } from './reserved_headers.js'
import type { FilledDocument, LoadedPolicy, Pattern, PolicyDocument, ResponseRules, Route } from './types.js'
import { fillDefaults, validateShape } from './validate.js'
import { compileVariants } from './variants.js'

export { PolicyError, type PolicyProblem } from './problems.js'

const HTML = 'text/html; charset=utf-8'

/**
 * The policy of a file or of a document; `{}` is right for an ordinary site.
 * @throws PolicyError with every problem and its place.
 */
export function loadPolicy(source: string | PolicyDocument): LoadedPolicy {
  const name = typeof source === 'string' ? source : 'policy'
  const written = typeof source === 'string' ? readPolicyFile(source) : structuredClone(source)
  const problems = validateShape(written)
  // What follows relies on the shape, so it sees only the fields that have it.
  const sound = problems.length === 0 ? written : withoutFieldsOf(written, problems)
  const policy = compile(fillDefaults(sound), problems)
  if (problems.length > 0) throw new PolicyError(name, problems)
  return policy
}

function withoutFieldsOf(written: unknown, problems: PolicyProblem[]): object {
  if (typeof written !== 'object' || written === null || Array.isArray(written)) return {}
  const broken = problems.map(({ path }) => /^\$(?:\.([$\w]+)|\["(.*?)"\])/.exec(path)?.slice(1).join(''))
  return Object.fromEntries(Object.entries(written).filter(([field]) => !broken.includes(field)))
}

// -------------------------------------------------------------------------------------------------------------- file

function readPolicyFile(path: string): unknown {
  let text: string
  try {
    text = readFileSync(path, 'utf8').replace(/^\ufeff/, '')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new PolicyError(path, [{ path: '$', message: code === 'ENOENT' ? 'there is no such file' : `cannot be read: ${message}` }])
  }
  const errors: ParseError[] = []
  const value: unknown = parseJson(text, errors, { disallowComments: true, allowEmptyContent: false })
  const first = errors[0]
  if (first !== undefined) throw new PolicyError(path, [{ path: '$', message: `no JSON: ${describe(first)} at ${lineAndColumn(text, first.offset)}` }])
  return value
}

/** InvalidCommentToken, for example, in words. */
function describe(error: ParseError): string {
  return printParseErrorCode(error.error).replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase()
}

function lineAndColumn(text: string, offset: number): string {
  const before = text.slice(0, offset).split('\n')
  return `line ${before.length}, column ${(before[before.length - 1] as string).length + 1}`
}

// ----------------------------------------------------------------------------------------------------------- meaning

function compile(document: FilledDocument, problems: PolicyProblem[]): LoadedPolicy {
  const { query, cookies } = document
  const ignored = compilePatterns(document.ignore, '$.ignore', document.maxTargetBytes, false, problems)
  const routes = compilePatterns(document.routes.map((route) => route.match), (index) => `$.routes[${index}].match`, document.maxTargetBytes, true, problems)
  const { variants, patterns } = compileVariants(document.variants, problems)
  checkBudget([...ignored, ...routes, ...patterns], document.maxTargetBytes, problems)
  checkHosts(document.hosts, problems)
  checkUnkeyed(document.headers.unkeyed, problems)
  if (query.only !== undefined && query.ignore.length > 0) {
    problems.push({ path: '$.query', message: 'found both only and ignore, allowed: one of them; with only, all other arguments are ignored already' })
  }

  // A raw entry does not say how old it is.
  if (document.requestDirectives && document.mode === 'raw') problems.push({ path: '$.requestDirectives', message: 'found true with mode "raw", allowed: true with mode "full"' })

  // With a list of all arguments that count, the others need no list.
  const drop = query.only === undefined ? [...(query.ignoreDefaults ? TRACKING_ARGUMENTS : []), ...query.ignore] : []
  const keep = query.only ?? null
  const fingerprint = fingerprintOf({ document, drop, keep, variants })
  return {
    keyHead: keyHeadOf(document.prefix, fingerprint),
    mode: document.mode,
    scheme: document.scheme === 'request' ? '' : document.scheme,
    hosts: hostsRegex(document.hosts),
    maxTargetBytes: document.maxTargetBytes,
    ignore: combine(ignored),
    sessionCookie: sessionCookieRegex(
      [...(cookies.sessionDefaults ? SESSION_COOKIES : []), ...cookies.session],
      [...(cookies.sessionDefaults ? SESSION_EXCEPTIONS : []), ...cookies.except]
    ),
    requestNoCache: document.requestNoCache,
    requestDirectives: document.requestDirectives,
    allowedAmbiguities: [...document.allowAmbiguous],
    query: { drop: queryNamesRegex(drop), keep: keep === null ? null : (queryNamesRegex(keep) ?? NO_NAME), sort: query.sort },
    variants,
    document,
    fingerprint,
    ignoreRules: ignored.map((pattern) => ({ pattern: pattern.pattern, regex: anchoredRegex([pattern]) })),
    routes: [...document.routes.map((route, index): Route => ({
      match: routes[index] === undefined ? null : anchoredRegex([routes[index]]),
      ttlSeconds: route.ttl ?? null,
      contentType: route.type ?? HTML
    })), { match: null, ttlSeconds: null, contentType: HTML }],
    responses: responseRules(document.responses),
    unkeyedHeaders: unkeyedHeaders(document)
  }
}

function compilePatterns(written: Pattern[], path: string | ((index: number) => string), maxLength: number, mayBeEmpty: boolean, problems: PolicyProblem[]): PortableRegex[] {
  return written.flatMap((pattern, index) => {
    try {
      return [parsePattern(pattern, { maxLength, anchored: true, mayBeEmpty })]
    } catch (error) {
      if (!(error instanceof RegexProblem)) throw error
      problems.push({ path: typeof path === 'string' ? `${path}[${index}]` : path(index), message: error.message })
      return []
    }
  })
}

/** One regex for each case-sensitivity in use: an engine enters a regex more slowly than it tries an alternative. */
function combine(patterns: PortableRegex[]): RegExp[] {
  return [false, true].flatMap((caseSensitive) => {
    const alike = patterns.filter((pattern) => pattern.caseSensitive === caseSensitive)
    return alike.length === 0 ? [] : [anchoredRegex(alike)]
  })
}

function checkBudget(patterns: PortableRegex[], maxTargetBytes: number, problems: PolicyProblem[]): void {
  // Once along the target for the end of what matches, once for an engine that looks for `^` at every position.
  const steps = Math.ceil(patterns.reduce((sum, pattern) => sum + pattern.steps, 2 * maxTargetBytes))
  if (steps > MAX_STEPS) {
    const worst = patterns.reduce((a, b) => (b.steps > a.steps ? b : a))
    problems.push({ path: '$', message: `all patterns together could take ${steps.toLocaleString('en-US')} steps a request, allowed: ${MAX_STEPS.toLocaleString('en-US')}; ${show(worst.pattern)} alone could take ${Math.ceil(worst.steps).toLocaleString('en-US')}` })
  }
  const bytes = patterns.reduce((sum, pattern) => sum + pattern.bytes, 0)
  if (bytes > MAX_BYTES) problems.push({ path: '$', message: `all patterns together are too large for PCRE: about ${bytes.toLocaleString('en-US')} bytes, allowed: ${MAX_BYTES.toLocaleString('en-US')}; use fewer classes and counts` })
}

function checkHosts(hosts: string[], problems: PolicyProblem[]): void {
  hosts.forEach((host, index) => {
    if (/:(?:80|443)$/.test(host)) problems.push({ path: `$.hosts[${index}]`, message: `found ${show(host)}; leave out the scheme's own port, as the key does` })
  })
}

function checkUnkeyed(names: string[], problems: PolicyProblem[]): void {
  names.forEach((name, index) => {
    const reason = RESERVED_HEADERS.get(name.toLowerCase())
    if (reason !== undefined) problems.push({ path: `$.headers.unkeyed[${index}]`, message: `found ${show(name)}, which cannot be removed: ${reason}` })
  })
}

function responseRules({ dropCookies, tagHeaders, showTags, makeEtag, heuristic, stale, revalidateFor, maxTtl, ttlJitter, earlyRefresh }: FilledDocument['responses']): ResponseRules {
  return {
    dropCookies: cookieNamesRegex(dropCookies),
    tagFields: [...new Set(tagHeaders.map((name) => name.toLowerCase()))],
    showTags,
    makeEtag,
    heuristic: heuristic === undefined ? null : { fraction: heuristic.fraction, maxSeconds: heuristic.max },
    whileRevalidateSeconds: stale.whileRevalidate,
    ifErrorSeconds: stale.ifError,
    staleMaxSeconds: stale.max,
    revalidateForSeconds: revalidateFor,
    maxTtlSeconds: maxTtl,
    ttlJitterPercent: ttlJitter,
    earlyRefreshPercent: earlyRefresh
  }
}

/** Lower case, once each, without the fields of variants: those are forwarded in the form that the key covers. */
function unkeyedHeaders(document: FilledDocument): string[] {
  const names = [...(document.headers.unkeyedDefaults ? UNKEYED_HEADERS : []), ...document.headers.unkeyed].map((name) => name.toLowerCase())
  const keyed = document.variants.map((variant) => variant.header?.toLowerCase())
  return [...new Set(names)].filter((name) => !keyed.includes(name))
}

