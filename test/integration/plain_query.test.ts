// Which requests Nginx's maps make the key of, and which they leave to JavaScript. That both make the same is held by
// agreement.test.ts and the fuzzer for every engine; here it would go unnoticed if the maps did nothing.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadPolicy } from '../../node-writer/policy/load.js'
import type { PolicyDocument } from '../../node-writer/policy/types.js'
import { sendRaw } from '../support/raw_http.js'
import { showLogsOnFailure } from './stack.js'
import { parseVerdict, startVerdictStack, type VerdictStack } from './verdict_stack.js'

interface Row {
  target: string
  /** The canonical target; null where it takes JavaScript. */
  maps: string | null
  why: string
  cookie?: string
}

interface Table {
  name: string
  policy: PolicyDocument
  rows: Row[]
}

const VISITOR = '_ga=GA1.2.1034567890.1700000000; _ga_ABC123=GS1.1.1700000000.1.1.1700000100.0.0.0; _gid=GA1.2.9.1; _fbp=fb.1.1.2; _gcl_au=1.1.1.1; _hjSessionUser_1=eyJpZCI6; _pk_id.1.1fff=8.1.; ' +
  'OptanonConsent=isGpcEnabled=0&datestamp=Tue+Nov+24; CookieConsent={stamp:%27x%27}; cookie_consent=yes; theme=dark; lang=de; csrftoken=x; _uetsid=1; _clck=x|2; __cf_bm=x'

const tables: Table[] = [
  {
    name: 'an ordinary site',
    policy: { ignore: ['/admin', '/find\\?'] },
    rows: [
      { target: '/a', maps: '/a', why: 'no query' },
      { target: '/a', maps: '/a', cookie: VISITOR, why: 'the cookies that an ordinary visitor has' },
      { target: '/a?b=1&a=1', maps: '/a?a=1&b=1', cookie: VISITOR, why: 'and with a query' },
      { target: '/a', maps: null, cookie: VISITOR + '; PHPSESSID=1', why: 'a session among them' },
      { target: '/a?', maps: '/a', why: 'an empty query' },
      { target: '/a?&&', maps: '/a', why: 'empty pieces only' },
      { target: '/?b', maps: '/?b', why: 'no value, at the root' },
      { target: '/a?utm_source=a%20b&utm_medium=%zz&utm_x+y=1', maps: '/a', why: 'nothing of what is dropped matters' },
      { target: '/a?utm_source=x&b=1&fbclid=2&&a=3&gclid=4&c=5&_ga_X=6', maps: '/a?a=3&b=1&c=5', why: 'dropped ones in between' },
      { target: '/a?utm=1&_gax=2', maps: '/a?_gax=2&utm=1', why: 'nearly the names of trackers' },
      { target: '/a?d=1&c=2&b=3&a=4', maps: '/a?a=4&b=3&c=2&d=1', why: 'four, backwards' },
      { target: '/a?b=2&a=2&b=1&a=1', maps: '/a?a=2&a=1&b=2&b=1', why: 'those of one name keep their order' },
      { target: '/a?ab=1&a=2&a-b=3&a[0]=4', maps: '/a?a=2&a-b=3&a[0]=4&ab=1', why: 'names that begin alike: the shorter first, then by byte' },
      { target: '/a?b&A&~&_', maps: '/a?A&_&b&~', why: 'by byte, not by letter' },
      { target: '/a?u=https://h/?x;y=1+2', maps: '/a?u=https://h/?x;y=1+2', why: 'a value may have ?, =, ; and +' },
      { target: '/a?a=1&b=2&c=3&d=4&e=5', maps: null, why: 'more arguments than the maps sort' },
      { target: '/a?q=caf%C3%A9%20%2F', maps: '/a?q=caf%C3%A9%20%2F', why: 'escapes in their canonical form' },
      { target: '/caf%C3%A9/a%20b', maps: '/caf%C3%A9/a%20b', why: 'in the path, too' },
      { target: "/a,b/c:d@e/(f)!$&'*+=~-.", maps: "/a,b/c:d@e/(f)!$&'*+=~-.", why: 'what RFC 3986 lets a segment have' },
      { target: '/a?q=' + '%20'.repeat(8), maps: '/a?q=' + '%20'.repeat(8), why: 'as many escapes as the maps replace' },
      { target: '/a?q=' + '%20'.repeat(9), maps: null, why: 'one more' },
      { target: '/a?q=%c3', maps: null, why: 'lower-case digits' },
      { target: '/a?q=%41', maps: null, why: 'an escape of what need not be escaped' },
      { target: '/a?q=%4', maps: null, why: 'a bad escape' },
      { target: '/a%2Fb', maps: null, why: 'an escape that makes a path ambiguous' },
      { target: '/a%25b', maps: null, why: 'perhaps another' },
      { target: '/a;b', maps: null, why: 'a semicolon' },
      { target: '/a?%71=1', maps: null, why: 'an escape in a name' },
      { target: '/a?%75tm_source=1', maps: null, why: 'a tracker in disguise' },
      { target: '/a?a+b=1', maps: null, why: '+ in a name' },
      { target: '/a?a=^', maps: null, why: 'what the key escapes' },
      { target: '/a?a=1#b', maps: null, why: 'a fragment' },
      { target: '/a?utm_source=#', maps: null, why: 'a fragment in what is dropped' },
      { target: `/a?${'x'.repeat(40)}&a`, maps: `/a?a&${'x'.repeat(40)}`, why: 'a long name' },
      { target: `/a?${'x'.repeat(41)}&a`, maps: null, why: 'a longer one' },
      { target: '/a?=1', maps: null, why: 'an empty name' },
      { target: '/a&b=1?d&c', maps: '/a&b=1?c&d', why: '& in the path' },
      { target: '/a//b?a=1', maps: null, why: 'an ambiguous path' },
      { target: '/find?a=1', maps: null, why: 'ignored for its query' },
      { target: '/find?utm_source=1', maps: '/find', why: 'ignore patterns see the canonical target' },
      { target: '/Admin?a=1', maps: null, why: 'ignored' },
      { target: '/a?a=' + 'x'.repeat(145), maps: '/a?a=' + 'x'.repeat(145), why: 'a key of nearly 200 bytes' },
      { target: '/a?a=' + 'x'.repeat(200), maps: null, why: 'a key that is shortened' },
      { target: '/a?utm_source=' + 'x'.repeat(2000), maps: '/a', why: 'what is dropped may be long' },
      { target: '/a?utm_source=' + 'x'.repeat(2100), maps: null, why: 'but not longer than the policy allows' }
    ]
  },
  {
    name: 'arguments that are kept are listed',
    policy: { query: { only: ['q', 'page', 'filter*'] } },
    rows: [
      { target: '/a?x=%&q=1&y&page=2&filter[a]=3', maps: '/a?filter[a]=3&page=2&q=1', why: 'those only' },
      { target: '/a?qq=1&pag=2', maps: '/a', why: 'nearly their names' },
      { target: '/a?%71=1', maps: null, why: 'who knows whether it is one of them' }
    ]
  },
  {
    name: 'arguments are not sorted',
    policy: { query: { sort: false } },
    rows: [
      { target: '/a?c=1&utm_source=x&b=2&a=3', maps: '/a?c=1&b=2&a=3', why: 'as they came' },
      { target: '/a?utm_source=x', maps: '/a', why: 'none left' }
    ]
  },
  {
    name: 'nothing is dropped',
    policy: { query: { ignoreDefaults: false } },
    rows: [{ target: '/a?utm_source=x&&b=2', maps: '/a?b=2&utm_source=x', why: 'no list at all' }]
  },
  {
    name: 'a list of arguments too long for Nginx',
    policy: { query: { ignore: Array.from({ length: 400 }, (_, index) => `tracker_${index}`) } },
    rows: [
      { target: '/a', maps: '/a', why: 'no query' },
      { target: '/a?b=1', maps: null, why: 'JavaScript reads longer lists' }
    ]
  },
  {
    name: 'a list of patterns too long for Nginx',
    policy: { ignore: Array.from({ length: 400 }, (_, index) => `/section_${index}`) },
    rows: [{ target: '/a', maps: null, why: 'all take JavaScript' }]
  },
  {
    name: 'pages in variants',
    policy: { variants: [{ name: 'currency', cookie: 'currency', values: ['EUR', 'USD'], default: 'EUR' }] },
    rows: [{ target: '/a?b=1', maps: null, why: 'all take JavaScript' }]
  }
]

