// The pages that an oracle run can be about: of every kind, too much for memcached, joined by rules, or in raw mode.

import type { PolicyDocument } from '../../node-writer/policy/types.js'
import { ACCIDENTS, HOST, type Kind, LANGUAGES, type Page, type PageSet } from './page_set.js'

const SECTIONS = ['a', 'b', 'c', 'd'] as const
const TAGS = 24
const KINDS: readonly Kind[] = ['plain', 'plain', 'plain', 'vary', 'dimension', 'short', 'short', 'query', 'moody', 'plain', 'short', 'vary']

const PAGES_IN_QUERY = ['?page=0', '?page=1', '?page=2'] as const

const POLICY: PolicyDocument = {
  hosts: [HOST],
  variants: [{ name: 'colour', header: 'x-colour', values: [...LANGUAGES], default: 'en' }],
  responses: { stale: { max: 60 } }
}

function page(id: number, kind: Kind, more: Partial<Page> = {}): Page {
  const section = SECTIONS[Math.floor(id / 12) % SECTIONS.length] as string
  const target = more.target ?? `/${section}/${id}`
  return {
    id, kind, target,
    spellings: kind === 'query' ? PAGES_IN_QUERY.map((query) => target + query) : [target],
    rules: kind === 'query' ? ['params=("page")'] : [],
    tags: [`t${id % TAGS}`, `t${(id * 7 + 3) % TAGS}`, `section:${section}`],
    forms: kind === 'vary' || kind === 'dimension' ? LANGUAGES : [''],
    // Some are worth compressing, which Nginx then undoes for the readers.
    bytes: id % 40 === 0 ? 6000 : 600,
    isDense: false,
    ...more
  }
}

function pages(count: number, make: (id: number) => Page): Page[] {
  return Array.from({ length: count }, (_, id) => make(id))
}

const kindOf = (id: number): Kind => KINDS[id % KINDS.length] as Kind

/** So large that its body is an item of its own. */
const LARGE: Partial<Page> = { bytes: 260 * 1024 }

const MIXED: PageSet = {
  policy: POLICY,
  pages: pages(240, (id) => (id === 197 ? page(id, 'plain', LARGE) : page(id, kindOf(id)))),
  memcachedArgs: ['-m', '4'],
  kinds: ['urls', 'urls', 'urls', 'urls', 'urls', 'urls', 'urls', 'post', 'tags', 'tags', 'prefix', 'pattern', 'all'],
  accidents: ACCIDENTS,
  readsPerLoss: 0,
  losses: ['page', 'page', 'lease', 'rule'],
  urlBoundMs: 0
}

/**
 * Bodies of 2 to 100 KB, and a memcached whose smallest chunk is of 8 KB: small pages, markers, claims, leases, rules and
 * the ban list compete for the same few places.
 */
const HEAVY: PageSet = {
  ...MIXED,
  pages: pages(320, (id) => {
    const bytes = id % 4 === 0 ? 2000 + 37 * (id % 40) : 2000 + ((id * 7919) % 98_000)
    return page(id, kindOf(id), { isDense: true, ...(id % 4 === 1 ? {} : { bytes }), ...(id % 97 === 0 ? LARGE : {}) })
  }),
  memcachedArgs: ['-m', '2', '-n', '8000', '-f', '2']
}

/**
 * Every path declares which arguments it does not read, in one of two ways, and items are lost all the time, above all
 * rules. Every fourth page has a query that is read, and its path is the next one's, too.
 */
const RULES: PageSet = {
  ...MIXED,
  pages: pages(60, (id) => {
    const isShared = id % 4 >= 2
    const path = `/${SECTIONS[id % 2 === 0 ? 0 : 1] as string}/${id}`
    const shared = `/c/${id - (id % 2)}`
    return page(id, 'query', isShared
      ? {
          target: `${shared}?q=${id}`,
          spellings: [`?q=${id}`, `?page=1&q=${id}`, `?q=${id}&page=2`, `?a=1&q=${id}&z=2`].map((query) => shared + query),
          rules: ['params, except=("q")', 'key-order, params, except=("q")']
        }
      : { target: path, spellings: ['', ...PAGES_IN_QUERY, '?page=1&x=2'].map((query) => path + query), rules: ['params=("page" "x")', 'params'] })
  }),
  kinds: ['urls', 'urls', 'urls', 'urls', 'urls', 'urls', 'urls', 'urls', 'post', 'tags'],
  readsPerLoss: 20,
  losses: ['rule', 'rule', 'rule', 'page']
}

/**
 * Tags and patterns cannot be purged. A page that is purged while it is being stored can be seen for a moment, and for
 * long when its writer dies just then (docs/invalidation.md, "Raw mode"): so nobody dies.
 */
const RAW: PageSet = {
  ...MIXED,
  policy: { ...POLICY, mode: 'raw', routes: [{ match: '/', ttl: 60, type: 'text/html; charset=utf-8' }] },
  pages: pages(240, (id) => page(id, id % 4 === 0 ? 'dimension' : id % 4 === 1 ? 'moody' : 'plain', { tags: [] })),
  kinds: ['urls', 'urls', 'urls', 'urls', 'urls', 'urls', 'urls', 'post', 'prefix', 'prefix', 'prefix', 'all'],
  accidents: ['items lost', 'memcached started anew'],
  losses: ['page', 'lease', 'claim'],
  urlBoundMs: 1000
}

export const PAGE_SETS = { mixed: MIXED, heavy: HEAVY, rules: RULES, raw: RAW } as const satisfies Record<string, PageSet>
export type PageSetName = keyof typeof PAGE_SETS
