// For the same raw bytes: what Nginx decides, what the writer's side decides behind Node's own parser, and what the app
// is shown. A request that only one of the two accepts is never stored, or never looked up.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rawRequest } from '../fuzz/over_wire.js'
import { sendMany } from '../fuzz/pipeline.js'
import { engines } from '../support/engines.js'
import { type RawResponse, sendRaw } from '../support/raw_http.js'
import { policyNames, policyOf, readFile, resolveVectors, type WireVector } from '../vectors/read_vectors.js'
import type { VectorRequest } from '../vectors/to_request.js'
import { showLogsOnFailure } from './stack.js'
import { parseVerdict, startVerdictStack, type VerdictStack } from './verdict_stack.js'

const wire = readFile<WireVector[]>('wire.json')
const cases = engines.flatMap(({ id }) => policyNames.map((name) => ({ engine: id, name })))

describe.each(cases)('$engine, policy $name', ({ engine, name }) => {
  const policy = policyOf(name)
  let servers: VerdictStack | undefined
  const running = () => servers as VerdictStack
  showLogsOnFailure(() => servers?.stack)
  beforeAll(async () => { servers = await startVerdictStack(engine, policy) })
  afterAll(() => servers?.stop())

  /** What a response says about the verdict, in the form of a vector's `out` and with its members only. */
  function seen(response: RawResponse, out: WireVector['out']): Record<string, unknown> {
    if (response.status !== 200) return { status: response.status }
    const verdict = parseVerdict(response.header('Verdict') ?? '')
    if (verdict.key === '') return { bypass: verdict.bypass }
    const whole: Record<string, string> = { ...verdict, page: verdict.key.slice(policy.keyHead.length) }
    return Object.fromEntries(Object.keys('page' in out ? out : { page: '' }).map((member) => [member, whole[member]]))
  }

  test.each(wire.filter((vector) => vector.policy === name))('$id', async ({ raw, out, node, app }) => {
    const nodeOut = node ?? out
    const [fromNginx, fromNode] = await Promise.all([sendRaw(running().nginxPort, raw), sendRaw(running().nodePort, raw)])
    expect(seen(fromNginx, out)).toEqual(withoutDetail(out))
    expect(seen(fromNode, nodeOut)).toEqual(withoutDetail(nodeOut))

    // Through the whole generated configuration, with nothing stored: what the app is shown has the same key.
    if ('status' in out) return
    const through = await sendRaw(running().proxyPort, raw)
    expect(through.status).toBe(app ?? 200)
    if (through.status !== 200) return
    if ('page' in out) {
      const key = policy.keyHead + out.page
      expect([parseVerdict(through.header('Verdict') ?? '').key, through.header('Nginx-Key')]).toEqual([key, key])
      expect(through.header('Cache-Status')).toBe('samekey; fwd=uri-miss')
      if (out.forward !== undefined) expect(parseVerdict(through.header('Verdict') ?? '').forward).toBe(out.forward)
      if (out.host !== undefined) expect(parseVerdict(through.header('Verdict') ?? '').host).toBe(out.host)
    } else {
      expect(through.header('Nginx-Key'), 'no client names a key').toBe(undefined)
      expect(through.header('Cache-Status')).toContain(`detail=${out.bypass}`)
    }
  })

  test('every other vector that can be sent has its verdict in Nginx and in Node', async () => {
    const vectors = resolveVectors.filter((vector) => vector.policy === name && canBeSent(vector.in))
    const requests = vectors.map((vector) => rawRequest(vector.in))
    const failures: string[] = []
    for (const [where, port] of [['Nginx', running().nginxPort], ['Node', running().nodePort]] as const) {
      const answers = await sendMany(port, requests)
      answers.forEach((answer, index) => {
        // Not HTTP to this server: nothing is looked up or stored.
        if (answer.status !== 200) return
        const { id, out } = vectors[index] as (typeof vectors)[0]
        const verdict = parseVerdict(answer.verdict)
        const key = verdict.key.slice(policy.keyHead.length)
        const wrong = (member: string, expected: string | undefined, actual: string) => {
          if (expected !== undefined && expected !== actual) failures.push(`${where}: ${id}: ${member} is ${actual}, expected ${expected}`)
        }
        wrong('bypass', out.bypass ?? '', verdict.bypass)
        wrong('page', out.page, key)
        wrong('forward', out.forward, verdict.forward)
        wrong('host', out.host, verdict.host)
      })
      expect(answers.filter(({ status }) => status === 200).length, `${where} accepted most of them`).toBeGreaterThan(answers.length / 2)
    }
    expect(failures).toEqual([])
  })
})

function withoutDetail(out: WireVector['out']): Record<string, unknown> {
  return 'bypass' in out ? { bypass: out.bypass } : out
}

/** The servers are reached by http, and Nginx reduces an absolute form; a space would end the target, and what announces a body would have to bring one. */
function canBeSent({ method = 'GET', target, scheme = 'http', headers = {} }: VectorRequest): boolean {
  const texts = [target, ...Object.values(headers).flat()]
  return scheme === 'http' && method !== 'CONNECT' && /^[^h]/.test(target) && !/[\0- \x7f]/.test(target) && texts.every((text) => /^[\t -\xff]*$/.test(text)) &&
    !Object.keys(headers).some((name) => /^(?:content-length|transfer-encoding|upgrade)$/i.test(name))
}
