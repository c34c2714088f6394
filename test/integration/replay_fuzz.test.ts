// An entry is untrusted input. Whatever lies in memcached, the client gets either what it says, if it is readable, or
// the app's answer; never an error of our own, a broken response or a line of the error log.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { judgeByBans } from '../../njs/core/bans.js'
import { FIXED_BYTES, formatHead, headBytes, parseHead } from '../../njs/core/entry.js'
import { seeded, type Random } from '../fuzz/random.js'
import { engines } from '../support/engines.js'
import { BANS, CLOCK, now, startReplayStack, type ReplayStack } from './replay_stack.js'
import { showLogsOnFailure } from './stack.js'

const ROUNDS = 400

function entry(body: string, bodyKey = ''): string {
  const time = now()
  return formatHead({
    status: 200, bodyBytes: body.length, storedAt: time, initialAge: 0, freshUntil: time + 600, refreshUntil: time + 600, errorUntil: time + 600,
    bodyKey, clock: CLOCK, rule: '', tags: [], headers: [['Content-Type', 'text/html'], ['ETag', '"a"'], ['Link', '<a>'], ['Link', '<b>'], ['Cache-Control', 'max-age=600']]
  }) + (bodyKey === '' ? body : '')
}

const PIECES = ['\n', '\r\n', '\r\n\r\n', '\0', ' ', ':', ': ', '-', '0', '9', '"', '%', 'é', '\u00e9', '\xff', 'Set-Cookie: a=b\n', 'Content-Length: 3\n', 'Transfer-Encoding: chunked\n', 'HTTP/1.1 200 OK\r\n', 'SKV2 a AbCdEfGhI-_0\n', 'SK3 ', 'SKN1 s', 'Content-Encoding: gzip\n', 'Location: /x\n']

function mutate(text: string, random: Random): string {
  let out = text
  for (let changes = 1 + random.below(3); changes > 0; changes--) {
    // The head is what is read with care, so it is hit more often.
    const at = random.chance(0.7) ? random.below(Math.min(out.length + 1, 200)) : random.below(out.length + 1)
    const kind = random.below(5)
    if (kind === 0) out = out.slice(0, at) + random.pick(PIECES) + out.slice(at)
    else if (kind === 1) out = out.slice(0, at) + out.slice(at + 1 + random.below(8))
    else if (kind === 2) out = out.slice(0, at) + String.fromCharCode(random.below(256)) + out.slice(at + 1)
    else if (kind === 3) out = out.slice(0, at) + random.below(10) + out.slice(at + 1)
    else out = out.slice(0, at)
  }
  return out
}

describe.each(engines)('$id', (engine) => {
  let replay: ReplayStack
  showLogsOnFailure(() => replay?.stack)
  beforeAll(async () => {
    replay = await startReplayStack(engine)
    await replay.set(`${replay.policy.keyHead}#bans`, BANS)
  })
  afterAll(async () => {
    const log = await replay.stack.errorLog()
    await replay.stop()
    // Only what a mutated gzip flag makes of a body that is none.
    expect(log.split('\n').filter((line) => line !== '' && !line.includes('inflate() returned') && !/\[(?:warn|notice)\]/.test(line))).toEqual([])
  })

  test.each([{ id: 'one item' }, { id: 'two items' }])('entries in $id', async ({ id }) => {
    const random = seeded(id.length)
    const bodyKey = `${replay.policy.keyHead}#b:fuzz`
    await replay.set(bodyKey, 'the body')
    let hits = 0
    for (let round = 0; round < ROUNDS; round++) {
      const item = mutate(entry('the body', id === 'one item' ? '' : bodyKey), random)
      await replay.set(replay.keyOf('/fuzz'), item)
      const fields = random.chance(0.3) ? [random.pick(['If-None-Match: "b"', 'Range: bytes=0-2', 'If-Modified-Since: x'])] : []
      const response = await replay.get('/fuzz', fields)
      const what = JSON.stringify(item)

      const head = parseHead(item.slice(0, Math.max(headBytes(item.slice(0, FIXED_BYTES)), 0)), item.length)
      const readable = head !== null && Math.max(head.freshUntil, head.refreshUntil) > now() && (head.bodyKey === '' || head.bodyKey === bodyKey) &&
        judgeByBans(BANS, head.clock, head.tags, () => '') === 'good'
      if (!readable) {
        expect([response.status, response.body.toString()], what).toEqual([200, 'app'])
        continue
      }
      hits++
      expect(response.header('cache-status'), what).toMatch(/^samekey; hit; ttl=/)
      expect(fields.length > 0 && response.status === 206 ? head.status : response.status, what).toBe(head.status)
      if (head.status === 200 && fields.length === 0 && !/gzip/.test(item)) expect(response.body.length, what).toBe(head.bodyKey === '' ? head.bodyBytes : 8)
    }
    // Mutations that only ever destroy would prove nothing.
    expect(hits).toBeGreaterThan(ROUNDS / 20)
  })

  test('markers and rules', async () => {
    const random = seeded(7)
    for (let round = 0; round < ROUNDS; round++) {
      const base = random.pick(['SKV2 accept-language,x-a AbCdEfGhI-_0\n' + '0123456789abcdef0123456789abcdef\n', 'SKN2 AbCdEfGhI-_0 sd =utm =x\n', 'SKN2 AbCdEfGhI-_0 -k =q\n'])
      const item = mutate(base, random)
      await replay.set(replay.keyOf('/fuzz'), item)
      await replay.set(replay.keyOf('/rule') + '#n', item)
      for (const target of ['/fuzz', '/rule?q=1&x=2']) {
        const response = await replay.get(target, ['Accept-Language: en', 'X-A: 1'])
        expect([response.status, response.body.toString()], JSON.stringify(item)).toEqual([200, 'app'])
      }
    }
  })

  test('the longest head that there can be', async () => {
    const line = 'A: \n'
    const start = entry('').replace(/\n[^]*$/, '\n')
    const lines = Math.floor((65536 - start.length) / line.length)
    const length = start.length + lines * line.length
    await replay.set(replay.keyOf('/long'), start.replace(/^(SK3 200 )\d{5}/, `$1${length}`) + line.repeat(lines))
    const response = await replay.get('/long')
    expect(response.status).toBe(200)
  })
})
