// Purges over HTTP: `PURGE /path`, and `POST /.samekey/purge` with a PurgeRequest as JSON. Off unless there is a token.
// Whoever is not on the list of addresses cannot even learn that there is such a thing: the app answers as without it.

import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { BlockList, isIP } from 'node:net'
import { fieldOf, readRequest } from './node_request.js'
import { PurgeError, type PurgeResult } from './purge_result.js'
import { type PurgeRequest, PurgeRequestError } from './purge_request.js'

export interface PurgeHttpOptions {
  /** What a request must have as `Authorization: Bearer TOKEN`: at least 16 characters from ! to ~. */
  token: string
  /** Addresses and networks from which purges are taken: '10.0.0.7', '10.0.0.0/8', 'fd00::/8'. Default: this machine's own. */
  allow?: readonly string[]
  /** The path of the JSON endpoint. Default `/.samekey/purge`. */
  path?: string
}

export interface PurgeHttpContext {
  purge(request: PurgeRequest): Promise<PurgeResult>
  /** A wrong token, or a body that is none. `by`: the addresses from which it came. */
  onRefused(by: string, error: string): void
}

const LOOPBACK = ['127.0.0.0/8', '::1']

const PATH = '/.samekey/purge'

const MAX_BODY_BYTES = 64 * 1024

const MIN_TOKEN_LENGTH = 16

export class PurgeHttp {
  readonly #token: Buffer
  readonly #allowed: BlockList
  readonly #path: string

  /** Throws a TypeError as checkPurgeHttpOptions does. */
  constructor(options: PurgeHttpOptions, private readonly context: PurgeHttpContext) {
    checkPurgeHttpOptions(options)
    const { token, allow = LOOPBACK, path = PATH } = options
    this.#token = digest(token)
    this.#allowed = readNetworks(allow)
    this.#path = path
  }

  /** True: this answers, and nobody else is to. */
  takes(req: IncomingMessage, res: ServerResponse): boolean {
    const { method, target } = readRequest(req)
    const isPurge = method === 'PURGE'
    if (!isPurge && target !== this.#path) return false
    const addresses = addressesOf(req)
    if (!addresses.every((address) => this.#isAllowed(address))) return false
    void this.#answer(req, res, isPurge, [...new Set(addresses)].join(' via ')).catch(() => res.destroy())
    return true
  }

  /**
   * The peer's address, and each one in X-Forwarded-For, must be on the list. What a client writes there itself can thus
   * only shut it out, and an address that Nginx adds counts without trusting Nginx's own too much.
   */
  #isAllowed(address: string): boolean {
    const family = isIP(address)
    return family !== 0 && this.#allowed.check(address, family === 6 ? 'ipv6' : 'ipv4')
  }

  async #answer(req: IncomingMessage, res: ServerResponse, isPurge: boolean, from: string): Promise<void> {
    if (!this.#isAuthorized(req)) {
      this.context.onRefused(from, 'no token, or a wrong one')
      // RFC 6750 §3
      res.setHeader('WWW-Authenticate', 'Bearer realm="samekey purge"')
      return send(res, 401, { error: 'Authorization: Bearer TOKEN is missing or wrong' })
    }
    if (!isPurge && req.method !== 'POST') {
      res.setHeader('Allow', 'POST')
      return send(res, 405, { error: 'POST a JSON object, such as {"tags": ["news"]}' })
    }
    const request = isPurge ? pageOf(req, from) : await this.#readBody(req, res, from)
    if (request === null) return
    try {
      send(res, 200, await this.context.purge(request))
    } catch (error) {
      if (error instanceof PurgeRequestError) return send(res, 400, { error: error.problem, path: error.path })
      // Repeating it is harmless, and may work in a moment.
      if (error instanceof PurgeError) {
        const failures = error.failures.map(({ key, server, error: cause }) => ({ key, server, error: cause.message }))
        return send(res, 503, { error: error.message, failures, ...error.result })
      }
      send(res, 500, { error: (error as Error).message })
    }
  }

  #isAuthorized(req: IncomingMessage): boolean {
    const token = /^Bearer +(\S+)$/i.exec(fieldOf(req, 'authorization') ?? '')?.[1] ?? ''
    // Digests, so that neither the length nor where they differ can be timed.
    return timingSafeEqual(digest(token), this.#token)
  }

  /** Null when it has been answered. */
  async #readBody(req: IncomingMessage, res: ServerResponse, from: string): Promise<PurgeRequest | null> {
    const chunks: Buffer[] = []
    let bytes = 0
    // To its end, however long it is: leaving it there would cut the connection before the answer.
    for await (const chunk of req as AsyncIterable<Buffer>) if ((bytes += chunk.length) <= MAX_BODY_BYTES) chunks.push(chunk)
    if (bytes > MAX_BODY_BYTES) {
      this.context.onRefused(from, 'the body is too long')
      send(res, 413, { error: `at most ${MAX_BODY_BYTES} bytes` })
      return null
    }
    try {
      const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as PurgeRequest
      if (typeof body !== 'object' || body === null || Array.isArray(body)) return body
      return { ...body, by: typeof body.by === 'string' && body.by !== '' ? `${body.by} from ${from}` : from }
    } catch (error) {
      this.context.onRefused(from, 'the body is no JSON')
      send(res, 400, { error: `no JSON: ${(error as Error).message}`, path: '$' })
      return null
    }
  }
}

/** Throws a TypeError that names the option; it never shows a token. */
export function checkPurgeHttpOptions({ token, allow = LOOPBACK, path = PATH }: PurgeHttpOptions): void {
  if (typeof token !== 'string' || token.length < MIN_TOKEN_LENGTH || !/^[!-~]+$/.test(token)) throw new TypeError(`purge.token: expected at least ${MIN_TOKEN_LENGTH} characters from ! to ~`)
  if (!/^\/[!-~]*$/.test(path) || /[?#]/.test(path)) throw new TypeError(`purge.path: expected a path, got ${JSON.stringify(path)}`)
  readNetworks(allow)
}

/** Under every scheme that the key tells apart: who asks the app directly does not say by which one visitors come. */
function pageOf(req: IncomingMessage, by: string): PurgeRequest {
  const { scheme, host, target } = readRequest(req)
  return { urls: target, site: `${scheme}://${host}`, by }
}

function addressesOf(req: IncomingMessage): string[] {
  const forwarded = (fieldOf(req, 'x-forwarded-for') ?? '').split(',').map((each) => each.trim()).filter((each) => each !== '')
  // IPv4 on a socket of both families.
  return [...forwarded, req.socket.remoteAddress ?? ''].map((address) => address.replace(/^::ffff:(?=[0-9.]+$)/i, ''))
}

function readNetworks(allow: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of allow) {
    const [address = '', bits, ...more] = String(network).split('/')
    const family = isIP(address)
    const longest = family === 6 ? 128 : 32
    const length = bits === undefined ? longest : /^[0-9]{1,3}$/.test(bits) ? Number(bits) : NaN
    if (family === 0 || more.length > 0 || !(length <= longest)) throw new TypeError(`purge.allow: expected an address or a network such as 10.0.0.0/8, got ${JSON.stringify(network)}`)
    list.addSubnet(address, length, family === 6 ? 'ipv6' : 'ipv4')
  }
  return list
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function send(res: ServerResponse, status: number, body: object): void {
  if (res.headersSent || res.destroyed) return
  res.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' })
  res.end(JSON.stringify(body) + '\n')
}
