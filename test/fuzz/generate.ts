// Odd requests from a grammar: every rule of docs/key-format.md has its pieces here, and a piece is often followed by
// one that could be mistaken for it. Half of the cases are a small change of the one before, because keys collide
// (or fall apart) between requests that are nearly the same.

import type { VectorRequest } from '../vectors/to_request.js'
import type { Random } from './random.js'

const PLAIN = ['a', 'b', 'ab', 'A', 'B', 'news', 'x1', '~u', 'index.html', 'a.b', '-', '_', '2024', '0']
const ESCAPES = ['%41', '%61', '%7e', '%7E', '%2d', '%5F', '%30', '%c3%a9', '%C3%A9', '%20', '%26', '%3d', '%3D', '%3f', '%23', '%2b', '%5b', '%5D', '%5e', '%5E', '%25', '%e9', '%FF', '%2c']
const REFUSED = ['%2f', '%2F', '%5c', '%00', '%0a', '%1F', '%7f', '%252f', '%2541', '%25%34%31', '\\', ';', ';v=1', '.', '..', '%2e', '%2E%2e', '.%2e', '..;', '...', '.x']
const BROKEN = ['%', '%%', '%4', '%zz', '%2%35', '%%34%31', '%a', '%-', '#', '#f']
const ODD = ['^', '^^', '^-', '^41', '^5E', '+', '!', '$', '&', "'", '(', ')', '*', ',', '=', ':', '@', '"', '<', '>', '[', ']', '`', '{', '|', '}', ':80', '://']
const NOT_ASCII = ['\u00e9', '\u00c3\u00a9', '\u00ff', '\u0080']
const CONTROLS = [' ', '\t', '\u007f', '\u0001']
const RULED = ['admin', 'ADMIN', '%61dmin', 'administrator', 'search', 'Private', 'private', '12', 'cart', 'cartoon', 'a%20b', '.well-known', '__proto__', 'constructor']

const NAMES = ['a', 'b', 'c', 'a', 'b', 'q', 'page', 'A', '%61', '%62', 'a%62', 'aa', 'ab', 'a-b', 'a.b', 'z', 'id', 'x-1', 'skip', 's', 'filter[x]', 'filter%5Bx%5D', 'filter']
const ODD_NAMES = ['', '=', 'a[]', 'a%5B%5D', 'a%5b]', '[]', '%5B]', 'a+b', 'a%20b', 'a%2Bb', 'a%2bb', '%c3%a9', '%C3%A9', '%c3', '100%', '100%25', '%', '%zz', '%25zz', 'dot.x', 'dotx', 'm%c3%bcnchen', '__proto__', 'constructor', 'toString', 'hasOwnProperty', 'length', '0', '10', '9', '%7e', '~', '^', '%5E', '/', '?', ';', '%3B', '%26', '\\', '"', '|']
const TRACKING = ['utm_source', 'utm_medium', 'utm_', '%75tm_source', 'utm%5fsource', 'UTM_Source', 'xutm_source', 'fbclid', 'gclid', 'fbclid2', 'msclkid', '_ga', '_gl', 'ref', 'sid']
// What Nginx's own maps make the key of (njs/core/plain.ts): names that begin alike, names that each policy drops or keeps, and what is nearly one.
const PLAIN_NAMES = ['a', 'b', 'c', 'd', 'e', 'aa', 'ab', 'abc', 'A', 'Z', '_', '~', '-', '.', '0', '9', ':', '[', ']', 'a-', 'a.', 'a[0]', 'q', 'page', 'pages', 'pag', 'filter', 'filter[x]', 'filters', 'sort', 'hue', 'x', 'x_1']
const DROPPED_NAMES = ['utm_source', 'utm_medium', 'utm_', 'utm', 'utm_[0]', 'utm_+', 'utm_%41', 'fbclid', 'gclid', '_ga', '_ga_1', '_gax', 'skip', 'skips', 'x-', 'x-1', 'dot.x', 'dot', 'constructor', 'toString', '[]']
const PLAIN_VALUES = ['', '=', '=1', '=2', '=a', '==', '=a=b', '=a?b', '=/a/b', '=x+y', '=;', '="$1"', '=~', '=*', '=https://example.com/a', '=%20', '=caf%C3%A9', '=%2F%3F%25', '=%7e', '=%c3', '=%']
const VALUES = ['', '1', '2', '3', 'x', 'y', '10', 'a=b', '=', 'x+y', 'x%20y', 'x%2By', '%26b=2', '%41', '%C3%A9', '%']
const SEPARATORS = ['&', '&', '&', '&', '&', '&', '&', '&', '&&', ';', '%26', '&amp;']

