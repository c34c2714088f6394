// What a purge is about to take away, of what is stored now: to render it anew afterwards.

import { formatBanList, judgeByBans } from '../../njs/core/bans.js'
import { FIXED_BYTES, headBytes, parseHead } from '../../njs/core/entry.js'
import { addPurge, emptyList } from '../../node-writer/invalidation/compact.js'
import { pagesOfUrl } from '../../node-writer/key.js'
import { dumpKeys } from '../../node-writer/listing/dump_keys.js'
import { readStarts } from '../../node-writer/listing/item_starts.js'
import { readKey } from '../../node-writer/listing/key_text.js'
import { TextConnection } from '../../node-writer/listing/text_connection.js'
import type { LoadedPolicy } from '../../node-writer/policy/types.js'
import type { PurgePlan } from '../../node-writer/purge_request.js'
import { listPages } from '../../node-writer/purge_raw.js'
import { type Store, StoreError } from '../../node-writer/store.js'
import { CliError } from '../io.js'
import { fieldsByVariants } from './variants.js'
import type { WarmRequest } from './warm_urls.js'

export interface PurgedPages {
  requests: WarmRequest[]
  /** Pages whose key is too long to have their whole URL in it. */
  unknown: number
}

/** All variants of the URLs that are named, and the variants that are stored of every other page. Throws a CliError. */
export async function purgedPages(plan: PurgePlan, policy: LoadedPolicy, store: Store): Promise<PurgedPages> {
  const fields = fieldsByVariants(policy)
  const pages = new Map<string, WarmRequest>()
  let unknown = 0
  const add = (url: string, variants: string): void => void pages.set(`${variants} ${url}`, { url, fields: fields.get(variants) ?? [] })

  for (const url of plan.urls) for (const page of pagesOfUrl(url, policy)) add(`${page.scheme}://${page.host}${page.target}`, page.variants)
  for (const { url, isWhole, variants } of await storedPages(plan, policy, store)) isWhole ? add(url, variants) : unknown++
  return { requests: [...pages.values()], unknown }
}

interface StoredPage {
  url: string
  isWhole: boolean
  variants: string
}

async function storedPages({ bans, prefixes, all }: PurgePlan, policy: LoadedPolicy, store: Store): Promise<StoredPage[]> {
  if (policy.mode === 'raw') {
    if (!all && prefixes.length === 0) return []
    return (await listPages(store, policy, all ? null : prefixes, [])).flatMap((key) => readKey(key, policy) ?? [])
  }
  if (bans.length === 0) return []
  // A list of these bans alone, and every entry older than them.
  const list = formatBanList(bans.reduce((before, ban) => addPurge(before, ban, 0, Infinity), emptyList('now', 0)))
  const covered = (tags: string[], { url }: StoredPage): boolean => judgeByBans(list, 'now.0', tags, () => url) === 'covered'
  const found = await Promise.all(store.servers.map(async (server) => {
    const connection = new TextConnection(server)
    const pages: StoredPage[] = []
    try {
      const texts = new Map((await dumpKeys(connection, policy.keyHead)).map(({ key }) => [key, readKey(key, policy)]))
      const keys = [...texts].filter(([, text]) => text?.role === 'page' || text?.role === 'second').map(([key]) => key)
      await readStarts(connection, keys, ({ key, bytes, start }) => {
        const length = headBytes(start.toString('latin1', 0, FIXED_BYTES))
        const head = length < 0 ? null : parseHead(start.toString('latin1', 0, length), bytes)
        const text = texts.get(key) as StoredPage
        if (head !== null && covered(head.tags, text)) pages.push(text)
      })
      return pages
    } catch (error) {
      throw error instanceof StoreError ? new CliError(`--warm: ${error.message}`) : error
    } finally {
      connection.close()
    }
  }))
  return found.flat()
}
