// Why storable.ts and http-cache-semantics judge a response differently: every class of difference, with the sentence
// that decides. A class looks at the raw fields, not at what our parsers made of them, and says which way it goes.

import type { JoinedFields } from '../../node-writer/http/fields.js'

export interface Outcomes {
  ours: { store: boolean; reason: string; freshSeconds: number }
  theirs: { store: boolean; freshSeconds: number }
}

interface Compared extends Outcomes {
  status: number
  fields: JoinedFields
}

export interface Difference {
  id: string
  /** What the response has. */
  when: string
  ours: string
  theirs: string
  /** The RFC and section that decides, or whose choice it is. */
  section: string
  explains(compared: Compared): boolean
}

const control = ({ fields }: Compared): string => fields['cache-control'] ?? ''
const weKeepLess = ({ ours, theirs }: Outcomes): boolean => (theirs.store && !ours.store) || ours.freshSeconds < theirs.freshSeconds
const weKeepMore = ({ ours, theirs }: Outcomes): boolean => (ours.store && !theirs.store) || ours.freshSeconds > theirs.freshSeconds

/** What stands behind each `name`, '' without '='; whatever is in quotes elsewhere is not looked for. */
function argumentsOf(text: string, name: string): string[] {
  return [...text.matchAll(new RegExp(`(?:^|,)[\\t ]*${name}([\\t ]*=[^,]*|[^,=]*)`, 'gi'))].map((match) => match[1] as string)
}
const isBadNumber = (argument: string): boolean => !/^=(?:[0-9]+|"[0-9]+")[\t ]*$/.test(argument)

// RFC 9110 §5.6.7, the preferred format and the two obsolete ones, without a look at their numbers.
const HTTP_DATE = /^(?:[a-z]{3}, [0-9]{2} [a-z]{3} [0-9]{4} [0-9:]{8} gmt|[a-z]+day, [0-9]{2}-[a-z]{3}-[0-9]{2} [0-9:]{8} gmt|[a-z]{3} [a-z]{3} [ 0-9]{2} [0-9:]{8} [0-9]{4})$/i