const HOSTS = ['EXAMPLE.com', 'example.com:80', 'example.com:443', 'example.com:8080', 'shop.example.com:8443', 'www.example.com', 'a', 'b', '_a_', 'my_host', '[::1]', '[::1]:80', '[::1]:8080', '[2001:DB8::1]', '[::80]', '127.0.0.1', '127.0.0.1:8080', 'xn--mnchen-3ya.example']
const ODD_HOSTS = ['', 'example.com.', 'example.com.:80', 'example.com:080', 'example.com:', 'example.com:0', 'example.com:80:80', 'example.com:x', '.', '..', 'a..b', '.a', '-a', 'a-', 'a@b', 'a/b', 'a b', 'a,b', 'a%62', '::1', '[::1', '[]', '[a]b', 'a{}', 'a\\b', 'a"b', 'm\u00fcnchen', '\u00e2\u0084\u00aa', 'a'.repeat(255), 'a'.repeat(256), 'a?b', 'a#b', 'a;b']

const COOKIES = ['theme=dark', '_ga=GA1.2.3', 'a=b', 'x', '=', '', 'sid', 'xsid=1', 'csrftoken=1', 'currency=USD', 'currency=EUR', 'currency=x', 'currency=', 'currency="USD"', 'currency =USD', ' currency=USD ', '\tcurrency=USD\t', 'Currency=USD', 'xcurrency=USD', 'x=PHPSESSID=1', 'n=\u00c3\u00a9', 'n=\u00e9', 'currency=USD\u00e9', 'n=\u00e9\u00e9\u00e9', 'n=\u00ff', '\u00c5\u00bfid=1', '\u00e2\u0084\u00aaey=1']
const SESSIONS = ['sid=1', 'SID=1', 'PHPSESSID=1', 'login_9=x', ' sid=1', '\tsid=1', 'session', 'connect.sid=s%3Ax', 'sid =1', 'wordpress_logged_in_1=x']
const LANGUAGES = ['de', 'DE', 'de-AT', 'en', 'en-US', 'fr', 'pt-BR', 'pt', 'zh-Hant-TW', 'zh-Hans', 'zh', '*', '', 'x-klingon', '-', '--', 'de-', 'nl', 'd', '__proto__', 'de_AT', '\tde', 'fr\t', '\u00e9', 'de-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'de-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa']
const WEIGHTS = ['', '', '', ';q=1', ';q=0', ';q=0.5', ';q=0.9', ' ; q=0.8', ';q=.5', ';q=0.', ';q=1.000', ';q=0.1234', ';q=2', ';Q=0.7', ';q = 0.6', ';level=1', ';', ';q=', ';q=0.5;x']
const AGENTS = ['Mozilla/5.0 (iPhone)', 'Android', 'ANDROID x', 'curl/8', 'desktop', 'mobile', '', 'iPhone \u00c3\u00a9', 'x'.repeat(1020) + 'Android', 'Android' + 'x'.repeat(1017)]
const CACHE_CONTROLS = ['no-cache', 'max-age=0', 'NO-CACHE', 'max-age=0, no-store', 'x-no-cache', 'no-cached', 'no-cache="x"', 'no-\u00c5\u00bftore', 'max-age=0,no-cache', '\u00e9,no-cache']

export interface GeneratorOptions {
  /** Leave out what cannot be put on a wire as it is: control characters, and header fields that frame the message. */
  wire?: boolean
}

/** An endless row of cases. */
export function generator(random: Random, { wire = false }: GeneratorOptions = {}): () => VectorRequest {
  let last: VectorRequest | undefined
  return () => {
    last = last !== undefined && random.chance(0.5) ? changed(last, random, wire) : fresh(random, wire)
    return last
  }
}

function fresh(random: Random, wire: boolean): VectorRequest {
  const request: VectorRequest = { target: target(random, wire) }
  if (random.chance(0.25)) request.host = host(random, wire)
  if (!wire && random.chance(0.2)) request.scheme = random.pick(['http', 'https'] as const)
  if (random.chance(0.05)) request.method = random.pick(['HEAD', 'HEAD', 'POST', 'OPTIONS'])
  if (random.chance(0.4)) request.headers = headers(random, wire)
  return request
}

/** The same with one part made anew, or one character of the target changed, doubled, dropped or escaped. */
function changed(request: VectorRequest, random: Random, wire: boolean): VectorRequest {
  const copy = { ...request }
  const part = random.below(10)
  if (part === 0) copy.host = host(random, wire)
  else if (part === 1) copy.headers = headers(random, wire)
  else if (part === 2) copy.target = path(random, wire) + queryOf(copy.target)
  else if (part === 3) copy.target = copy.target.split('?')[0] + query(random, wire)
  else if (part === 4) copy.target = shuffled(copy.target, random)
  else if (part === 5) copy.target += random.pick(['?', '&', '&utm_source=x', '?fbclid=1', '/', '%', '^', '=', '#', '&a=1'])
  else copy.target = edited(copy.target, random)
  return copy
}

function edited(text: string, random: Random): string {
  if (text === '') return '/'
  const at = random.below(text.length)
  const char = text.charAt(at)
  const code = text.charCodeAt(at).toString(16).padStart(2, '0')
  const instead = random.pick(['', char + char, '%' + code, '%' + code.toUpperCase(), swapCase(char), random.pick(PLAIN), random.pick(ODD), '%', '^'])
  return text.slice(0, at) + instead + text.slice(at + 1)
}

function swapCase(char: string): string {
  return char === char.toLowerCase() ? char.toUpperCase() : char.toLowerCase()
}

function queryOf(text: string): string {
  const mark = text.indexOf('?')
  return mark < 0 ? '' : text.slice(mark)
}

function shuffled(text: string, random: Random): string {
  const mark = text.indexOf('?')
  if (mark < 0) return text
  const pieces = text.slice(mark + 1).split('&')
  for (let i = pieces.length - 1; i > 0; i--) {
    const other = random.below(i + 1)
    ;[pieces[i], pieces[other]] = [pieces[other] as string, pieces[i] as string]
  }
  return text.slice(0, mark + 1) + pieces.join('&')
}

// ---------------------------------------------------------------------------------------------------------- target

function target(random: Random, wire: boolean): string {
  if (random.chance(0.01)) return random.pick(['', '?', '?a=1', '*', 'a', '/?', '//', '/.', '/..', '/' + 'a'.repeat(2047), '/' + 'a'.repeat(2048)])
  const text = path(random, wire) + (random.chance(0.6) ? query(random, wire) : '')
  // Around the length from which keys are shortened, and far beyond.
  return random.chance(0.08) ? text + lengthener(random) : text
}

function lengthener(random: Random): string {
  return random.pick(['/', '&']) + random.pick(PLAIN).repeat(random.below(200)) + (random.chance(0.5) ? '' : random.pick(ESCAPES).repeat(random.below(25)))
}

function path(random: Random, wire: boolean): string {
  let text = ''
  for (let i = random.below(4); i >= 0; i--) {
    text += '/'
    for (let pieces = random.below(3); pieces > 0; pieces--) text += pathPiece(random, wire)
  }
  return text
}

function pathPiece(random: Random, wire: boolean): string {
  const kind = random.below(100)
  if (kind < 60) return random.pick(PLAIN)
  if (kind < 74) return random.pick(ESCAPES)
  if (kind < 84) return random.pick(ODD)
  if (kind < 91) return random.pick(RULED)
  if (kind < 95) return random.pick(REFUSED)
  if (kind < 98) return random.pick(BROKEN)
  if (kind < 99 || wire) return random.pick(NOT_ASCII)
  return random.pick(CONTROLS)
}

function query(random: Random, wire: boolean): string {
  if (random.chance(0.4)) return plainQuery(random)
  let text = '?'
  // Now and then more than ten: njs 0.7.9 keeps no more in order.
  const count = random.chance(0.1) ? 11 + random.below(8) : random.below(6)
  for (let i = 0; i < count; i++) {
    if (i > 0) text += random.pick(SEPARATORS)
    text += argument(random, wire)
  }
  return text
}

function plainQuery(random: Random): string {
  let text = '?' + random.pick(['', '', '', '', '&'])
  for (let i = random.below(8); i >= 0; i--) {
    text += random.pick(random.chance(0.4) ? DROPPED_NAMES : PLAIN_NAMES) + random.pick(PLAIN_VALUES) + (i > 0 ? random.pick(['&', '&', '&', '&', '&', '&&']) : random.pick(['', '', '', '', '&']))
  }
  return text
}

function argument(random: Random, wire: boolean): string {
  const kind = random.below(100)
  const name = kind < 60 ? random.pick(NAMES) : kind < 80 ? random.pick(ODD_NAMES) : random.pick(TRACKING)
  if (random.chance(0.1)) return name
  return name + '=' + (random.chance(0.7) ? random.pick(VALUES) : queryPiece(random, wire) + queryPiece(random, wire))
}

function queryPiece(random: Random, wire: boolean): string {
  const kind = random.below(100)
  if (kind < 40) return random.pick(ESCAPES)
  if (kind < 65) return random.pick(ODD)
  if (kind < 80) return random.pick(REFUSED)
  if (kind < 97) return random.pick(BROKEN.slice(0, 8))
  if (kind < 99 || wire) return random.pick(NOT_ASCII)
  return random.pick(CONTROLS)
}

// ------------------------------------------------------------------------------------------------- host and headers

function host(random: Random, wire: boolean): string {
  if (random.chance(0.4)) return 'example.com'
  return random.chance(wire ? 0.85 : 0.7) ? random.pick(HOSTS) : random.pick(ODD_HOSTS)
}

function headers(random: Random, wire: boolean): Record<string, string | string[]> {
  const fields: Record<string, string | string[]> = {}
  if (random.chance(0.5)) fields['cookie'] = maybeTwice(random, () => cookie(random))
  if (random.chance(0.5)) fields['accept-language'] = maybeTwice(random, () => languages(random))
  if (random.chance(0.3)) fields['user-agent'] = random.pick(AGENTS)
  if (random.chance(0.1)) fields['cache-control'] = maybeTwice(random, () => random.pick(CACHE_CONTROLS))
  if (random.chance(0.03)) fields['pragma'] = random.pick(['no-cache', 'x'])
  if (random.chance(0.03)) fields['authorization'] = random.pick(['Basic x', ''])
  if (!wire && random.chance(0.03)) fields['content-length'] = random.pick(['0', '5', '00', ''])
  if (!wire && random.chance(0.02)) fields['transfer-encoding'] = 'chunked'
  if (!wire && random.chance(0.02)) fields['upgrade'] = 'websocket'
  return fields
}

function maybeTwice(random: Random, make: () => string): string | string[] {
  return random.chance(0.1) ? [make(), make()] : make()
}

function cookie(random: Random): string {
  const pairs: string[] = []
  for (let i = random.below(4); i >= 0; i--) pairs.push(random.chance(0.06) ? random.pick(SESSIONS) : random.pick(COOKIES))
  return pairs.join(random.pick(['; ', '; ', ';']))
}

function languages(random: Random): string {
  const ranges: string[] = []
  for (let i = random.below(5); i >= 0; i--) ranges.push(random.pick(LANGUAGES) + random.pick(WEIGHTS))
  return ranges.join(random.pick([',', ', ']))
}
