// When a purge resolves, memcached has acknowledged that every variant of every page is gone, and no render of this
// process that began before it will be stored. Otherwise it rejects.

import type { StoreError } from './connection.js'
import { type PageAddress, pagesOfUrl } from './key.js'
import type { LoadedPolicy } from './policy/types.js'
import type { Renders } from './renders.js'
import { keyByRule, readRule, ruleKeyOf } from './search_rules.js'
import type { Store } from './store.js'

export interface PurgeResult {
  /** The absolute URLs that were purged and the keys of each; none for an URL that the policy never looks up. */
  pages: { url: string; keys: string[] }[]
  /** How many items there were to delete. */
  deleted: number
}

/** At least one server did not acknowledge: pages may still be served from it. */
export class PurgeError extends Error {
  override name = 'PurgeError'
  constructor(
    /** What was purged nevertheless. */
    readonly result: PurgeResult,
    /** What was not, and why. */
    readonly failures: { key: string; server: string; error: Error }[]
  ) {
    const servers = [...new Set(failures.map(({ server }) => server))].join(', ')
    super(`purge: ${failures.length} keys could not be deleted from ${servers}: ${(failures[0] as { error: Error }).error.message}`)
  }
}

export interface PurgeContext {
  policy: LoadedPolicy
  /** What paths are relative to: `https://example.org`; undefined when only absolute URLs can be purged. */
  site: string | undefined
  store: Store
  renders: Renders
}

/** Deletes under way at once. */
const BATCH = 1000

/** Takes absolute URLs and paths. Throws a TypeError for anything else, before anything is deleted. */
export async function purge(urls: readonly string[], { policy, site, store, renders }: PurgeContext): Promise<PurgeResult> {
  const named = urls.flatMap((url) => absoluteUrls(url, site, policy)).map((url) => ({ url, addresses: pagesOfUrl(url, policy) }))
  // Before anything is waited for.
  renders.purge(named.flatMap(({ addresses }) => addresses.map(({ key }) => key)))
  const pages = await Promise.all(named.map(async ({ url, addresses }) => ({ url, keys: await allKeys(addresses, { policy, store, renders }) })))
  const keys = [...new Set(pages.flatMap((page) => page.keys))]

  const failures: { key: string; server: string; error: StoreError }[] = []
  let deleted = 0
  for (let from = 0; from < keys.length; from += BATCH) {
    await Promise.all(keys.slice(from, from + BATCH).map(async (key) => {
      try {
        if (await store.delete(key, { evenIfDown: true })) deleted++
      } catch (error) {
        failures.push({ key, server: store.serverOf(key), error: error as StoreError })
      }
    }))
  }
  if (failures.length === 0) return { pages, deleted }
  const failed = new Set(failures.map(({ key }) => key))
  throw new PurgeError({ pages: pages.filter((page) => !page.keys.some((key) => failed.has(key))), deleted }, failures)
}

/** An absolute URL means its own scheme; a path means the site's page under every scheme that the key tells apart. */
function absoluteUrls(url: string, site: string | undefined, policy: LoadedPolicy): string[] {
  if (!url.startsWith('/')) return [url]
  const match = /^(https?):\/\/([^/?#]+)\/?$/i.exec(site ?? '')
  if (match === null) {
    throw new TypeError(`purge: ${JSON.stringify(url)} is a path; give an absolute URL, or the option site (${site === undefined ? 'not given' : JSON.stringify(site)}) as https://host`)
  }
  const schemes = policy.scheme === '' ? ['http', 'https'] : [policy.scheme]
  return schemes.map((scheme) => `${scheme}://${match[2]}${url}`)
}

/** A path may have declared that it does not read all of its query: then its pages lie under other keys. */
async function allKeys(addresses: PageAddress[], { policy, store, renders }: Omit<PurgeContext, 'site'>): Promise<string[]> {
  const keys = addresses.map(({ key }) => key)
  const [first] = addresses
  if (first === undefined || policy.mode === 'raw') return keys
  // Where the rule cannot be read, nothing can be deleted either, and that rejects.
  const rule = await readRule(store, first, policy).catch(() => null)
  if (rule === null) return keys
  renders.purge([ruleKeyOf(first, policy)])
  return [...new Set([...keys, ...addresses.map((address) => keyByRule(address, rule, policy))])]
}
