// What a policy is once it has been checked and compiled: literals only, the same object in Nginx and in Node.
// The JSON that people write is described in node-writer/policy/schema.json and docs/policy.md.

/** How an entry is stored and replayed: the bare body, or status, headers and body. */
export type Mode = 'raw' | 'full'

/** A way in which two programs can read one path differently. docs/key-format.md §4 has an example of each. */
export type PathAmbiguity =
  | 'backslash' // \
  | 'bad-escape' // % without two hex digits
  | 'dot-segment' // /./ and /../ in any encoding
  | 'double-encoding' // %25 followed by two hex digits
  | 'empty-segment' // //
  | 'encoded-backslash' // %5C
  | 'encoded-control' // %00 to %1F, %7F
  | 'encoded-slash' // %2F
  | 'fragment' // #, in the path or the query; never allowed
  | 'no-slash' // a target that does not begin with a slash; never allowed
  | 'semicolon' // ;

/** One of the values that a dimension is mapped to. */
export interface VariantValue {
  /** What stands in the key: 1 to 16 of A-Z a-z 0-9 _ - */
  value: string
  /** Found anywhere in the cookie or field, it selects this value; null: the text must equal `value`. */
  pattern: RegExp | null
  /** What the app is shown instead of the raw cookie or field. */
  forward: string
}

/** A declared dimension by which one URL has several pages: language, device, currency. */
export interface Variant {
  /** Its name, for people. */
  name: string
  /** Where the value is read. */
  source: 'cookie' | 'header'
  /** The cookie's name, or the field's lower-case name. */
  field: string
  /** Read the field as a weighted list of language ranges (RFC 9110 §12.5.4) and look the values up in it. */
  negotiate: boolean
  values: VariantValue[]
  /** Index in `values` of what is used when nothing matches. */
  fallback: number
}

/** Which arguments of a query are part of the page. */
export interface QueryPolicy {
  /** Tested against an argument's comparable name: it is dropped when this matches. */
  drop: RegExp | null
  /** Tested against an argument's comparable name: it is kept only when this matches. */
  keep: RegExp | null
  /** Sort by name, stably, so that the order of arguments does not matter and the order of values does. */
  sort: boolean
}

/** The part of a policy on which Nginx and the writer must agree. */
export interface Policy {
  /** `prefix:1fingerprint:`, what every key of this policy begins with. */
  keyHead: string
  mode: Mode
  /** A fixed scheme for sites whose TLS ends before Nginx; '' to take the request's. */
  scheme: '' | 'http' | 'https'
  /** The hosts that are served, against the canonical host; null for any. */
  hosts: RegExp | null
  /** Longer request targets, in bytes, are not looked up. */
  maxTargetBytes: number
  /** Against the canonical target from its start; any match goes to the app. */
  ignore: RegExp[]
  /** Against the Cookie field; a match is a session. */
  sessionCookie: RegExp | null
  /** Obey no-cache and no-store of requests. Off by default: it lets any client reach the app at will. */
  requestNoCache: boolean
  /** Obey what requests say in Cache-Control (RFC 9111 §5.2.1). Off by default for the same reason. Full mode only. */
  requestDirectives: boolean
  /** Ambiguities that this site's app and Nginx are known to read alike. */
  allowedAmbiguities: PathAmbiguity[]
  query: QueryPolicy
  variants: Variant[]
}
