// Raw entries have no clock, so a ban could not cover them: a prefix or everything is purged there by listing the keys of
// the policy on every server. What it costs grows with the number of items in memcached.

import { dumpKeys } from './listing/dump_keys.js'
import { readKey } from './listing/key_text.js'
import { TextConnection } from './listing/text_connection.js'
import type { LoadedPolicy } from './policy/types.js'
import type { PurgeFailure } from './purge_result.js'
import type { Store } from './store.js'

/** The keys of the pages below these prefixes of scheme://host/target, or of all (null); also of those under way. */
export async function listPages(store: Store, policy: LoadedPolicy, prefixes: readonly string[] | null, failures: PurgeFailure[]): Promise<string[]> {
  const keys = await Promise.all(store.servers.map(async (server) => {
    const connection = new TextConnection(server)
    const found: string[] = []
    try {
      for (const { key } of await dumpKeys(connection, policy.keyHead)) found.push(...pageOf(key, policy, prefixes))
    } catch (error) {
      failures.push({ key: '', server: server.name, error: error as Error })
    } finally {
      connection.close()
    }
    return found
  }))
  return [...new Set(keys.flat())]
}

/** The page's key, whether the item is the page, its claim or its lease; nothing for pages that are not meant. */
function pageOf(key: string, policy: LoadedPolicy, prefixes: readonly string[] | null): string[] {
  const read = readKey(key, policy)
  if (read === null || !['page', 'claim', 'lease'].includes(read.role)) return []
  if (prefixes !== null && !prefixes.some((prefix) => mayBegin(read, prefix))) return []
  return [read.role === 'page' ? key : key.slice(0, key.lastIndexOf('#'))]
}

/** Of a shortened key only the start can be read: what may be meant, is. */
function mayBegin({ url, isWhole }: { url: string; isWhole: boolean }, prefix: string): boolean {
  // It may end in half an escape.
  return url.startsWith(prefix) || (!isWhole && prefix.startsWith(url.replace(/%$/, '')))
}
