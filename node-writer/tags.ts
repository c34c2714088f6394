// What a page is tagged with, so that a purge by tag finds it: fields of its response, and what the app says in code. A
// tag that was left out would be a purge that does not happen, so a page whose tags cannot all be kept is not stored.

import type { ServerResponse } from 'node:http'
import { groupTag, parseCacheGroups } from './http/cache_groups.js'
import { type Fields, joinFields } from './http/fields.js'
import type { PageAddress } from './key.js'
import type { LoadedPolicy } from './policy/types.js'

export const MAX_TAGS = 50

/** Characters. */
export const MAX_TAG_LENGTH = 128

// RFC 9875 §2: at least 32 groups with at least 32 characters each must be supported.
const MAX_GROUPS = 64
const MAX_GROUP_LENGTH = 128

/** As groupTag writes them: the groups of a page that the app has confirmed are those of its header, which is the newer one. */
const IS_GROUP = /^g:https?:\/\//

const given = new WeakMap<ServerResponse, Set<string>>()

/** Gives the response its `samekeyTags`. Nothing comes of it when the page is not one to store. */
export function offerTags(res: ServerResponse): void {
  if (given.has(res)) return
  const tags = new Set<string>()
  given.set(res, tags)
  res.samekeyTags = (...named) => {
    // Too many are too many, however many they are.
    for (const tag of named.flat()) if (tags.size <= MAX_TAGS) tags.add(String(tag))
    return res
  }
}

/** Whether a page can carry it: visible ASCII without a comma. */
export function isTag(text: string): boolean {
  return text.length <= MAX_TAG_LENGTH && /^[!-+\--~]+$/.test(text)
}

export type Tags = { tags: string[] } | { unusable: string }

/**
 * The tags of a response, each once, or what is wrong with them. `kept`: those of the stored page that the response has
 * confirmed; it need not name them again.
 */
export function tagsOf(fields: Fields, res: ServerResponse, { scheme, host }: Pick<PageAddress, 'scheme' | 'host'>, policy: LoadedPolicy, kept: readonly string[] = []): Tags {
  // A raw entry has no place for them, and a purge by tag is refused there.
  if (policy.mode === 'raw') return { tags: [] }
  const joined = joinFields(fields)
  // Cache-Tag has commas between them, Surrogate-Key spaces, and neither may have the other inside.
  const named = policy.responses.tagFields.flatMap((name) => (joined[name] ?? '').split(/[\s,]+/)).filter((tag) => tag !== '')
  const groups = joined['cache-groups'] === undefined ? [] : parseCacheGroups(joined['cache-groups'])
  const own = new Set([...kept.filter((tag) => !IS_GROUP.test(tag)), ...named, ...(given.get(res) ?? [])])

  const bad = [...own].find((tag) => !isTag(tag))
  if (bad !== undefined) return { unusable: bad.length > MAX_TAG_LENGTH ? `a tag of ${bad.length} characters` : JSON.stringify(bad) }
  if (own.size > MAX_TAGS) return { unusable: `more than ${MAX_TAGS} tags` }
  if (groups.length > MAX_GROUPS || groups.some((group) => group.length > MAX_GROUP_LENGTH)) return { unusable: 'cache-groups' }
  return { tags: [...own, ...groups.map((group) => groupTag(group, `${scheme}://${host}`))] }
}

/** What is stored and shown: tags are between the app and this cache, unless the policy says otherwise. */
export function withoutTagFields(fields: Fields, policy: LoadedPolicy): Fields {
  const { showTags, tagFields } = policy.responses
  return showTags ? fields : fields.filter(([name]) => !tagFields.includes(name.toLowerCase()))
}
