// What a page of the oracle run is, which purges cover it, and what its response says. Known to the app processes, which
// render them, and to the oracle, which has to know what a purge covers without asking the code under test.

import { createHash } from 'node:crypto'
import type { PolicyDocument } from '../../node-writer/policy/types.js'

/**
 * 'plain': fresh for a minute. 'vary': Vary on a header. 'dimension': a dimension of the policy. 'short': fresh for a
 * second, with an ETag, so that it is asked about again, served stale meanwhile and when the app fails. 'query':
 * No-Vary-Search. 'moody': often not cacheable, often an error.
 */
export type Kind = 'plain' | 'vary' | 'dimension' | 'short' | 'query' | 'moody'

export interface Page {
  id: number
  kind: Kind
  /** What tags, prefixes and patterns cover it by. */
  target: string
  /** The targets by which it is asked for and purged. */
  spellings: readonly string[]
  /** No-Vary-Search, of which each joins all spellings; the first is the usual one. */
  rules: readonly string[]
  tags: readonly string[]
  /** What requests for it can differ in: a language, or ''. */
  forms: readonly string[]
  /** Of its body, and whether that cannot be compressed. */
  bytes: number
  isDense: boolean
}

export type Cover =
  | { kind: 'urls'; pages: readonly Page[] }
  | { kind: 'tags'; tags: readonly string[] }
  | { kind: 'prefix'; prefix: string }
  | { kind: 'pattern'; pattern: string }
  | { kind: 'all' }
  /** RFC 9111 §4.4: an unsafe request that succeeded. */
  | { kind: 'post'; pages: readonly Page[] }

export type CoverKind = Cover['kind']

export const ACCIDENTS = ['items lost', 'memcached started anew', 'app processes killed', 'ban lists lost'] as const
export type Accident = (typeof ACCIDENTS)[number]

/** What memcached may lose of a page; 'claim' is raw mode's. */
export type Loss = 'page' | 'lease' | 'rule' | 'claim'

/** Pages of one nature, and what belongs to a run with them. */
export interface PageSet {
  policy: PolicyDocument
  pages: readonly Page[]
  /** How memcached is started. */
  memcachedArgs: readonly string[]
  /** What is purged, each as often as it stands here. */
  kinds: readonly CoverKind[]
  accidents: readonly Accident[]
  /** An item is taken away each so many reads; 0: never. */
  readsPerLoss: number
  losses: readonly Loss[]
  /** Within which a purge of an URL is in effect, in milliseconds. */
  urlBoundMs: number
}

export const HOST = 'stress.test'
export const LANGUAGES = ['en', 'de', 'fr'] as const

export function covers(cover: Cover, page: Page): boolean {
  switch (cover.kind) {
    case 'urls':
    case 'post': return cover.pages.includes(page)
    case 'tags': return cover.tags.some((tag) => page.tags.includes(tag))
    case 'prefix': return page.target.startsWith(cover.prefix)
    case 'pattern': return new RegExp(`^(?:${cover.pattern})`).test(page.target)
    case 'all': return true
  }
}

/** Its number stands in every spelling: as the argument q, or in the path. */
export function pageOf(pages: readonly Page[], target: string): Page | undefined {
  return pages[Number((/[?&]q=(\d+)/.exec(target) ?? /^\/[a-d]\/(\d+)/.exec(target))?.[1] ?? NaN)]
}

/** What requests for a page and a form say about the form. */
export function formField(page: Page, form: string): [name: string, value: string] | undefined {
  if (page.kind === 'vary') return ['X-Form', form]
  return page.kind === 'dimension' ? ['X-Colour', form] : undefined
}

// -------------------------------------------------------------------------------------------------------------- bodies

/** More bytes than any dense body has, the same in every process. */
const NOISE = Array.from({ length: 4096 }, (_, i) => createHash('sha256').update(String(i)).digest('base64')).join('')

/** The whole body; its first line is `firstLine`. */
export function bodyOf(page: Page, form: string, version: number): string {
  const line = firstLine(page, form, version)
  if (!page.isDense) return line.padEnd(page.bytes, line)
  // What is between differs from version to version: no body is taken for another's.
  const from = version % 1000
  return line + NOISE.slice(from, from + page.bytes - 2 * line.length) + line
}

function firstLine({ id }: Page, form: string, version: number): string {
  return `page ${id} form ${form || '-'} version ${version}\n`
}

export interface Seen { page: number; form: string; version: number }

export function readFirstLine(text: string): Seen | undefined {
  const match = /^page (\d+) form (\S+) version (\d+)\n/.exec(text)
  return match === null ? undefined : { page: Number(match[1]), form: match[2] === '-' ? '' : match[2] as string, version: Number(match[3]) }
}
