// A visitor: sends the path exactly as given, follows no redirect, and keeps no cookie unless told.
import { type IncomingHttpHeaders, request } from 'node:http'
import { buffer } from 'node:stream/consumers'

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  /** RFC 9211 Cache-Status, '' when there is none. */
  cache: string
  /** As received, so perhaps compressed. */
  bytes: Buffer
  text: string
}

export interface Visit {
  method?: string
  headers?: Record<string, string>
  /** Sent as a form. */
  form?: Record<string, string>
}

export function visit(url: string, path: string, { method, headers = {}, form }: Visit = {}): Promise<Answer> {
  const body = form && new URLSearchParams(form).toString()
  const formHeaders = body === undefined ? {} : { 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Length': String(Buffer.byteLength(body)) }
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path, method: method ?? (form ? 'POST' : 'GET'), headers: { ...formHeaders, ...headers }, agent: false, timeout: 10_000 })
    sent.on('timeout', () => sent.destroy(new Error(`${path}: no answer within 10 s`)))
    sent.on('error', reject)
    sent.on('response', (response) => {
      buffer(response).then((bytes) => resolve({
        status: response.statusCode as number,
        headers: response.headers,
        // How long a hit stays fresh is another number every second.
        cache: String(response.headers['cache-status'] ?? '').replace(/(?:; stored)?; ttl=\d+/, ''),
        bytes,
        text: bytes.toString()
      }), reject)
    })
    sent.end(body)
  })
}

/** 'render no. 17 …': which rendering of a page this is a copy of; '' when it is no page of the site. */
export function renderOf(answer: Answer): string {
  return /Rendered in .* render no\. \d+/.exec(answer.text)?.[0] ?? ''
}
