// What a request may ask of the cache, where the policy lets it; and who is told the key.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { engines } from '../support/engines.js'
import { now, startReplayStack, type Entry, type ReplayStack } from './replay_stack.js'
import { showLogsOnFailure } from './stack.js'

const fresh = (): Entry => ({ storedAt: now() - 100, freshUntil: now() + 100, initialAge: 5 })
const stale = (): Entry => ({ storedAt: now() - 200, freshUntil: now() - 100 })
const refreshable = (): Entry => ({ ...stale(), refreshUntil: now() + 500, errorUntil: now() + 500 })
const strict = (): Entry => ({ ...stale(), headers: [['Cache-Control', 'max-age=60, must-revalidate']] })

const HIT = 'samekey; hit; ttl='
const REQUEST = 'samekey; fwd=request'
const STALE = 'samekey; fwd=stale'

const rows: { id: string; entry?: () => Entry; asks: string; told: string; off?: string; status?: number }[] = [
  { id: 'no-cache', entry: fresh, asks: 'Cache-Control: no-cache', told: REQUEST, off: HIT },
  { id: 'no-cache in another case', entry: fresh, asks: 'Cache-Control: NO-Cache', told: REQUEST, off: HIT },
  { id: 'pragma', entry: fresh, asks: 'Pragma: no-cache', told: REQUEST, off: HIT },
  { id: 'pragma beside another', entry: fresh, asks: 'Cache-Control: max-age=1000\r\nPragma: no-cache', told: HIT, off: HIT },
  { id: 'no-store', entry: fresh, asks: 'Cache-Control: no-store', told: HIT, off: HIT },
  { id: 'young enough', entry: fresh, asks: 'Cache-Control: max-age=200', told: HIT, off: HIT },
  { id: 'too old, with its age when it came', entry: fresh, asks: 'Cache-Control: max-age=104', told: REQUEST, off: HIT },
  { id: 'max-age quoted', entry: fresh, asks: 'Cache-Control: max-age="104"', told: REQUEST, off: HIT },
  { id: 'max-age without a number', entry: fresh, asks: 'Cache-Control: max-age', told: HIT, off: HIT },
  { id: 'the stricter of two', entry: fresh, asks: 'Cache-Control: max-age=1000\r\nCache-Control: max-age=0', told: REQUEST, off: HIT },
  { id: 'fresh for long enough', entry: fresh, asks: 'Cache-Control: min-fresh=50', told: HIT, off: HIT },
  { id: 'not for long enough', entry: fresh, asks: 'Cache-Control: min-fresh=200', told: REQUEST, off: HIT },
  { id: 'max-stale', entry: stale, asks: 'Cache-Control: max-stale', told: HIT, off: STALE },
  { id: 'max-stale for longer', entry: stale, asks: 'Cache-Control: max-stale=200', told: HIT, off: STALE },
  { id: 'max-stale for less', entry: stale, asks: 'Cache-Control: max-stale=20', told: STALE, off: STALE },
  { id: 'max-stale where the page forbids it', entry: strict, asks: 'Cache-Control: max-stale', told: STALE, off: STALE },
  { id: 'no refresh for who wants none', entry: refreshable, asks: 'Cache-Control: max-age=0', told: STALE, off: HIT },
  { id: 'only-if-cached, and it is', entry: fresh, asks: 'Cache-Control: only-if-cached', told: HIT, off: HIT },
  { id: 'only-if-cached, and it is not', asks: 'Cache-Control: only-if-cached', told: 'samekey; detail=only-if-cached', status: 504, off: 'samekey; fwd=uri-miss' },
  { id: 'only-if-cached, and it is stale', entry: stale, asks: 'Cache-Control: max-age=5, only-if-cached', told: 'samekey; detail=only-if-cached', status: 504, off: STALE }
]

describe.each(engines)('$id', (engine) => {
  describe.each([{ requestDirectives: true }, { requestDirectives: false }])('%j', ({ requestDirectives }) => {
    let replay: ReplayStack
    showLogsOnFailure(() => replay?.stack)
    beforeAll(async () => { replay = await startReplayStack(engine, { requestDirectives }, requestDirectives ? ['127.0.0.0/8', '::1'] : ['10.0.0.0/8']) })
    afterAll(async () => {
      const log = await replay.stack.errorLog()
      await replay.stop()
      expect(log).not.toMatch(/samekey: |js exception/)
    })

    test.each(rows)('$id', async ({ id, entry, asks, told, off, status = 200 }) => {
      const target = '/' + id.replace(/\W/g, '-')
      if (entry !== undefined) await replay.put(target, entry())
      replay.asked.length = 0
      const response = await replay.get(target, [asks])
      const expected = requestDirectives ? told : off as string
      expect(response.header('cache-status')).toMatch(new RegExp(`^${expected}`))
      expect(response.status).toBe(requestDirectives ? status : 200)
      expect(replay.asked.filter(({ headers }) => headers['x-samekey-forward'] !== 'refresh').length).toBe(expected.includes('fwd=') ? 1 : 0)
    })

    test('the key is for whom the policy says', async () => {
      await replay.put('/key', {})
      const shown = requestDirectives ? `; key="${replay.keyOf('/key')}"` : ''
      expect((await replay.get('/key')).header('cache-status')).toMatch(new RegExp(`^samekey; hit; ttl=\\d+${shown}$`))
      expect((await replay.get('/key', ['Authorization: x'])).header('cache-status')).toBe('samekey; fwd=bypass; detail=authorization')
      // A quote would end the text.
      expect((await replay.get('/q?a="')).header('cache-status')).toBe('samekey; fwd=uri-miss')
    })
  })
})
