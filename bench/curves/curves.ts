// The quantities that a site has more or less of, and how they are made.
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { resolveUrl } from '../../node-writer/key.js'
import { loadPolicy } from '../../node-writer/policy/load.js'
import type { PolicyDocument } from '../../node-writer/policy/types.js'
import type { PurgeRequest } from '../../node-writer/purge_request.js'
import { seeded } from '../../test/fuzz/random.js'
import { Folder, type Memcached } from '../machine/folder.js'
import type { RoundOptions } from '../machine/rounds.js'
import { startOrigin } from '../origin/origin.js'
import { HOST, page } from '../pages.js'
import { POLICY, startSamekey, type SamekeyOptions } from '../subjects/samekey.js'
import { verifyHit, type Subject } from '../subjects/subject.js'
import { PEERS_ENGINE } from '../workloads/hot_page.js'
import { measureCurve, type Curve, type CurvePlan, type Prepared } from './curve.js'

const RAW: PolicyDocument = { ...POLICY, mode: 'raw' }
const PLAIN = '/articles/12k'
const QUERY = `${PLAIN}?sort=name&utm_source=news&q=orion&page=3&fbclid=IwAR0abc&hue=red`

const PLANS: CurvePlan[] = [
  {
    id: 'keys', axis: 'pages in memcached',
    prepare: (folder) => each([1e3, 1e4, 1e5, 1e6], async (keys) => {
      const memcached = await folder.startMemcached()
      await fill(memcached, keys)
      const random = seeded(1)
      const targets = join(folder.path, `targets-${keys}`)
      await writeFile(targets, Array.from({ length: 50_000 }, () => `/pages/${random.below(keys)}\n`).join(''))
      return { subject: await start(folder, `keys ${keys}`, { policy: RAW }, memcached), targets }
    })
  },
  {
    id: 'query-arguments', axis: 'arguments of the query, in reverse order',
    async prepare(folder) {
      const subject = await start(folder, 'arguments', { policy: RAW })
      return each([0, 2, 5, 10, 20, 50], (count) => ready(subject, `${PLAIN}?${Array.from({ length: count }, (_, i) => `a${String(count - i).padStart(2, '0')}=${i}`).join('&')}`))
    }
  },
  {
    id: 'ignored-arguments', axis: 'arguments of the query that are ignored',
    async prepare(folder) {
      const subject = await start(folder, 'ignored', { policy: RAW })
      return each([0, 2, 5, 10, 20, 50], (count) => ready(subject, `${PLAIN}?a=1${Array.from({ length: count }, (_, i) => `&utm_a${i}=x`).join('')}`))
    }
  },
  ignoreRules('ignore-rules-plain', 'ignore rules, plain URL', PLAIN),
  ignoreRules('ignore-rules-query', 'ignore rules, URL with six arguments', QUERY),
  {
    id: 'body-full', axis: 'KB of the body, full mode',
    async prepare(folder) {
      const subject = await start(folder, 'body', { policy: POLICY })
      return each([1.5, 12, 50, 150, 250, 500, 900, 1800], (kilobytes) => ready(subject, `/articles/${kilobytes}k`))
    }
  },
  {
    id: 'tags', axis: 'tags of the page, full mode, nothing purged since',
    async prepare(folder) {
      const subject = await start(folder, 'tags', { policy: POLICY })
      return each([0, 1, 5, 10, 20, 50], (count) => ready(subject, `${PLAIN}/tags-${count}`))
    }
  },
  bans('bans', 'tags that were purged since, none of the three of the page', (ban) => ({ tags: `gone-${ban}` }), [0, 1, 10, 100, 1000]),
  bans('ban-prefixes', 'prefixes that were purged since', (ban) => ({ prefix: `http://${HOST}/gone/${ban}` }), [0, 1, 10, 60]),
  {
    id: 'variants', axis: 'variants: dimensions of two values, by cookies',
    prepare: (folder) => each([0, 1, 2, 4, 6], async (dimensions) => {
      const variants = Array.from({ length: dimensions }, (_, i) => ({ name: `d${i}`, cookie: `d${i}`, values: ['a', 'b'] }))
      return ready(await start(folder, `variants ${dimensions}`, { policy: { ...RAW, variants } }), PLAIN)
    })
  },
  {
    id: 'servers', axis: 'memcached servers',
    prepare: (folder) => each([1, 2, 5, 10, 20], async (count) => {
      const [first, ...moreMemcached] = await Promise.all(Array.from({ length: count }, () => folder.startMemcached()))
      return ready(await start(folder, `servers ${count}`, { policy: RAW, moreMemcached }, first), PLAIN)
    })
  }
]

export async function curves(options: RoundOptions): Promise<Curve[]> {
  const measured: Curve[] = []
  // Servers of one curve are gone before the next one.
  for (const plan of PLANS) measured.push(await Folder.use((folder) => measureCurve(folder, plan, options)))
  return measured
}

function ignoreRules(id: string, axis: string, target: string): CurvePlan {
  return {
    id, axis,
    prepare: (folder) => each([0, 1, 10, 50, 200], async (count) => {
      const ignore = Array.from({ length: count }, (_, i) => `/private-${i}/.*`)
      return ready(await start(folder, `${id} ${count}`, { policy: { mode: 'raw', ignore } }), target)
    })
  }
}

/** Of an entry that is older than all bans. */
function bans(id: string, axis: string, ban: (number: number) => PurgeRequest, counts: readonly number[]): CurvePlan {
  return {
    id, axis: `${axis}, full mode`,
    prepare: (folder) => each(counts, async (count) => {
      const subject = await start(folder, `${id} ${count}`, { policy: POLICY })
      const target = `${PLAIN}/tags-3`
      await subject.store(page('', target))
      for (let i = 0; i < count; i++) await subject.origin?.purge(ban(i))
      return ready(subject, target)
    })
  }
}

async function each(xs: readonly number[], prepare: (x: number) => Promise<Omit<Prepared, 'x'>>): Promise<Prepared[]> {
  const prepared: Prepared[] = []
  for (const x of xs) prepared.push({ x, ...await prepare(x) })
  return prepared
}

async function start(folder: Folder, id: string, options: Pick<SamekeyOptions, 'policy' | 'moreMemcached'>, own?: Memcached): Promise<Subject> {
  const memcached = own ?? await folder.startMemcached()
  return startSamekey(folder, { memcached, origin: await startOrigin(folder) }, { ...PEERS_ENGINE, ...options, id, compress: false })
}

async function ready(subject: Subject, target: string): Promise<Omit<Prepared, 'x'>> {
  const wanted = page('', target)
  await subject.store(wanted)
  await verifyHit(subject, wanted)
  return { subject, target }
}

/** Small pages straight into memcached, as raw mode's writer would put them there; through the app a million take an hour. */
async function fill({ port }: Memcached, keys: number): Promise<void> {
  const policy = loadPolicy(RAW)
  const body = 'x'.repeat(1024)
  const item = (page: number) => `set ${resolveUrl(`http://${HOST}/pages/${page}`, policy).key} 0 86400 ${body.length} noreply\r\n${body}\r\n`
  const socket = connect(port, '127.0.0.1')
  const closed = once(socket, 'close')
  for (let from = 0; from < keys; from += 1000) {
    const items = Array.from({ length: Math.min(1000, keys - from) }, (_, i) => item(from + i)).join('')
    if (!socket.write(items)) await once(socket, 'drain')
  }
  socket.end('quit\r\n')
  await closed
}
