// GET as a visitor would send it, at the address where Nginx listens, which need not be the one that the URL names.

import http, { type IncomingMessage } from 'node:http'
import https from 'node:https'
import { isIP } from 'node:net'
import { once } from 'node:events'
import { splitUrl } from '../../node-writer/key.js'

export interface GetOptions {
  /** `http://127.0.0.1:8080`: asked instead of the URL's own host, which it is told in Host. */
  base?: URL
  fields?: readonly (readonly [name: string, value: string])[]
  /** Milliseconds of silence. */
  timeoutMs: number
  signal?: AbortSignal
}

/** Connections are kept between requests; `close` ends them. */
export class Getter {
  readonly #agents: Record<string, http.Agent>

  constructor(connections: number) {
    const options = { keepAlive: true, maxSockets: connections }
    this.#agents = { 'http:': new http.Agent(options), 'https:': new https.Agent(options) }
  }

  /** The response, whose body is to be read or dropped. Rejects when there is none, and with a TypeError for what is no http(s) URL. */
  async get(url: string, options: GetOptions): Promise<IncomingMessage> {
    const { base, fields = [], timeoutMs, signal } = options
    const { scheme, host, target } = splitUrl(url)
    const to = base ?? new URL(`${scheme}://${host}`)
    const hostname = to.hostname.replace(/^\[(.*)\]$/, '$1')
    const ownName = new URL(`${scheme}://${host}`).hostname.replace(/^\[(.*)\]$/, '$1')
    const request = (to.protocol === 'https:' ? https : http).request({
      hostname,
      port: to.port || (to.protocol === 'https:' ? 443 : 80),
      path: target,
      headers: ['Host', host, ...fields.flat()],
      agent: this.#agents[to.protocol],
      timeout: timeoutMs,
      // The certificate is the site's, also at an address of its own.
      ...(to.protocol === 'https:' && isIP(ownName) === 0 ? { servername: ownName } : {}),
      ...(signal === undefined ? {} : { signal })
    })
    request.on('timeout', () => request.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)))
    request.end()
    try {
      const [response] = (await once(request, 'response')) as [IncomingMessage]
      return response
    } catch (error) {
      // RFC 9112 §9.3.1: the server closed a kept connection while the request was on its way; asking again is safe.
      if (request.reusedSocket && (error as NodeJS.ErrnoException).code === 'ECONNRESET') return this.get(url, options)
      throw error
    }
  }

  close(): void {
    for (const agent of Object.values(this.#agents)) agent.destroy()
  }
}
