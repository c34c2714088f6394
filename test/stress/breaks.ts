// Mistakes that would lose purges, one for each part of the protocol: with any of them an oracle run must count stale reads.

import type { Break } from './bundle.js'

export const breaks: readonly Break[] = [
  {
    id: 'set', because: 'a page is stored whatever stands at its key by now',
    file: 'node-writer/memcached_command.ts', from: 'version?.cas.copy(head, 16)', to: '',
    run: { kinds: ['urls'], purges: 400 }
  },
  {
    id: 'no-bans', because: 'a purge of tags, prefixes and patterns raises the clock and leaves no ban',
    file: 'node-writer/invalidation/compact.ts', from: 'return shorten({ ...list, bans: [...list.bans.filter((ban) => !repeated.has(nameOf(ban))), ...added] })', to: 'return list',
    run: { kinds: ['tags', 'prefix', 'pattern'] }
  },
  {
    id: 'old-epoch', because: 'a ban list that is made again continues as if it were the old one',
    file: 'node-writer/invalidation/ban_list.ts', from: "emptyList(randomBytes(12).toString('base64url'), ", to: "emptyList('always', ",
    run: { kinds: ['tags', 'prefix', 'pattern'], purges: 400, accidents: 12 }
  }
]
