// Which URLs are to be warmed: named, one a line, or in sitemaps, which may name further sitemaps. What others wrote may
// name any address of our network, so only hosts are visited that somebody here has named.

import { createReadStream } from 'node:fs'
import { resolve } from 'node:path'
import { normaliseHost } from '../../njs/core/normalise.js'
import { splitUrl } from '../../node-writer/key.js'
import { CliError, type Io, usageError } from '../io.js'
import { refuseUserName } from '../page_request.js'
import { Getter, type GetOptions } from './http_get.js'
import { readSitemap, type Sitemap } from './sitemap.js'

export interface SourceOptions {
  /** URLs; '-' stands for standard input, one a line. */
  urls: readonly string[]
  /** A URL, a file, or '-' for standard input. */
  sitemaps: readonly string[]
  /** Hosts (with their port) besides those that are named above. */
  allowHosts: readonly string[]
  get: GetOptions
}

export interface Sources {
  /** Each once, in their order. */
  urls: string[]
  /** Left out: of no http(s) URL, of another host. By host; '' for what is no URL. */
  leftOut: Map<string, number>
  /** Sitemaps that could not be read, and why. */
  failures: { sitemap: string; error: string }[]
}

const MAX_SITEMAPS = 1000
const MAX_URLS = 500_000
const MAX_REDIRECTS = 5

/** Throws a CliError when what was named here cannot be read; what a sitemap names is told in `failures`. */
export async function collectUrls({ urls, sitemaps, allowHosts, get }: SourceOptions, io: Io): Promise<Sources> {
  const found = new Set<string>()
  const sources: Sources = { urls: [], leftOut: new Map(), failures: [] }
  const hosts = new Set(allowHosts.map((host) => host.toLowerCase()))
  const trusted = urls.filter((url) => url !== '-').map(checkNamed)
  for (const url of [...trusted, ...sitemaps.filter(isUrl).map(checkNamed)]) hosts.add(hostOf(url) as string)

  const add = (url: string): void => {
    const host = hostOf(url)
    // Of a file of one's own the first URL says which site it is about.
    if (hosts.size === 0 && host !== null) hosts.add(host)
    if (host === null || !hosts.has(host)) return void sources.leftOut.set(host ?? '', (sources.leftOut.get(host ?? '') ?? 0) + 1)
    if (found.size >= MAX_URLS) throw new CliError(`more than ${MAX_URLS} URLs; warm a part of them at a time`)
    found.add(url)
  }
  trusted.forEach(add)
  if (urls.includes('-')) (await named('standard input', readSitemap(standardInput(io)))).urls.forEach(add)

  const getter = new Getter(1)
  try {
    const queue: string[] = []
    const queued = new Set<string>()
    const take = (sitemap: Sitemap): void => {
      sitemap.urls.forEach(add)
      for (const child of sitemap.sitemaps) {
        if (queued.has(child)) continue
        queued.add(child)
        const host = hostOf(child)
        if (hosts.size === 0 && host !== null) hosts.add(host)
        if (host === null || !hosts.has(host)) sources.failures.push({ sitemap: child, error: 'it is of another host; --allow-host visits it too' })
        else if (queue.push(child) > MAX_SITEMAPS) throw new CliError(`more than ${MAX_SITEMAPS} sitemaps`)
      }
    }
    for (const sitemap of sitemaps) {
      if (isUrl(sitemap)) queued.add(sitemap)
      take(await named(sitemap, isUrl(sitemap) ? fetchSitemap(getter, sitemap, get) : readSitemap(sitemap === '-' ? standardInput(io) : createReadStream(resolve(io.cwd, sitemap)))))
    }
    for (let i = 0; i < queue.length; i++) {
      const sitemap = queue[i] as string
      try {
        take(await fetchSitemap(getter, sitemap, get))
      } catch (error) {
        if (error instanceof CliError) throw error
        sources.failures.push({ sitemap, error: (error as Error).message })
      }
    }
  } finally {
    getter.close()
  }
  return { ...sources, urls: [...found] }
}

function isUrl(text: string): boolean {
  return /^https?:\/\//i.test(text)
}

function checkNamed(url: string): string {
  refuseUserName(url)
  if (hostOf(url) === null) throw usageError(`expected http://HOST/PATH or https://HOST/PATH, got ${JSON.stringify(url)}`)
  return url
}

/** Canonical, without the scheme's own port; null for what is no http(s) URL. */
function hostOf(url: string): string | null {
  try {
    const { scheme, host } = splitUrl(url)
    return normaliseHost(host, scheme) || null
  } catch {
    return null
  }
}

function standardInput(io: Io): AsyncIterable<Uint8Array> {
  if (io.stdin === undefined) throw usageError("'-' is standard input, and there is none")
  return io.stdin
}

async function named(name: string, reading: Promise<Sitemap>): Promise<Sitemap> {
  try {
    return await reading
  } catch (error) {
    throw error instanceof CliError ? error : new CliError(`${name}: ${(error as Error).message}`)
  }
}

async function fetchSitemap(getter: Getter, url: string, options: GetOptions): Promise<Sitemap> {
  let at = url
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const response = await getter.get(at, options)
    const { statusCode = 0, headers } = response
    if (statusCode === 200) return readSitemap(response)
    response.resume()
    if (![301, 302, 303, 307, 308].includes(statusCode) || headers.location === undefined) throw new Error(`status ${statusCode}`)
    at = redirected(at, headers.location)
  }
  throw new Error(`more than ${MAX_REDIRECTS} redirects`)
}

/** To the same host only, or from http to https of it: whoever writes a sitemap is not to send us elsewhere. */
function redirected(from: string, location: string): string {
  const to = new URL(location, from)
  if (!/^https?:$/.test(to.protocol) || to.hostname !== new URL(from).hostname) throw new Error(`it redirects to another host, ${to.host}`)
  return to.href
}
