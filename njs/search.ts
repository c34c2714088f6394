// A page that is not there under its own key may be there under that of another query: the path can have declared which
// differences of the query it does not read (njs/core/no_vary_search.ts).

import crypto from 'crypto'
import policy from 'samekey_policy.js'
import { pageKey, searchRuleKey } from './core/key.js'
import { applySearchRule, parseSearchRule } from './core/no_vary_search.js'

/** Calls `done` with the key and target by the path's rule, or '' for both when there is no rule or it changes nothing. */
export default function search(r: NginxHTTPRequest, done: (key: string, target: string) => void): void {
  const variables = r.variables
  // As verdict.ts writes it: `key`, or `key forward host variants`.
  const variants = (variables.samekey_verdict as string).split(' ')[3] || ''
  const scheme = policy().scheme || (variables.scheme as string)
  const host = variables.samekey_host as string
  const target = variables.samekey_forward as string
  variables.samekey_second_key = searchRuleKey(scheme, host, target, policy(), sha256Hex)
  r.subrequest('/.samekey/second', { method: 'GET' }, (reply) => {
    const rule = reply.status === 200 ? parseSearchRule(reply.responseText as string) : null
    const other = rule === null ? target : applySearchRule(target, rule)
    if (other === target) done('', '')
    else done(pageKey(scheme, host, other, variants, policy(), sha256Hex), other)
  })
}

function sha256Hex(text: string): string {
  return crypto.createHash('sha256').update(text).digest('hex')
}
