// From the `in` of a vector to what the core reads. Runs in Node and in every njs engine, so it keeps to their subset.

import type { CacheRequest } from '../../njs/core/request.js'

/** A request as README.md describes it. */
export interface VectorRequest {
  method?: string
  target: string
  host?: string
  scheme?: string
  headers?: Record<string, string | string[]>
}

/** The fields of CacheRequest.guarded. */
const GUARDED = ['authorization', 'upgrade', 'content-length', 'transfer-encoding']

export function toRequest(vector: VectorRequest): CacheRequest {
  const headers = vector.headers === undefined ? {} : vector.headers
  return {
    method: vector.method === undefined ? 'GET' : vector.method,
    target: vector.target,
    host: vector.host === undefined ? 'example.com' : vector.host,
    scheme: vector.scheme === undefined ? 'http' : vector.scheme,
    cookie: fieldOf(headers, 'cookie', '; '),
    guarded: GUARDED.map((name) => fieldOf(headers, name, ', ')).join(''),
    header: (name) => fieldOf(headers, name, ', ')
  }
}

function fieldOf(headers: Record<string, string | string[]>, name: string, separator: string): string {
  const values: string[] = []
  Object.keys(headers).forEach((key) => {
    const value = headers[key] as string | string[]
    if (key.toLowerCase() === name) values.push(typeof value === 'string' ? value : value.join(separator))
  })
  return values.join(separator)
}
