// A page is written where Nginx will look for it: this is the ring of nginx's `hash $memcached_key consistent`
// (ngx_http_upstream_hash_module.c, ketama as in Cache::Memcached::Fast), point by point.

import { crc32 } from 'node:zlib'

/** A memcached server as it is written in Nginx's `server` directive. */
export interface ServerAddress {
  /** `host:port` or `unix:/path`; the ring hashes this text, so both sides must spell it alike. */
  name: string
  /** A host name, an IPv4 address, an IPv6 address without brackets; '' for a socket. */
  host: string
  /** A TCP port, or the path of a socket. */
  port: number | string
  /** 1 to 9999. */
  weight: number
}

/** `'127.0.0.1:11211,127.0.0.1:11212=2'`: servers in Nginx's order, with `=weight`. Throws a TypeError that names the bad one. */
export function parseServers(text: string): ServerAddress[] {
  const servers = text.split(',').map((part) => parseServer(part.trim()))
  const names = servers.map(({ name }) => name)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) throw new TypeError(`memcached: ${twice} is listed twice`)
  return servers
}

function parseServer(text: string): ServerAddress {
  const match = /^(unix:\/[^\s=]+|(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5}))(?:=([1-9][0-9]{0,3}))?$/.exec(text)
  const port = Number(match?.[3] ?? 1)
  if (match === null || port < 1 || port > 65535) {
    // The port is never left out: Nginx's default is 80, memcached's 11211.
    throw new TypeError(`memcached: expected host:port, host:port=weight or unix:/path, got ${JSON.stringify(text)}`)
  }
  const name = match[1] as string
  const weight = Number(match[4] ?? 1)
  if (name.startsWith('unix:')) return { name, host: '', port: name.slice('unix:'.length), weight }
  return { name, host: (match[2] as string).replace(/^\[|\]$/g, ''), port, weight }
}

/** Index in `servers` of the one that holds a key. */
export type Placement = (key: string) => number

const POINTS_PER_WEIGHT = 160

export function createRing(servers: readonly ServerAddress[]): Placement {
  if (servers.length === 1) return () => 0
  const points = servers.flatMap(pointsOf).sort((a, b) => a.hash - b.hash)
  const hashes = Uint32Array.from(points, ({ hash }) => hash)
  return (key) => (points[firstAtLeast(hashes, crc32(key)) % points.length] as Point).server
}

interface Point {
  hash: number
  server: number
}

/** Every point is the CRC-32 of host, NUL, port and the point before it. */
function pointsOf(address: ServerAddress, server: number): Point[] {
  const isSocket = address.name.startsWith('unix:')
  const colon = address.name.lastIndexOf(':')
  const hashed = isSocket ? `${address.port}\0` : `${address.name.slice(0, colon)}\0${address.name.slice(colon + 1)}`
  const base = crc32(hashed)
  const previous = Buffer.alloc(4)
  return Array.from({ length: address.weight * POINTS_PER_WEIGHT }, () => {
    const hash = crc32(previous, base)
    previous.writeUInt32LE(hash)
    return { hash, server }
  })
}

/** Index of the first hash that is not below `wanted`; the length when there is none. */
function firstAtLeast(hashes: Uint32Array, wanted: number): number {
  let low = 0
  let high = hashes.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((hashes[middle] as number) < wanted) low = middle + 1
    else high = middle
  }
  return low
}
