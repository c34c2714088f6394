// The shortcut for plain requests (njs/core/plain.ts): their key is a concatenation, so Nginx can make it without
// starting a JavaScript VM, which costs more than the whole look-up. The expressions are the core's and the policy's
// own; the tests on the wire hold the result against resolve() for every vector and for the fuzzer's requests.
// Queries are made canonical in plain_query.ts.

import { MAX_KEY_BYTES } from '../njs/core/key.js'
import { PLAIN_HOST } from '../njs/core/plain.js'
import type { Policy } from '../njs/core/policy.js'
import { quote, unanchored } from './conf_text.js'
import { targetMaps } from './plain_query.js'

/** Maps that set $samekey_plain to the verdict on a plain request, in the form of njs/verdict.ts, and to '' for every other. */
export function plainMaps(policy: Policy): string {
  // Both need JavaScript for every request.
  if (policy.variants.length > 0 || policy.requestNoCache) return 'map "" $samekey_plain {\n    default "";\n}\n'

  const marks: string[] = ['$samekey_guarded']
  let maps = targetMaps(policy)
  function mark(name: string, input: string, patterns: RegExp[], whenFound: string, otherwise: string): void {
    const rows = patterns.map((pattern) => `    ${quote(`~${pattern.ignoreCase ? '*' : ''}${pattern.source}`)} "${whenFound}";\n`)
    maps += `map ${input} ${name} {\n${rows.join('')}    default "${otherwise}";\n}\n`
    marks.push(name)
  }
  if (policy.sessionCookie !== null) mark('$samekey_session', '$http_cookie', [policy.sessionCookie], 'session', '')
  if (policy.ignore.length > 0) mark('$samekey_ignored', '$samekey_target', policy.ignore, 'ignored', '')
  if (policy.hosts !== null) mark('$samekey_foreign', '$http_host', [policy.hosts], '', 'foreign')

  const scheme = policy.scheme === '' ? '$scheme' : policy.scheme
  return `${maps}# The verdict: the key, the canonical target and host.
map "$request_method ${marks.join('')} ${scheme}://$http_host$samekey_target $host" $samekey_plain {
    ${quote(`~${plainExpression(policy)}`)} "${policy.keyHead}$samekey_page $samekey_target $http_host ";
    default "";
}
`
}

/** Over `method marks scheme://host:port/target host`: a page request without marks whose two hosts agree. */
function plainExpression(policy: Policy): string {
  const roomForPage = MAX_KEY_BYTES - policy.keyHead.length
  const scheme = '(?:http:\\/\\/(?![^\\/]*:80\\/)|https:\\/\\/(?![^\\/]*:443\\/))'
  const host = `(?<samekey_name>${unanchored(PLAIN_HOST)})(?::[1-9][0-9]*)?`
  return `^(?:GET|HEAD)  (?=[^ ]{1,${roomForPage}} )(?<samekey_page>${scheme}${host}\\/[^ ]*+) \\k<samekey_name>$`
}
