// What is measured: a system that answers HTTP, with the pages already in its cache.
import { createHash } from 'node:crypto'
import type { Page } from '../pages.js'
import { HOST } from '../pages.js'
import { sendRaw } from '../../test/support/raw_http.js'

export interface Subject {
  id: string
  port: number
  /** The processes whose CPU counts: the workers. */
  pids: number[]
  /** What a hit says in Cache-Status; '' where the system does not say. */
  hitStatus: string
  /** Makes the page a hit from here on. */
  store(page: Page): Promise<void>
}

/** Throws unless the page is answered from the cache, whole and unchanged: a wrong answer can be given fast. */
export async function verifyHit(subject: Subject, page: Page): Promise<void> {
  const answer = await sendRaw(subject.port, `GET ${page.target} HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`)
  const problem =
    answer.status !== 200 ? `status ${answer.status}`
    : sha256(answer.body) !== sha256(page.body) ? `another body, of ${answer.body.length} instead of ${page.body.length} bytes`
    : (answer.header('Cache-Status') ?? '') !== subject.hitStatus ? `Cache-Status: ${answer.header('Cache-Status')}`
    : ''
  if (problem !== '') throw new Error(`${subject.id}: ${page.target}: ${problem}`)
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
