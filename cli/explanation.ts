// Why a request gets the key that it gets, as data. Every answer is the core's own: this file only asks its functions
// about parts of the request, and never decides anything itself.

import type { BypassReason } from '../njs/core/decide.js'
import { MAX_KEY_BYTES } from '../njs/core/key.js'
import { normaliseTarget } from '../njs/core/normalise.js'
import type { PathAmbiguity, Policy, Variant } from '../njs/core/policy.js'
import { resolveRequest } from '../node-writer/key.js'
import { SESSION_COOKIES, TRACKING_ARGUMENTS } from '../node-writer/policy/defaults.js'
import { queryNamesRegex, sessionCookieRegex } from '../node-writer/policy/globs.js'
import type { LoadedPolicy } from '../node-writer/policy/types.js'
import type { PageRequest } from './page_request.js'

export interface Explanation {
  request: { method: string; scheme: string; host: string; target: string; headers: { name: string; value: string }[] }
  /** In the order in which they are asked; the first that bypasses decides. */
  rules: Rule[]
  bypass: BypassReason | null
  detail: PathAmbiguity | null
  /** The rest is null on a bypass: the request is left as it is. */
  page: Page | null
}

export interface Rule {
  name: RuleName
  outcome: 'pass' | 'bypass' | 'not asked'
  /** What the rule looks for, or what it found. */
  text: string
}

export interface Page {
  path: { from: string; to: string }
  arguments: Argument[]
  /** The arguments that are left were put in the order of their names. */
  sorted: boolean
  host: { from: string; to: string }
  scheme: { from: string; to: string }
  variants: { name: string; source: 'cookie' | 'header'; field: string; value: string; isFallback: boolean }[]
  key: string
  keyBytes: number
  /** The whole key was longer than `MAX_KEY_BYTES` and ends in its SHA-256. */
  shortened: boolean
  app: { host: string; target: string; headers: { name: string; fate: 'kept' | 'removed' | 'canonical' }[] }
}

export interface Argument {
  raw: string
  outcome: 'kept' | 'ignored' | 'empty'
  /** The canonical form of a kept one; of an ignored one, the name in the policy, or null when only `query.only` is kept. */
  as: string | null
}

type RuleName = Exclude<BypassReason, 'error'>

/** The order of resolve() in njs/core. test/unit/cli_explain.test.ts holds the two together. */
export const RULE_NAMES = [
  'method', 'upgrade', 'body', 'authorization', 'cookie', 'request-no-cache', 'not-ascii', 'too-long', 'ambiguous-path', 'host', 'ignored'
] as const satisfies RuleName[]

export function explainRequest(request: PageRequest, policy: LoadedPolicy): Explanation {
  const verdict = resolveRequest(request, policy)
  const decided = (RULE_NAMES as readonly string[]).indexOf(verdict.bypass)
  return {
    request: { method: request.method, scheme: request.scheme, host: request.host, target: request.target, headers: request.fields.map(([name, value]) => ({ name, value: withoutSecrets(name, value) })) },
    rules: RULE_NAMES.map((name, i) => {
      if (decided < 0 || i < decided) return { name, outcome: 'pass', text: LOOKS_FOR[name](policy) }
      if (i > decided) return { name, outcome: 'not asked', text: LOOKS_FOR[name](policy) }
      return { name, outcome: 'bypass', text: FOUND[name](request, policy, verdict.detail) }
    }),
    bypass: verdict.bypass || null,
    detail: verdict.detail || null,
    page: verdict.bypass === '' ? explainPage(request, policy, verdict) : null
  }
}

/** Fields that may say who somebody is are shown by name only. */
function withoutSecrets(name: string, value: string): string {
  if (/^cookie$/i.test(name)) return value.split(';').map((pair) => `${cookieName(pair)}=…`).join('; ')
  return /auth|token|secret|key|session|signature/i.test(name) ? '…' : value
}

// ----------------------------------------------------------------------------------------------------------- rules

const LOOKS_FOR: Record<RuleName, (policy: LoadedPolicy) => string> = {
  'method': () => 'only GET and HEAD',
  'upgrade': () => 'no change of protocol',
  'body': () => 'no body',
  'authorization': () => 'no Authorization field',
  'cookie': () => 'no session cookie',
  'request-no-cache': (policy) => (policy.requestNoCache ? 'no no-cache or no-store from the client' : 'off in this policy'),
  'not-ascii': () => 'printable ASCII only',
  'too-long': (policy) => `at most ${policy.maxTargetBytes} bytes`,
  'ambiguous-path': () => 'a path that every program reads alike',
  'host': (policy) => (policy.hosts === null ? 'one valid host' : 'one of the hosts of the policy'),
  'ignored': (policy) => (policy.ignoreRules.length === 0 ? 'the policy ignores nothing' : `none of the policy's ${policy.ignoreRules.length} ignore patterns`)
}

