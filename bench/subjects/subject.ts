// What is measured: a system that answers HTTP from a cache.
import type { Memcached } from '../machine/folder.js'
import type { Origin } from '../origin/origin.js'
import { HOST, type Page } from '../pages.js'
import { sendRaw } from '../../test/support/raw_http.js'
import { until } from '../../test/support/until.js'

export interface Subject {
  id: string
  port: number
  /** The processes that answer: those whose CPU counts. */
  workers: number[]
  /** Those and all the others that an answer may need. */
  system: number[]
  /** What a hit says in Cache-Status; null where the system says nothing. */
  hitStatus: string | null
  /** The app that is asked for what is not stored; null where none is. */
  origin: Origin | null
  /** Makes the page a hit from here on. */
  store(page: Page): Promise<void>
}

/** What a subject stands on; the same for all. */
export interface Base {
  memcached: Memcached
  origin: Origin
}

export const HEADERS = `Host: ${HOST}\r\n`

export function get(port: number, target: string) {
  return sendRaw(port, `GET ${target} HTTP/1.1\r\n${HEADERS}\r\n`)
}

/** For caches that fill themselves: asks for the page until it is a hit, because some store it after they have answered. */
export function storeByAsking(port: number, hitStatus: string | null): Subject['store'] {
  return ({ target }) => until(`${target} is a hit`, async () => {
    const answer = await get(port, target)
    if (answer.status !== 200) throw new Error(`${target}: status ${answer.status}`)
    return hitStatus === null || answer.header('Cache-Status')?.startsWith(hitStatus) ? true as const : undefined
  }).then(() => undefined)
}

/** Throws unless the page is answered whole, unchanged and from the cache: a wrong answer can be given fast. */
export async function verifyHit(subject: Subject, page: Page): Promise<void> {
  const renders = await subject.origin?.renders()
  const answer = await get(subject.port, page.target)
  const status = answer.header('Cache-Status') ?? ''
  const problem =
    answer.status !== 200 ? `status ${answer.status}`
    : !answer.body.equals(page.body) ? `another body, of ${answer.body.length} instead of ${page.body.length} bytes`
    : subject.hitStatus !== null && !status.startsWith(subject.hitStatus) ? `Cache-Status: ${status}`
    : await subject.origin?.renders() !== renders ? 'rendered again'
    : ''
  if (problem !== '') throw new Error(`${subject.id}: ${page.target}: ${problem}`)
}
