// Fields that no policy may touch, with the reason: Nginx sets them itself, or the connection needs them.

const SET_BY_NGINX = 'Nginx sets it itself'
const CONNECTION = 'it belongs to the connection or to the body'

export const RESERVED_HEADERS: ReadonlyMap<string, string> = new Map([
  ['host', 'the host is always part of the key'],
  ['cookie', 'cookies are removed, except those of variants'],
  ['authorization', 'a request with it is never looked up'],
  ['accept-encoding', SET_BY_NGINX],
  ['x-forwarded-for', SET_BY_NGINX],
  ['x-forwarded-proto', SET_BY_NGINX],
  ['x-samekey-key', SET_BY_NGINX],
  ['x-samekey-variant', SET_BY_NGINX],
  ['connection', CONNECTION],
  ['keep-alive', CONNECTION],
  ['te', CONNECTION],
  ['upgrade', CONNECTION],
  ['expect', CONNECTION],
  ['content-length', CONNECTION],
  ['transfer-encoding', CONNECTION]
])
