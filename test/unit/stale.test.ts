// When a stale page stands in for what the app says, or for an app that says nothing: RFC 5861 §4, RFC 9111 §4.2.4.

import { ServerResponse, IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { expect, test } from 'vitest'
import type { EntryHead } from '../../njs/core/entry.js'
import { loadPolicy } from '../../node-writer/policy/load.js'
import { markUnreachable, staleReason } from '../../node-writer/stale.js'

const NOW = 784111777
const policy = loadPolicy({ responses: { stale: { max: 1000 } } })

/** Stored 100 s ago, stale for 40. */
const entry = (control: string, changes: Partial<EntryHead> = {}): EntryHead => ({
  status: 200, bodyBytes: 0, storedAt: NOW - 100, initialAge: 0, freshUntil: NOW - 40, refreshUntil: NOW - 40, errorUntil: NOW - 40,
  bodyKey: '', clock: '', rule: '', tags: [], headers: [['Cache-Control', control]], ...changes
})

const rows: { id: string; why: string; entry: EntryHead; status?: number; reached?: boolean; expected: string }[] = [
  { id: 'an error that it may stand in for', why: 'RFC 5861 §4', entry: entry('max-age=60, stale-if-error=600', { errorUntil: NOW + 1 }), reached: true, expected: 'stale-if-error' },
  { id: 'for no longer than that', why: 'RFC 5861 §4', entry: entry('max-age=60, stale-if-error=40', { errorUntil: NOW }), reached: true, expected: '' },
  { id: 'an answer that is no error', why: 'the app knows', entry: entry('max-age=60', { errorUntil: NOW + 1 }), status: 404, expected: '' },
  { id: 'an error of the app', why: 'nobody allowed it', entry: entry('max-age=60'), reached: true, expected: '' },
  { id: 'no app', why: '§4.2.4: disconnected', entry: entry('max-age=60'), expected: 'disconnected' },
  { id: 'no app, and the policy\'s end', why: 'stale for max seconds', entry: entry('max-age=60', { freshUntil: NOW - 1000 }), expected: '' },
  { id: 'no app, and its own end', why: 'RFC 5861 §4: to it this is an error', entry: entry('max-age=60, stale-if-error=40'), expected: '' },
  ...['must-revalidate', 'proxy-revalidate', 'no-cache', 's-maxage=60'].map((directive) => (
    { id: `no app, ${directive}`, why: '§4.2.4 names it', entry: entry(`max-age=60, ${directive}`), expected: '' })),
  { id: 'no app, and it was never fresh', why: 'it was stored to be asked about', entry: entry('max-age=0', { freshUntil: NOW - 100 }), expected: '' }
]

test.each(rows)('$id: $why', ({ entry: head, status = 502, reached = false, expected }) => {
  const res = new ServerResponse(new IncomingMessage(new Socket()))
  if (!reached) markUnreachable(res)
  expect(staleReason(head, status, res, policy, NOW)).toBe(expected)
})
