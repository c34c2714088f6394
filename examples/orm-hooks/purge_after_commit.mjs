// What has been changed is purged once it is committed, and not before: a page that is rendered in between would be made of
// the old data, and kept. Nothing here is particular to one ORM.

import { AsyncLocalStorage } from 'node:async_hooks'

/** `cache` is samekey's page cache. */
export function purgeAfterCommit(cache) {
  const transactions = new AsyncLocalStorage()
  const purge = (tags) => cache.purge({ tags: [...tags], by: 'ORM' })
  return {
    /** For the hooks that run after a row has been written: the tags of all pages that show it. */
    async changed(...tags) {
      const touched = transactions.getStore()
      if (touched === undefined) await purge(tags)
      else for (const tag of tags) touched.add(tag)
    },
    /** Runs a transaction, which resolves when it is committed. One that fails purges nothing. */
    async transaction(work) {
      const touched = new Set()
      const result = await transactions.run(touched, work)
      if (touched.size > 0) await purge(touched)
      return result
    }
  }
}