describe.each(tables)('$name', ({ policy, rows }) => {
  let servers: VerdictStack | undefined
  showLogsOnFailure(() => servers?.stack)
  beforeAll(async () => { servers = await startVerdictStack('njs-0.7.9', loadPolicy(policy)) })
  afterAll(() => servers?.stop())

  test.each(rows)('$why: $target', async ({ target, maps, cookie }) => {
    const { nginxPort } = servers as VerdictStack
    const field = cookie === undefined ? '' : `Cookie: ${cookie}\r\n`
    const response = await sendRaw(nginxPort, `GET ${target} HTTP/1.1\r\nHost: example.com\r\n${field}\r\n`)
    const plain = response.header('Plain') ?? ''
    expect(plain === '' ? null : parseVerdict(response.header('Verdict') ?? '').forward).toBe(maps)
  })
})

const HOSTILE = 7900
const fill = (piece: string): string => ('/a?' + piece.repeat(HOSTILE)).slice(0, HOSTILE)

test.each(['njs-0.7.9', 'njs-0.8.9'] as const)('PCRE gives up on no target, compiled or not: %s', async (engine) => {
  const servers = await startVerdictStack(engine, loadPolicy({ maxTargetBytes: 8000 }))
  try {
    const names = 'a'.repeat(40)
    const targets = [...['&', 'a', 'a&', 'a=1&', 'utm_', 'utm_&', 'utm_a=1&', '=', '[', '_ga', '_ga_&', 'a=&utm_&'].map(fill), '/a/'.repeat(2600), `/a?${names}a&${names}b&${names}&${names}c`]
    for (const target of targets) {
      const response = await sendRaw(servers.nginxPort, `GET ${target} HTTP/1.1\r\nHost: example.com\r\n\r\n`)
      expect(response.status).toBe(200)
    }
    expect(await servers.stack.errorLog()).not.toMatch(/pcre|failed/)
  } finally {
    await servers.stop()
  }
})
