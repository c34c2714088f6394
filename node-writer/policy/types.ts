// The policy as people write it and as the Node side holds it once it is loaded.

import type { Mode, PathAmbiguity, Policy } from '../../njs/core/policy.js'

/** A regex of the portable grammar (docs/policy.md): read alike by PCRE in Nginx and by V8. */
export type Pattern = string | { pattern: string; caseSensitive?: boolean }

/** The JSON file. Everything is optional; schema.json documents each field and its default. */
export interface PolicyDocument {
  $schema?: string
  prefix?: string
  mode?: Mode
  scheme?: 'request' | 'http' | 'https'
  hosts?: string[]
  maxTargetBytes?: number
  ignore?: Pattern[]
  allowAmbiguous?: Exclude<PathAmbiguity, 'fragment' | 'no-slash'>[]
  requestNoCache?: boolean
  requestDirectives?: boolean
  query?: { ignore?: string[]; ignoreDefaults?: boolean; only?: string[]; sort?: boolean }
  cookies?: { session?: string[]; sessionDefaults?: boolean; except?: string[] }
  headers?: { unkeyed?: string[]; unkeyedDefaults?: boolean }
  variants?: VariantDocument[]
  routes?: RouteDocument[]
  responses?: ResponsesDocument
}

export interface ResponsesDocument {
  dropCookies?: string[]
  tagHeaders?: string[]
  showTags?: boolean
  makeEtag?: boolean
  heuristic?: { fraction?: number; max?: number }
  stale?: { whileRevalidate?: number; ifError?: number; max?: number }
  revalidateFor?: number
  maxTtl?: number
  ttlJitter?: number
  earlyRefresh?: number
}

export interface VariantDocument {
  name: string
  cookie?: string
  header?: string
  /** Only with `header: "accept-language"`: a weighted look-up of language ranges. */
  negotiate?: boolean
  values: (string | { value: string; pattern?: Pattern; forward?: string })[]
  /** One of the values; the first when absent. */
  default?: string
}

export interface RouteDocument {
  match: Pattern
  ttl?: number
  type?: string
}

/** What the policy says of one part of the site. */
export interface Route {
  /** Against the canonical target from its start; null matches everything. */
  match: RegExp | null
  /** Seconds a response without explicit freshness is kept; null: it is not stored. */
  ttlSeconds: number | null
  /** Content-Type of raw entries. */
  contentType: string
}

/** What the policy says of all responses, next to what they say themselves. */
export interface ResponseRules {
  /** Against a cookie's name: setting it is no reason not to store a response, which then loses that field. */
  dropCookies: RegExp | null
  /** Lower-case names of the fields whose members are tags of the page. */
  tagFields: string[]
  /** Whether clients see these fields. */
  showTags: boolean
  /** Whether a page without an ETag gets one of its content. */
  makeEtag: boolean
  /** RFC 9111 §4.2.2; null: no guess. */
  heuristic: { fraction: number; maxSeconds: number } | null
  /** The stale-while-revalidate of responses without one. */
  whileRevalidateSeconds: number
  /** The stale-if-error of responses without one. */
  ifErrorSeconds: number
  /** No response is used longer than this after it became stale. */
  staleMaxSeconds: number
  /** What can be revalidated is kept so much longer than it could be used. */
  revalidateForSeconds: number
  /** No item is kept longer than this. */
  maxTtlSeconds: number
  /** Percent, 0 to 50, by which a freshness lifetime is shortened at most, at random. */
  ttlJitterPercent: number
  /** Percent, 0 to 50, of a freshness lifetime at whose end a page is refreshed in the background. */
  earlyRefreshPercent: number
}

/** An ignore pattern by itself, to tell which one decided; in the order of the document. */
export interface IgnoreRule {
  pattern: string
  regex: RegExp
}

type Filled<Section> = Required<NonNullable<Section>>

/** The document with every default filled in, the nested ones too; only `query.only` and `responses.heuristic` can be absent. */
export interface FilledDocument extends Required<Omit<PolicyDocument, '$schema' | 'query' | 'cookies' | 'headers' | 'responses'>> {
  query: Omit<Filled<PolicyDocument['query']>, 'only'> & { only?: string[] }
  cookies: Filled<PolicyDocument['cookies']>
  headers: Filled<PolicyDocument['headers']>
  responses: Required<Omit<ResponsesDocument, 'heuristic' | 'stale'>> & { heuristic?: Filled<ResponsesDocument['heuristic']>; stale: Filled<ResponsesDocument['stale']> }
}

/** A checked policy: what the core needs, and what only the Node side needs. */
export interface LoadedPolicy extends Policy {
  document: FilledDocument
  /** Eight hex digits over every part that moves keys; part of keyHead. */
  fingerprint: string
  /** What `ignore` is made of. */
  ignoreRules: IgnoreRule[]
  /** The first that matches counts; the last one matches everything. */
  routes: Route[]
  responses: ResponseRules
  /** Lower-case names of request fields that Nginx removes on the cacheable way. */
  unkeyedHeaders: string[]
}
