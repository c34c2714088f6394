// One page of the real site: asked through Nginx, found in memcached under the key of this policy, and then a hit. That is
// the whole way, so it holds only if Nginx, the writer and this policy agree.

import { setTimeout as pause } from 'node:timers/promises'
import { resolveUrl } from '../../node-writer/key.js'
import type { LoadedPolicy } from '../../node-writer/policy/types.js'
import type { Store } from '../../node-writer/store.js'
import { CliError } from '../io.js'
import { describeStored } from '../stored_text.js'
import { readStored, type StoredPage } from '../stored.js'
import { type WarmedPage, warmUrls } from '../warm/warm_urls.js'
import { type Checks, fail, ok, warn } from './check.js'

/** What is stored after the response has ended is there by then. */
const STORED_MS = 3000

const DIFFERENT = 'compare the policy of this command with those of the app and of Nginx (files-policy), and the lists of memcached servers, in order of likelihood; the log of Nginx has the key of each request, and the writer tells `drift`'

export async function* checkSite(url: string, base: URL | undefined, store: Store, policy: LoadedPolicy): Checks {
  const visit = async (): Promise<WarmedPage> => {
    let page: WarmedPage | undefined
    await warmUrls([{ url }], { timeoutMs: 20_000, onPage: (each) => (page = each), ...(base === undefined ? {} : { base }) })
    return page as WarmedPage
  }
  const first = await visit()
  if (first.status === null || first.outcome === 'failed') {
    yield fail('site-answers', url, first.detail, first.status === null ? 'is Nginx running, and the name or --base right?' : 'name a page that is there, and that goes through the location with samekey.location.conf')
    return
  }
  yield ok('site-answers', url, `status ${first.status} in ${first.ms} ms`)

  const verdict = resolveUrl(url, policy)
  if (first.outcome === 'bypass' || verdict.bypass !== '') {
    const nginx = first.outcome === 'bypass' ? `bypass ${first.detail}` : 'looked up'
    const own = verdict.bypass === '' ? 'looked up' : `bypass ${verdict.bypass}`
    yield nginx === own ? warn('site-looks-up', url, `it is never looked up: ${nginx}`, 'name a page that is to be cached; `samekey explain` tells why this one is not') : fail('site-looks-up', url, `by Nginx: ${nginx}; by this policy: ${own}`, DIFFERENT)
    return
  }
  yield ok('site-looks-up', url, verdict.key)

  if (first.outcome === 'not-stored') {
    yield warn('site-stores', url, `the writer does not store it${first.detail === '' ? '' : `: ${first.detail}`}`, first.detail === 'uri-miss' ? `if this page has a Cache-Control that allows it, Nginx and the writer may disagree: ${DIFFERENT}` : 'name a page that may be stored; Cache-Control of the response, or a ttl of the policy, allows it')
    return
  }
  yield ok('site-stores', url, first.outcome === 'fresh' ? 'it was stored already' : 'it was rendered, to be stored')

  let found: StoredPage
  try {
    found = await untilStored(() => readStored(store, verdict, policy, () => null))
  } catch (error) {
    if (!(error instanceof CliError)) throw error
    yield fail('site-agrees', url, error.message, 'see memcached-answers')
    return
  }
  if (!isThere(found)) {
    yield fail('site-agrees', url, `under the key of this policy there is ${describeStored(found)}`, DIFFERENT)
    return
  }
  yield ok('site-agrees', url, 'Nginx, the writer and this policy have one key for it')
  const { head } = found.stored
  if (head !== null) yield head.clock !== '' ? ok('site-purgeable', url, `clock ${head.clock}`) : fail('site-purgeable', url, 'it has no clock: purges of tags, prefixes and everything do not reach it', 'it was stored by a writer from before there were bans; update samekey in the app')

  const again = await visit()
  if (again.outcome === 'fresh' || again.detail === 'refreshed behind the response') yield ok('site-hits', url, `a hit in ${again.ms} ms`)
  else yield fail('site-hits', url, `it is stored, and asked for again it is ${again.outcome}${again.detail === '' ? '' : ` (${again.detail})`}`, `\`samekey get ${url}\` tells its state; a page that the app marks as fresh for a second or less is gone by then`)
}

const isThere = ({ stored }: StoredPage): boolean => stored.state !== 'absent' && stored.state !== 'claim'

async function untilStored(read: () => Promise<StoredPage>): Promise<StoredPage> {
  const deadline = Date.now() + STORED_MS
  for (;;) {
    const found = await read()
    if (isThere(found) || Date.now() > deadline) return found
    await pause(50)
  }
}
