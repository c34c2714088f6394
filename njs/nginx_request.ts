// Nginx's view of a request as the core wants it. Its twin is node-writer/node_request.ts.

import type { CacheRequest } from './core/request.js'

export function readRequest(r: NginxHTTPRequest): CacheRequest {
  // Reading a variable is what a look-up pays for most, so each is read once and none that a rule may not need.
  const variables = r.variables
  return {
    method: r.method as string,
    target: variables.request_uri as string,
    host: readHost(variables),
    scheme: variables.scheme as string,
    cookie: variables.http_cookie || '',
    // samekey.http.conf joins the four fields: one variable instead of four.
    guarded: variables.samekey_guarded || '',
    header: (name) => fieldValue(r, name) || ''
  }
}

/** The Host field, unless the request line named another host (RFC 9112 §3.2.2): then nobody can tell which is meant. */
function readHost(variables: NginxVariables): string {
  const field = variables.http_host
  if (!field) return ''
  const host = variables.host as string
  return field === host || field.toLowerCase() === host || field.toLowerCase().startsWith(host + ':') ? field : ''
}

/**
 * Repeated fields joined by ', ' as Node does; null when there is none. $http_name holds only the first on Nginx 1.22,
 * and r.headersIn adds a separator at the end on njs 0.8 and later; the raw list is the same everywhere.
 */
export function fieldValue(r: NginxHTTPRequest, name: string): string | null {
  const fields = r.rawHeadersIn as unknown as [string, string][]
  let joined: string | null = null
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i] as [string, string]
    if (field[0].toLowerCase() === name) joined = joined === null ? field[1] : joined + ', ' + field[1]
  }
  return joined
}
