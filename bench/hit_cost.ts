// What a hit costs on each engine, against bare memcached_pass: worker CPU per request, in interleaved rounds.
// npx tsx bench/hit_cost.ts [--rounds 9] [--seconds 1] [--engines njs-0.7.9,quickjs] [--json FILE]
import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { engines, type Engine } from '../test/support/engines.js'
import { Folder, type Memcached } from './machine/folder.js'
import { compare, cpuOf, measureRounds, type Case, type Samples } from './machine/rounds.js'
import { median } from './machine/statistics.js'
import { page, type Page } from './pages.js'
import { startNative } from './subjects/native.js'
import { startSamekey } from './subjects/samekey.js'
import { verifyHit, type Subject } from './subjects/subject.js'

const PLAIN = page('plain URL', '/articles/12k', 12 * 1024)
const QUERY = page('six-argument query', '/search?sort=name&utm_source=news&q=orion&page=3&fbclid=IwAR0abc&hue=red', 12 * 1024)
const MIDDLE = page('150 KB', '/articles/150k', 150 * 1024)
const LARGE = page('900 KB', '/articles/900k', 900 * 1024)

const RAW = [PLAIN, QUERY]
const FULL = [{ ...PLAIN, id: '12 KB' }, MIDDLE, LARGE]

/** An ordinary site's. */
const IGNORE = ['/admin', '/login', '/api/.*']

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '9' }, seconds: { type: 'string', default: '1' }, engines: { type: 'string', default: '' }, json: { type: 'string' } }
})

const measured = engines.filter(({ id }) => options.engines === '' || options.engines.split(',').includes(id))
const samples = await Folder.use(async (folder) => {
  const memcached = await folder.startMemcached()
  const cases: Case[] = []
  for (const engine of measured) cases.push(...await casesOf(folder, engine, memcached))
  return measureRounds(cases, { rounds: Number(options.rounds), secondsEach: Number(options.seconds), connections: 32, log: console.error })
})
print(samples)
if (options.json !== undefined) await writeFile(options.json, JSON.stringify(samples, null, 1))

async function casesOf(folder: Folder, { id, suite, engine }: Engine, memcached: Memcached): Promise<Case[]> {
  // Nobody listens there: a request that is no hit fails the run.
  const own = { suite, engine, memcached, app: '127.0.0.1:9' }
  const native = await startNative(folder, { id: `${id} native`.replace(' ', '-'), suite, memcached, buffers: 'memcached_buffer_size 64k;' })
  const raw = await startSamekey(folder, { ...own, id: `${id}-raw`, policy: { mode: 'raw', ignore: IGNORE } })
  const full = await startSamekey(folder, { ...own, id: `${id}-full`, policy: { ignore: IGNORE } })
  const caseOf = (subject: Subject, mode: string, page: Page, against?: string): Case =>
    ({ id: `${id}, ${mode}, ${page.id}`, subject, page, ...(against === undefined ? {} : { against: `${id}, native, ${against}` }) })
  const cases = [
    ...FULL.map((page) => caseOf(native, 'native', page)),
    ...RAW.map((page) => caseOf(raw, 'raw', page, '12 KB')),
    ...FULL.map((page) => caseOf(full, 'full', page, page.id))
  ]
  for (const { subject, page } of cases) {
    await subject.store(page)
    await verifyHit(subject, page)
  }
  return cases
}

function print(samples: Samples): void {
  const row = (cells: (string | number)[]) => console.log(`| ${cells.join(' | ')} |`)
  row(['engine', 'way', 'page', 'us a request', 'against native', 'quartiles'])
  row(['---', '---', '---', '---:', '---:', '---'])
  for (const id of Object.keys(samples)) {
    const [engine = '', way = '', page = ''] = id.split(', ')
    const baseline = `${engine}, native, ${way === 'raw' ? '12 KB' : page}`
    const { ratio, low, high } = compare(samples, id, baseline)
    row([engine, way, page, median(cpuOf(samples, id)).toFixed(1), ratio.toFixed(2), way === 'native' ? '' : `${low.toFixed(2)}-${high.toFixed(2)}`])
  }
}
