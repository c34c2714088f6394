// The request that a URL and some options stand for, as Nginx would read it off the wire.

import type { Command } from 'commander'
import type { CacheRequest } from '../njs/core/request.js'
import { splitUrl } from '../node-writer/key.js'
import { usageError } from './io.js'

export interface RequestOptions {
  header: [name: string, value: string][]
  method: string
  host?: string
  scheme: string
}

export interface PageRequest extends CacheRequest {
  /** The fields besides Host, in their order. */
  fields: [name: string, value: string][]
  /** A field by its lower-case name, repeated ones joined by ', '; null when there is none. */
  fieldOf: (name: string) => string | null
}

export function withRequest(command: Command): Command {
  return command
    .option("-H, --header <'name: value'>", 'a header field of the request; may be repeated', collectHeader, [])
    .option('-X, --method <method>', 'the method', 'GET')
    .option('--host <host>', 'the host, when URL is only a path; the path is then taken byte for byte')
    .option('--scheme <scheme>', 'http or https, when URL is only a path', 'http')
}

// RFC 9110 §5.1 token. A value with a line break would be another field.
const FIELD = /^([A-Za-z0-9!#$%&'*+.^_`|~-]+):[ \t]*([^\r\n\0]*?)[ \t]*$/

/** Throws a CliError that does not show what was given. */
export function collectHeader(text: string, before: [string, string][]): [string, string][] {
  const match = FIELD.exec(text)
  // What was given is not shown: it may be a secret.
  if (match === null) throw usageError("-H: expected 'Name: value' with a field name and no line break")
  return [...before, [match[1] as string, match[2] as string]]
}

export function readPageRequest(url: string, options: RequestOptions): PageRequest {
  const { scheme, host, target } = options.host === undefined ? splitAbsolute(url) : splitPath(url, options.scheme, options.host)
  const joined = (name: string, separator = ', '): string =>
    options.header.filter(([field]) => field.toLowerCase() === name).map(([, value]) => value).join(separator)
  return {
    method: options.method,
    target,
    host: joined('host') || host,
    scheme,
    cookie: joined('cookie', '; '),
    guarded: joined('authorization') + joined('upgrade') + joined('content-length') + joined('transfer-encoding'),
    header: (name) => joined(name),
    fieldOf: (name) => (options.header.some(([field]) => field.toLowerCase() === name) ? joined(name) : null),
    fields: options.header.filter(([name]) => name.toLowerCase() !== 'host')
  }
}

/** A user name in a URL would reach messages and the key's host; a request has it in Authorization. */
export function refuseUserName(url: string): void {
  if (/^https?:\/\/[^/?#]*@/i.test(url)) throw usageError("leave the user name out of the URL; -H 'Authorization: …' says what it would")
}

function splitAbsolute(url: string): { scheme: string; host: string; target: string } {
  refuseUserName(url)
  try {
    const parts = splitUrl(url)
    return { ...parts, target: parts.target.startsWith('?') ? '/' + parts.target : parts.target }
  } catch {
    if (url.startsWith('/')) throw usageError('a path needs --host HOST, or give the whole URL: http://HOST' + url)
    throw usageError(`expected http://HOST/PATH or https://HOST/PATH, got ${JSON.stringify(url)}`)
  }
}

function splitPath(target: string, scheme: string, host: string): { scheme: string; host: string; target: string } {
  if (scheme !== 'http' && scheme !== 'https') throw usageError(`--scheme: expected http or https, got ${JSON.stringify(scheme)}`)
  if (/^https?:\/\//i.test(target)) throw usageError('--host is for a path; the URL names its host itself')
  return { scheme, host, target }
}
