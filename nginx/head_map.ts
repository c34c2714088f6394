// The expression that checks the head of an entry and takes it apart (docs/entry-format.md §2), for Nginx: compiled by
// PCRE it costs a tenth of what it costs in njs, and the head need not become a string there. It accepts what parseHead
// of njs/core/entry.ts accepts, whose expressions it is made of; the lengths are left to replay.ts.

import { FIELD_LINES, FIRST_FIELDS, FIRST_LINE } from '../njs/core/entry.js'

/** A map that sets $samekey_head_body to the key of the item with the body, '-' when the body follows, '' for no head. */
export function headMap(): string {
  return `map $samekey_head $samekey_head_body {
    # A request can have several heads: a second one where a vary marker leads to.
    volatile;
    "~${headExpression().replace(/["\\]/g, '\\$&')}" $samekey_body_key;
    default "";
}
`
}

function headExpression(): string {
  const words = [
    'SK2', word('stored_status'), '[0-9]+', '[0-9]+', word('stored_at'), word('initial_age'), '[0-9]+', '[0-9]+', '[0-9]+', word('body_key'), word('clock'), word('tags')
  ]
  const fields = FIRST_FIELDS.map((name) => `(?:${name}: (?<samekey_${name.toLowerCase().replace('-', '_')}>${VALUE})\\n(?!${name}:))?+`)
  // Possessive throughout: a long head must not need a long stack.
  return `^(?=${FIRST_LINE.source.slice(1, -1)}\\n)${words.join(' ')}\\n(?i:${fields.join('')})(?<samekey_more>(?i:${line()})*+)\\z`
}

const VALUE = '[^\\x00-\\x08\\x0a-\\x1f\\x7f]*+'

function word(name: string): string {
  return `(?<samekey_${name}>[^ \\n]++)`
}

/** One field line, as the core has it. */
function line(): string {
  const [, one] = /^\^(\(\?:.*\))\*\$$/.exec(FIELD_LINES.source) ?? []
  if (one === undefined) throw new Error(`njs/core/entry.ts: FIELD_LINES is not one expression repeated: ${FIELD_LINES.source}`)
  return one
}
