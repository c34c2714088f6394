// The shortcut for plain requests (njs/core/plain.ts): their key is a concatenation, so Nginx can make it without
// starting a JavaScript VM, which costs more than the whole look-up. The expressions are the core's and the policy's
// own; the tests on the wire hold the result against resolve() for every vector and for the fuzzer's requests.
// Queries are made canonical in plain_query.ts.

import { MAX_KEY_BYTES } from '../njs/core/key.js'
import { PLAIN_HOST } from '../njs/core/plain.js'
import type { Policy } from '../njs/core/policy.js'
import { MAX_PARAMETER_BYTES, quote, unanchored } from './conf_text.js'
import { targetMaps } from './plain_query.js'

/** How many escapes the target may have: Nginx has $1 to $9 for what stands between them. JavaScript has no limit. */
const MOST_ESCAPES = 8

/** Maps that set $samekey_plain to the key of a plain request and $samekey_target to its canonical target; the first is '' for every other. */
export function plainMaps(policy: Policy): string {
  // All need JavaScript for every request.
  const patterns = [policy.sessionCookie, policy.hosts, ...policy.ignore]
  const tooLong = patterns.some((pattern) => pattern !== null && quote(pattern.source).length > MAX_PARAMETER_BYTES)
  if (tooLong || policy.variants.length > 0 || policy.requestNoCache) return emptyMap('$samekey_plain') + emptyMap('$samekey_target')

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
  return `${maps}${escapedMap()}# The key.
map "$request_method ${marks.join('')} ${scheme}://$http_host$samekey_target $host" $samekey_plain {
    ${quote(`~${pageExpression(policy, '\\/[^% ]*+')}`)} "${policy.keyHead}$samekey_origin$samekey_target";
    ${quote(`~${pageExpression(policy, `\\/(?:[^% ]*+%){1,${MOST_ESCAPES}}+[^% ]*+`)}`)} "${policy.keyHead}$samekey_origin$samekey_escaped";
    default "";
}
`
}

function emptyMap(name: string): string {
  return `map "" ${name} {\n    default "";\n}\n`
}

/** Over `method marks scheme://host:port/target host`: a page request without marks whose two hosts agree. */
function pageExpression(policy: Policy, target: string): string {
  const roomForPage = MAX_KEY_BYTES - policy.keyHead.length
  const scheme = '(?:http:\\/\\/(?![^\\/]*:80\\/)|https:\\/\\/(?![^\\/]*:443\\/))'
  const host = `(?<samekey_name>${unanchored(PLAIN_HOST)})(?::[1-9][0-9]*)?`
  return `^(?:GET|HEAD)  (?=[^ ]{1,${roomForPage}} )(?<samekey_origin>${scheme}${host})${target} \\k<samekey_name>$`
}

/** docs/key-format.md §7.2: a ^ for each %; these targets have no ^ of their own. */
function escapedMap(): string {
  let rows = ''
  for (let escapes = 1; escapes <= MOST_ESCAPES; escapes++) {
    rows += `    "~^([^%]*+)${'%([^%]*+)'.repeat(escapes)}$" "${Array.from({ length: escapes + 1 }, (_, index) => `$${index + 1}`).join('^')}";\n`
  }
  return `# The target as it stands in the key.\nmap $samekey_target $samekey_escaped {\n${rows}    default "";\n}\n`
}
