// The expression that checks the head of an entry and takes it apart (docs/entry-format.md §2), for Nginx: compiled by
// PCRE it costs a tenth of what it costs in njs, and the head need not become a string there. It accepts what parseHead
// of njs/core/entry.ts accepts, whose expressions it is made of; the lengths are left to replay.ts.

import { FIELD_LINES, FIRST_FIELDS } from '../njs/core/entry.js'

/** What replay.ts needs of the first line, in the order in which its own Part counts them. */
const WORDS = ['body_bytes', 'stored_at', 'initial_age', 'fresh_until', 'body_key', 'clock']

/**
 * A map that sets $samekey_parts to WORDS, a space between two; '' for what is no head. What else is in the head becomes
 * variables of their own: $samekey_etag and so on. `withDate`: false where njs cannot replay it, and need not look.
 */
export function headMap(withDate: boolean): string {
  return `map $samekey_head $samekey_parts {
    # A request can have several heads: a second one where a vary marker leads to.
    volatile;
    "~${headExpression(withDate).replace(/["\\]/g, '\\$&')}" "${WORDS.map((name) => `$samekey_${name}`).join(' ')}";
    default "";
}
`
}

function headExpression(withDate: boolean): string {
  const number = '[0-9]{1,10}+'
  const first = [
    'SK3', '(?<samekey_stored_status>[2-5][0-9]{2})', '[0-9]{5}', `(?<samekey_body_bytes>${number})`, `(?<samekey_stored_at>${number})`, `(?<samekey_initial_age>${number})`,
    `(?<samekey_fresh_until>${number})`, number, number, '(?<samekey_body_key>[!-~]{1,250}+)', '(?<samekey_clock>[!-~]++)', '(?<samekey_tags>[!-~]++)'
  ]
  const fields = FIRST_FIELDS.map((name) => {
    const value = name === 'Date' && !withDate ? VALUE : `(?<samekey_${name.toLowerCase().replace('-', '_')}>${VALUE})`
    return `(?:${name}: ${value}\\n(?!${name}:))?+`
  })
  // Possessive throughout: a long head must not need a long stack.
  return `^${first.join(' ')}\\n(?i:${fields.join('')})(?<samekey_more>(?i:${line()})*+)\\z`
}

const VALUE = '[^\\x00-\\x08\\x0a-\\x1f\\x7f]*+'

/** One field line, as the core has it. */
function line(): string {
  const [, one] = /^\^(\(\?:.*\))\*\$$/.exec(FIELD_LINES.source) ?? []
  if (one === undefined) throw new Error(`njs/core/entry.ts: FIELD_LINES is not one expression repeated: ${FIELD_LINES.source}`)
  return one
}
