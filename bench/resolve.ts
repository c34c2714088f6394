// npx tsx bench/resolve.ts: resolve() in Node, for an ordinary page and for a query with ten arguments, in calls per
// second of CPU time (of all threads of the process, so no less than one core's). Rounds are interleaved, so that a busy
// moment of the machine hits all of them; the median counts.

import { resolve } from '../njs/core/resolve.js'
import { sha256Hex } from '../node-writer/key.js'
import { loadPolicy } from '../node-writer/policy/load.js'
import { toRequest, type VectorRequest } from '../test/vectors/to_request.js'

const policy = loadPolicy({ ignore: ['/admin', '/account(?:/|$)'] })

const subjects: [name: string, request: VectorRequest][] = [
  ['plain URL', { target: '/articles/2024/a-plain-page.html' }],
  ['plain URL with cookies', { target: '/articles/2024/a-plain-page.html', headers: { cookie: '_ga=GA1.2.123456.7890; theme=dark' } }],
  ['four arguments', { target: '/list?page=2&sort=price&utm_source=mail&fbclid=abc' }],
  ['ten arguments', { target: '/list?page=2&sort=price&utm_source=mail&color=red&size=xl&fbclid=abc&brand=a%20b&min=10&max=99&q=shoes' }]
]

const ROUNDS = 21
const CALLS = 50_000

const requests = subjects.map(([, request]) => toRequest(request))
const rates: number[][] = subjects.map(() => [])
// Verdicts are used, so that no engine can leave the calls out.
let bytes = 0
for (let round = 0; round < ROUNDS; round++) {
  requests.forEach((request, index) => {
    const start = process.cpuUsage()
    for (let call = 0; call < CALLS; call++) bytes += resolve(request, policy, sha256Hex).key.length
    const { user, system } = process.cpuUsage(start)
    rates[index]?.push((CALLS / (user + system)) * 1e6)
  })
}
subjects.forEach(([name], index) => {
  const sorted = (rates[index] ?? []).sort((a, b) => a - b)
  const at = (part: number) => Math.round(sorted[Math.floor((sorted.length - 1) * part)] ?? 0).toLocaleString('en')
  console.log(`${name.padEnd(24)} ${at(0.5)} a CPU second (${at(0)} to ${at(1)})`)
})
if (bytes === 0) throw new Error('no request had a key')
