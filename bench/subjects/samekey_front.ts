// samekey with the front cache, as `samekey nginx --front-cache` generates it: a hot page then costs what proxy_cache costs.
import getPort from 'get-port'
import type { Folder } from '../machine/folder.js'
import { startSamekey, type SamekeyOptions } from './samekey.js'
import type { Base, Subject } from './subject.js'

export async function startSamekeyFront(folder: Folder, base: Base, options: SamekeyOptions): Promise<Subject> {
  const front = { frontCache: await folder.makeInMemory(), frontInner: `127.0.0.1:${await getPort()}` }
  return startSamekey(folder, base, { ...options, policy: { ...options.policy, scheme: 'http' }, front })
}
