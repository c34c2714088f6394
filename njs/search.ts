// A path can have declared which differences of the query it does not read (njs/core/no_vary_search.ts). A page that is
// not there under its own key may then be there under that of another query, and what lies there is good only with the
// rule by which it was stored.

import crypto from 'crypto'
import policy from 'samekey_policy.js'
import { pageKey, searchRuleKey } from './core/key.js'
import { applySearchRule, parseSearchRule } from './core/no_vary_search.js'

/** By the path's rule. */
export interface Ruled {
  key: string
  /** Canonical. */
  target: string
  token: string
}

/** Calls `done` with where the page lies by the rule of its path; null when the path has none. */
export default function search(r: NginxHTTPRequest, done: (ruled: Ruled | null) => void): void {
  const variables = r.variables
  // As verdict.ts writes it: `key`, or `key forward host variants`.
  const variants = (variables.samekey_verdict as string).split(' ')[3] || ''
  const scheme = policy().scheme || (variables.scheme as string)
  const host = variables.samekey_host as string
  const target = variables.samekey_forward as string
  variables.samekey_second_key = searchRuleKey(scheme, host, target, policy(), sha256Hex)
  r.subrequest('/.samekey/second', { method: 'GET' }, (reply) => {
    const rule = reply.status === 200 ? parseSearchRule(reply.responseText as string) : null
    if (rule === null) return done(null)
    const other = applySearchRule(target, rule)
    done({ key: pageKey(scheme, host, other, variants, policy(), sha256Hex), target: other, token: rule.token })
  })
}

function sha256Hex(text: string): string {
  return crypto.createHash('sha256').update(text).digest('hex')
}
