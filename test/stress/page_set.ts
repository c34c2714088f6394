// The pages of the oracle run: what each is like, which purges cover it, and what its response says. Known to the app
// processes, which render them, and to the oracle, which has to know what a purge covers without asking the code under test.

import type { PolicyDocument } from '../../node-writer/policy/types.js'

/**
 * 'plain': fresh for a minute. 'vary': Vary on a header. 'dimension': a dimension of the policy. 'large': its body is an item
 * of its own. 'short': fresh for a second, with an ETag, so that it is asked about again, served stale meanwhile and when
 * the app fails. 'query': No-Vary-Search. 'moody': often not cacheable, often an error.
 */
export type Kind = 'plain' | 'vary' | 'dimension' | 'large' | 'short' | 'query' | 'moody'

export interface Page {
  id: number
  kind: Kind
  target: string
  tags: readonly string[]
  /** What requests for it can differ in: a language, or ''. */
  forms: readonly string[]
}

export type Cover =
  | { kind: 'urls'; pages: readonly Page[] }
  | { kind: 'tags'; tags: readonly string[] }
  | { kind: 'prefix'; prefix: string }
  | { kind: 'pattern'; pattern: string }
  | { kind: 'all' }
  /** RFC 9111 §4.4: an unsafe request that succeeded. */
  | { kind: 'post'; pages: readonly Page[] }

export const HOST = 'stress.test'
export const LANGUAGES = ['en', 'de', 'fr'] as const
const SECTIONS = ['a', 'b', 'c', 'd'] as const
const TAGS = 24
const KINDS: readonly Kind[] = ['plain', 'plain', 'plain', 'vary', 'dimension', 'short', 'short', 'query', 'moody', 'plain', 'short', 'vary']

export const POLICY: PolicyDocument = {
  hosts: [HOST],
  variants: [{ name: 'colour', header: 'x-colour', values: [...LANGUAGES], default: 'en' }],
  responses: { stale: { max: 60 } }
}

export const PAGES: readonly Page[] = Array.from({ length: 240 }, (_, id): Page => {
  const kind = id === 197 ? 'large' : KINDS[id % KINDS.length] as Kind
  const section = SECTIONS[Math.floor(id / 12) % SECTIONS.length] as string
  return {
    id, kind,
    target: `/${section}/${id}${kind === 'query' ? '?page=1' : ''}`,
    tags: [`t${id % TAGS}`, `t${(id * 7 + 3) % TAGS}`, `section:${section}`],
    forms: kind === 'vary' || kind === 'dimension' ? LANGUAGES : ['']
  }
})

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

export function pageOf(target: string): Page | undefined {
  return PAGES[Number(/^\/[a-d]\/(\d+)/.exec(target)?.[1] ?? NaN)]
}

/** What requests for a page and a form say about the form. */
export function formField(page: Page, form: string): [name: string, value: string] | undefined {
  if (page.kind === 'vary') return ['X-Form', form]
  return page.kind === 'dimension' ? ['X-Colour', form] : undefined
}

/** Of a body. Some are worth compressing, which Nginx then undoes for the readers. */
export function bytesOf({ id, kind }: Page): number {
  return kind === 'large' ? 260 * 1024 : id % 40 === 0 ? 6000 : 600
}

/** The first line of every body: what a reader checks. */
export function firstLine(page: Page, form: string, version: number): string {
  return `page ${page.id} form ${form || '-'} version ${version}\n`
}

export interface Seen { page: number; form: string; version: number }

export function readFirstLine(text: string): Seen | undefined {
  const match = /^page (\d+) form (\S+) version (\d+)\n/.exec(text)
  return match === null ? undefined : { page: Number(match[1]), form: match[2] === '-' ? '' : match[2] as string, version: Number(match[3]) }
}
