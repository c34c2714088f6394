// Node's view of a request as the core wants it. Its twin is njs/nginx_request.ts.

import type { IncomingMessage } from 'node:http'
import type { CacheRequest } from '../njs/core/request.js'

/** Reads what came over the wire; what middleware has since made of `req.url` or `req.headers` does not count. */
export function readRequest(req: IncomingMessage & { originalUrl?: string }): CacheRequest {
  const headers = req.headers
  return {
    method: req.method as string,
    // Express and Connect cut `url` at the mount point and keep the whole in `originalUrl`.
    target: req.originalUrl ?? (req.url as string),
    // Not headers.host, which is the first of several.
    host: joinFields(req, 'host'),
    scheme: readScheme(req),
    cookie: headers.cookie ?? '',
    guarded: `${headers.authorization ?? ''}${headers.upgrade ?? ''}${headers['content-length'] ?? ''}${headers['transfer-encoding'] ?? ''}`,
    header: (name) => joinFields(req, name)
  }
}

/** Nginx names the scheme of the key; without Nginx the connection itself tells. */
function readScheme(req: IncomingMessage): string {
  const forwarded = req.headers['x-forwarded-proto']
  if (forwarded === 'https' || forwarded === 'http') return forwarded
  return 'encrypted' in req.socket && req.socket.encrypted === true ? 'https' : 'http'
}

function joinFields(req: IncomingMessage, name: string): string {
  return fieldOf(req, name) ?? ''
}

/**
 * Repeated fields joined by ', '; null when there is none. Node's own `headers` keep only the first of some, such as
 * User-Agent.
 */
export function fieldOf(req: IncomingMessage, name: string): string | null {
  const raw = req.rawHeaders
  let joined: string | null = null
  for (let i = 0; i < raw.length; i += 2) {
    if ((raw[i] as string).toLowerCase() === name) joined = (joined === null ? '' : joined + ', ') + (raw[i + 1] as string)
  }
  return joined
}
