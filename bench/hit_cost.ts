// What a hit costs on each engine, against bare memcached_pass: worker CPU per request, in interleaved rounds.
// npx tsx bench/hit_cost.ts [--rounds 9] [--seconds 1] [--engines njs-0.7.9,quickjs] [--json FILE]
import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { engines } from '../test/support/engines.js'
import { Folder } from './machine/folder.js'
import { compare, type Samples } from './machine/rounds.js'
import { median } from './machine/statistics.js'
import { hotPage } from './workloads/hot_page.js'

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '9' }, seconds: { type: 'string', default: '1' }, engines: { type: 'string', default: '' }, json: { type: 'string' } }
})

const samples = await Folder.use((folder) => hotPage(folder, {
  extent: 'hits', engines: engines.filter(({ id }) => options.engines === '' || options.engines.split(',').includes(id)),
  rounds: Number(options.rounds), secondsEach: Number(options.seconds), connections: 32, log: console.error
}))
print(samples)
if (options.json !== undefined) await writeFile(options.json, JSON.stringify(samples, null, 1))

function print(samples: Samples): void {
  console.log('| subject | page | us a request | against native | quartiles |\n| --- | --- | ---: | ---: | --- |')
  for (const [id, each] of Object.entries(samples)) {
    const [subject = '', page = ''] = id.split(' | ')
    const native = `native ${subject.split(' ')[1]} | ${page.split(',')[0]}`
    const found = compare(samples, id, native)
    const cells = [subject, page, median(each.map(({ workerCpu }) => workerCpu)).toFixed(1), found?.ratio.toFixed(2) ?? '', id === native ? '' : `${found?.low.toFixed(2)}-${found?.high.toFixed(2)}`]
    console.log(`| ${cells.join(' | ')} |`)
  }
}