export const DIFFERENCES: readonly Difference[] = [
  {
    id: 'not-worth-it', when: 'it is never fresh, may never be used stale, and has no validator', section: 'RFC 9111 §3 allows to store it, and requires nothing',
    ours: 'not stored', theirs: 'storable, for 0 seconds',
    explains: ({ ours, theirs }) => theirs.store && theirs.freshSeconds === 0 && ['expired', 'no-freshness', 'no-cache'].includes(ours.reason)
  },
  {
    id: 'heuristic-status', when: 'status 405, 414 or 501 without explicit freshness', section: 'RFC 9110 §15.1 allows a guess; ours is the site\'s own',
    ours: 'not stored', theirs: 'storable, for 0 seconds',
    explains: ({ ours, theirs, status }) => [405, 414, 501].includes(status) && ours.reason === 'status' && theirs.freshSeconds === 0
  },
  {
    id: 'any-final-status', when: 'explicit freshness and a status like 403, 500 or 599', section: 'RFC 9111 §3: only 206, 304 and must-understand ask for a status that is understood',
    ours: 'stored', theirs: 'only 14 statuses are storable',
    explains: (compared) => ![200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 501].includes(compared.status) && !compared.theirs.store && compared.ours.store
  },
  {
    id: 'must-understand', when: 'must-understand next to no-store', section: 'RFC 9111 §5.2.2.3: no-store is ignored when the status is understood',
    ours: 'stored', theirs: 'not storable',
    explains: (compared) => argumentsOf(control(compared), 'must-understand').length > 0 && argumentsOf(control(compared), 'no-store').length > 0 && compared.ours.store && !compared.theirs.store
  },
  {
    id: 'targeted', when: 'CDN-Cache-Control or Samekey-Cache-Control', section: 'RFC 9213 §2.2: it replaces Cache-Control and Expires',
    ours: 'read', theirs: 'unknown',
    explains: ({ fields }) => fields['cdn-cache-control'] !== undefined && fields['cdn-cache-control'] !== ''
  },
  {
    id: 'case', when: 'a directive in upper case', section: 'RFC 9111 §5.2: directives have no case',
    ours: 'the directive', theirs: 'an unknown directive',
    explains: (compared) => /(?:^|,)[\t ]*[a-z-]*[A-Z]/.test(control(compared))
  },
  {
    id: 'quoted-string', when: 'a quoted-string with commas, or one that does not end', section: 'RFC 9110 §5.6.4: a comma in it separates nothing',
    ours: 'one argument; not ended, nothing is permitted', theirs: 'directives begin within it',
    explains: (compared) => /"[^",]*,/.test(control(compared)) || (control(compared).split('"').length % 2 === 0)
  },
  {
    id: 'no-number', when: 'max-age or s-maxage without 1*DIGIT: -60, 60.5, 60s, nothing, blanks around =', section: 'RFC 9111 §4.2.1: invalid freshness is encouraged to be considered stale',
    ours: 'stale', theirs: 'the number it begins with; without any argument it is absent',
    explains: (compared) => weKeepLess(compared) && [...argumentsOf(control(compared), 'max-age'), ...argumentsOf(control(compared), 's-maxage')].some(isBadNumber)
  },
  {
    id: 'no-number-but-explicit', when: 's-maxage= or max-age= with nothing behind it, and a validator', section: 'RFC 9111 §3: the directive is there, so that it may be stored',
    ours: 'stored to be revalidated', theirs: 'as if it were absent',
    explains: (compared) => compared.ours.store && compared.ours.freshSeconds === 0 && !compared.theirs.store && [...argumentsOf(control(compared), 'max-age'), ...argumentsOf(control(compared), 's-maxage')].some((argument) => argument.trim() === '=')
  },
  {
    id: 'contradiction', when: 'one directive twice with different arguments', section: 'RFC 9111 §4.2.1: the first, or stale',
    ours: 'stale', theirs: 'the last',
    explains: (compared) => weKeepLess(compared) && ['max-age', 's-maxage'].some((name) => new Set(argumentsOf(control(compared), name).map((text) => text.replace(/["\t ]/g, ''))).size > 1)
  },
  {
    id: 'huge', when: 'more than 2^31 seconds', section: 'RFC 9111 §1.2.2: counts as 2147483648',
    ours: '2147483648', theirs: 'the number itself',
    explains: ({ ours, theirs }) => theirs.freshSeconds > 2 ** 31 - 200 && ours.freshSeconds <= 2 ** 31 && ours.freshSeconds < theirs.freshSeconds
  },
  {
    id: 'badly-written', when: '`no-store x`, `private;`, `no-cache x`', section: 'no RFC says; what forbids does so however it is written',
    ours: 'forbidden', theirs: 'an unknown directive',
    explains: (compared) => weKeepLess(compared) && /(?:^|,)[\t ]*(?:no-store|private|no-cache)[\t ;]+[^,\t =]?/i.test(control(compared))
  },
  {
    id: 'badly-permitted', when: '`public=1`, or with credentials `must-revalidate=1` or an s-maxage that is no number', section: 'RFC 9111 §3, §3.5: what permits must be that directive',
    ours: 'not stored', theirs: 'storable',
    explains: (compared) => ['authorization', 'status'].includes(compared.ours.reason) && compared.theirs.store && (/public=|must-revalidate=/i.test(control(compared)) || argumentsOf(control(compared), 's-maxage').length > 0)
  },
  {
    id: 'set-cookie', when: 'Set-Cookie', section: 'RFC 9111 §7.3 leaves it to the cache; a page that sets a cookie is meant for one client',
    ours: 'not stored, unless the policy drops the cookie', theirs: 'for 0 seconds, or as usual with public or immutable',
    explains: ({ fields, ours, theirs }) => fields['set-cookie'] !== undefined && ours.reason === 'set-cookie' && theirs.store
  },
  {
    id: 'vary', when: 'Vary with `*`, with what is no name, or with more than four fields', section: 'RFC 9111 §4.1: a `*` always fails to match; the rest is our bound',
    ours: 'not stored', theirs: 'storable; for 0 seconds if it is `*` alone',
    explains: ({ fields, ours, theirs }) => theirs.store && ours.reason === 'vary' && /[*]|[^, ] [^,]|(?:,.*){4}/.test(fields['vary'] ?? '')
  },
  {
    id: 'proxy-revalidate', when: 'proxy-revalidate', section: 'RFC 9111 §5.2.2.8: it forbids stale use only',
    ours: 'fresh as usual', theirs: 'for 0 seconds',
    explains: (compared) => weKeepMore(compared) && compared.theirs.freshSeconds === 0 && argumentsOf(control(compared), 'proxy-revalidate').length > 0
  },
  {
    id: 'apparent-age', when: 'Date in the past', section: 'RFC 9111 §4.2.3: its age is at least the time since Date',
    ours: 'that old', theirs: 'only Age counts',
    explains: (compared) => weKeepLess(compared) && HTTP_DATE.test(compared.fields['date'] ?? '') && Date.parse(compared.fields['date'] ?? '') < Date.UTC(1994, 10, 6, 8, 49, 37)
  },
  {
    id: 'age-list', when: 'Age as a list with an empty first member', section: 'RFC 9111 §5.1: the first member counts; RFC 9110 §5.6.1: empty ones are no members',
    ours: 'the first number', theirs: '0',
    explains: (compared) => weKeepLess(compared) && /^[\t ]*,/.test(compared.fields['age'] ?? '')
  },
  {
    id: 'age-invalid', when: 'Age that is no non-negative integer: -10, 10.5, 10s', section: 'RFC 9111 §5.1: it is ignored',
    ours: '0', theirs: 'the number it begins with, also a negative one',
    explains: (compared) => !/^(?:[0-9]+[\t ]*(?:,.*)?|[\t ]*,.*)?$/.test(compared.fields['age'] ?? '')
  },
  {
    id: 'expires-invalid', when: 'Expires that is no HTTP-date', section: 'RFC 9111 §5.3: it is in the past',
    ours: 'stale', theirs: 'whatever Date.parse reads; the empty one is absent',
    explains: (compared) => (weKeepLess(compared) || (compared.fields['expires'] === '' && compared.ours.store)) && compared.fields['expires'] !== undefined && !HTTP_DATE.test(compared.fields['expires'])
  },
  {
    id: 'date-invalid', when: 'Expires, and Date that is no HTTP-date', section: 'RFC 9110 §6.6.1: the time of receipt may replace it',
    ours: 'counted from the receipt', theirs: 'counted from whatever Date.parse reads',
    explains: ({ fields }) => fields['expires'] !== undefined && fields['date'] !== undefined && !HTTP_DATE.test(fields['date'])
  },
  {
    id: 'pragma-token', when: 'Pragma: no-cachet, and no Cache-Control', section: 'RFC 9111 §5.4: a token',
    ours: 'an unknown pragma', theirs: 'no-cache',
    explains: (compared) => weKeepMore(compared) && /no-cache[a-z]/.test(compared.fields['pragma'] ?? '')
  },
  {
    id: 'pragma-case', when: 'Pragma: No-Cache, and no Cache-Control', section: 'RFC 9111 §5.4: it has no case',
    ours: 'no-cache', theirs: 'an unknown pragma',
    explains: (compared) => weKeepLess(compared) && /No-Cache/.test(compared.fields['pragma'] ?? '')
  }
]