const FOUND: Record<RuleName, (request: PageRequest, policy: LoadedPolicy, detail: PathAmbiguity | '') => string> = {
  'method': (request) => `${request.method} is neither GET nor HEAD`,
  'upgrade': (request) => `Upgrade: ${request.header('upgrade')}`,
  'body': () => 'the request has a body, which a look-up would lose',
  'authorization': () => 'there is an Authorization field (its value is not shown)',
  'cookie': (request, policy) => sessionCookieText(request, policy),
  'request-no-cache': () => 'the client asks for a fresh page (Cache-Control or Pragma)',
  'not-ascii': (request) => `a byte that is no printable ASCII, at position ${request.target.search(/[^!-~]/) + 1}`,
  'too-long': (request, policy) => `${request.target.length} bytes, more than ${policy.maxTargetBytes}`,
  'ambiguous-path': (_request, _policy, detail) => `${detail}: ${AMBIGUITIES[detail as PathAmbiguity]}`,
  'host': (request, policy) => (request.host === '' ? 'there is no Host field' : `${JSON.stringify(request.host)} is ${policy.hosts === null ? 'no valid host' : 'not one of the hosts of the policy'}`),
  'ignored': (request, policy) => `the policy ignores ${ignoringPattern(request, policy)}`
}

const AMBIGUITIES: Record<PathAmbiguity, string> = {
  'backslash': 'some programs read \\ as /',
  'bad-escape': 'a % without two hex digits',
  'dot-segment': '/./ or /../, which some programs resolve',
  'double-encoding': 'an escape inside an escape (%25 and two hex digits)',
  'empty-segment': '//, which some programs merge',
  'encoded-backslash': '%5C, which some programs decode to \\ and read as /',
  'encoded-control': 'an encoded control character',
  'encoded-slash': '%2F, which some programs decode to /',
  'fragment': 'a #, which clients do not send',
  'no-slash': 'the target does not begin with /',
  'semicolon': 'some programs cut a path at ;'
}

function cookieName(pair: string): string {
  return (pair.split('=')[0] as string).trim()
}

/** The first cookie of the request that alone makes it a session, and the glob of the policy that says so. */
function sessionCookieText(request: PageRequest, policy: LoadedPolicy): string {
  const name = request.cookie.split(';').map(cookieName).find((each) => policy.sessionCookie?.test(each + '=')) ?? ''
  const { session, sessionDefaults } = policy.document.cookies
  const globs = [...session, ...(sessionDefaults ? SESSION_COOKIES : [])]
  const glob = globs.find((each) => sessionCookieRegex([each], [])?.test(name + '='))
  return `cookie ${name} is a session${glob === undefined ? '' : `: it matches ${glob}`} (its value is not shown)`
}

function ignoringPattern(request: PageRequest, policy: LoadedPolicy): string {
  const target = normaliseTarget(request.target, policy).text
  const index = policy.ignoreRules.findIndex((rule) => rule.regex.test(target))
  return `${policy.ignoreRules[index]?.pattern} (ignore[${index}])`
}

// ------------------------------------------------------------------------------------------------------------ page

function explainPage(request: PageRequest, policy: LoadedPolicy, verdict: { key: string; scheme: string; host: string; forward: string; variants: string }): Page {
  const [rawPath, rawQuery] = splitTarget(request.target)
  const parts = rawQuery === '' ? [] : rawQuery.split('&').map((raw) => explainArgument(raw, policy))
  const kept = parts.flatMap((part) => (part.outcome === 'kept' ? [part.as] : [])).join('&')
  const values = verdict.variants === '' ? [] : verdict.variants.split(',')
  return {
    path: { from: rawPath, to: splitTarget(verdict.forward)[0] },
    arguments: parts,
    sorted: kept !== splitTarget(verdict.forward)[1],
    host: { from: request.host, to: verdict.host },
    scheme: { from: request.scheme, to: verdict.scheme },
    variants: policy.variants.map((variant, i) => ({
      name: variant.name,
      source: variant.source,
      field: variant.field,
      value: values[i] as string,
      isFallback: values[i] === variant.values[variant.fallback]?.value
    })),
    key: verdict.key,
    keyBytes: verdict.key.length,
    // No canonical target has a '#' (docs/key-format.md §7).
    shortened: verdict.key.length === MAX_KEY_BYTES && /#[0-9a-f]{64}$/.test(verdict.key),
    app: { host: verdict.host, target: verdict.forward, headers: request.fields.map(([name]) => ({ name, fate: fateOf(name.toLowerCase(), policy) })) }
  }
}

function splitTarget(target: string): [path: string, query: string] {
  const mark = target.indexOf('?')
  return mark < 0 ? [target, ''] : [target.slice(0, mark), target.slice(mark + 1)]
}

/** What becomes of one argument when it is the only one. */
function explainArgument(raw: string, policy: LoadedPolicy): Argument {
  if (raw === '') return { raw, outcome: 'empty', as: null }
  const as = canonicalQuery(raw, policy)
  if (as !== '') return { raw, outcome: 'kept', as }
  const { ignore, ignoreDefaults } = policy.document.query
  const names = [...ignore, ...(ignoreDefaults ? TRACKING_ARGUMENTS : [])]
  const name = names.find((each) => canonicalQuery(raw, { ...policy, query: { drop: queryNamesRegex([each]), keep: null, sort: false } }) === '')
  return { raw, outcome: 'ignored', as: name ?? null }
}

function canonicalQuery(argument: string, policy: Policy): string {
  return splitTarget(normaliseTarget('/?' + argument, policy).text)[1]
}

/** What nginx/samekey.server.conf does with a field in @samekey_miss. */
function fateOf(name: string, policy: LoadedPolicy): 'kept' | 'removed' | 'canonical' {
  const declares = (variant: Variant): boolean => (variant.source === 'cookie' ? name === 'cookie' : name === variant.field)
  if (policy.variants.some(declares)) return 'canonical'
  return name === 'cookie' || name === 'accept-encoding' || name === 'x-samekey-key' || policy.unkeyedHeaders.includes(name) ? 'removed' : 'kept'
}
