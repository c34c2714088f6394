// Who purged what, when, and what came of it: the event `purge`, and a line of the purge log. It never holds a token.

import { carryOut, type PurgeContext } from './purge.js'
import { PurgeError, type PurgeResult } from './purge_result.js'
import { readPurgeRequest, type PurgeRequest } from './purge_request.js'

export interface PurgeRecord {
  /** When it was asked for, ISO 8601. */
  time: string
  /** As the request says, and from where it came; '' for code that does not say. */
  by: string
  /** What was asked for, as it was written. */
  asked: Omit<PurgeRequest, 'by'>
  /**
   * 'failed': some servers did not acknowledge. 'waiting': the same, and what is missing is repeated until they do.
   * 'refused': it could not be understood, or its token was wrong; nothing was purged.
   */
  outcome: 'done' | 'failed' | 'waiting' | 'refused'
  /** As in PurgeResult. */
  pages: PurgeResult['pages']
  deleted: number
  bans: PurgeResult['bans']
  clock: string
  /** The servers that did not acknowledge, and what they did not; '' for a server that could not list its keys. */
  failures: { key: string; server: string; error: string }[]
  /** '' when it is done. */
  error: string
  /** Milliseconds until it was acknowledged. */
  ms: number
}

const NOTHING: PurgeResult = { pages: [], deleted: 0, bans: [], clock: '' }

/** What came to nothing before any server was asked. */
export function notCarriedOut(outcome: 'failed' | 'refused', { by = '', ...asked }: PurgeRequest, error: string): PurgeRecord {
  return { time: new Date().toISOString(), by, asked, outcome, ...NOTHING, failures: [], error, ms: 0 }
}

/**
 * Carries a request out and tells `onRecord` of it before it settles.
 * @throws PurgeRequestError when it cannot be understood, PurgeError when a server did not acknowledge.
 */
export async function purge(request: PurgeRequest, site: string | undefined, context: PurgeContext, onRecord: (record: PurgeRecord) => void): Promise<PurgeResult> {
  const time = new Date().toISOString()
  const start = performance.now()
  const tell = (outcome: PurgeRecord['outcome'], result: PurgeResult, error: string, failures: PurgeRecord['failures'] = []): void => {
    const { by = '', ...asked } = typeof request === 'object' && request !== null ? request : {}
    onRecord({ time, by: String(by), asked, outcome, ...result, failures, error, ms: Math.round(performance.now() - start) })
  }
  try {
    const result = await carryOut(readPurgeRequest(request, context.policy, site), context)
    tell('done', result, '')
    return result
  } catch (error) {
    const { message } = error as Error
    if (error instanceof PurgeError) tell('failed', error.result, message, error.failures.map(({ key, server, error: cause }) => ({ key, server, error: cause.message })))
    else tell('refused', NOTHING, message)
    throw error
  }
}
