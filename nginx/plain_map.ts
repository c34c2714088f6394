// The shortcut for plain requests (njs/core/plain.ts): their key is a concatenation, so Nginx can make it without
// starting a JavaScript VM, which costs more than the whole look-up. The expressions are the core's and the policy's
// own; the tests on the wire hold the result against resolve() for every vector and for the fuzzer's requests.

import { MAX_KEY_BYTES } from '../njs/core/key.js'
import { PLAIN_HOST, PLAIN_TARGET } from '../njs/core/plain.js'
import type { Policy } from '../njs/core/policy.js'

/** Maps that set $samekey_plain to the whole key of a plain request, and to '' for every other. */
export function plainMaps(policy: Policy): string {
  // Both need JavaScript for every request.
  if (policy.variants.length > 0 || policy.requestNoCache) return 'map "" $samekey_plain {\n    default "";\n}\n'

  const marks: string[] = ['$samekey_guarded']
  let maps = ''
  function mark(name: string, input: string, patterns: RegExp[], whenFound: string, otherwise: string): void {
    const rows = patterns.map((pattern) => `    ${quote(`~${pattern.ignoreCase ? '*' : ''}${pattern.source}`)} "${whenFound}";\n`)
    maps += `map ${input} ${name} {\n${rows.join('')}    default "${otherwise}";\n}\n`
    marks.push(name)
  }
  if (policy.sessionCookie !== null) mark('$samekey_session', '$http_cookie', [policy.sessionCookie], 'session', '')
  if (policy.ignore.length > 0) mark('$samekey_ignored', '$request_uri', policy.ignore, 'ignored', '')
  if (policy.hosts !== null) mark('$samekey_foreign', '$http_host', [policy.hosts], '', 'foreign')

  const scheme = policy.scheme === '' ? '$scheme' : policy.scheme
  return `${maps}map "$request_method ${marks.join('')} ${scheme}://$http_host$request_uri $host" $samekey_plain {
    ${quote(`~${plainExpression(policy)}`)} "${policy.keyHead}$samekey_page";
    default "";
}
`
}

/** Over `method marks scheme://host:port/target host`: a page request without marks whose two hosts agree. */
function plainExpression(policy: Policy): string {
  const roomForPage = MAX_KEY_BYTES - policy.keyHead.length
  const scheme = '(?:http:\\/\\/(?![^\\/]*:80\\/)|https:\\/\\/(?![^\\/]*:443\\/))'
  const host = `(?<samekey_name>${unanchored(PLAIN_HOST)})(?::[1-9][0-9]*)?`
  // A shorter limit for targets than the room for the page counts, too.
  const target = (policy.maxTargetBytes < roomForPage ? `(?=[^ ]{1,${policy.maxTargetBytes}} )` : '') + unanchored(PLAIN_TARGET)
  return `^(?:GET|HEAD)  (?=[^ ]{1,${roomForPage}} )(?<samekey_page>${scheme}${host}${target}) \\k<samekey_name>$`
}

function unanchored(pattern: RegExp): string {
  return pattern.source.slice(1, -1)
}

/** Nginx reads \\ and \" in a quoted string, and leaves every other backslash to PCRE. */
function quote(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}
