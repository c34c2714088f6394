// npm run fuzz: odd requests in Node, in the njs engines and through real Nginx; every difference is a finding.
import { parseArgs } from 'node:util'
import { engines, type EngineId } from '../support/engines.js'
import { fuzzEngines, type Report } from './in_engines.js'
import { minimise } from './minimise.js'
import { fuzzNginx } from './over_wire.js'

const usage = `npm run fuzz -- [--cases N] [--nginx-cases N] [--seed S] [--engines LIST] [--nginx-engines LIST]
  --cases          in Node and in each njs command line of --engines (default 1000000; 0: none)
  --nginx-cases    through Nginx with each engine of --nginx-engines (default 100000; 0: none)
  --seed           a whole number; the same seed gives the same cases (default: another one each time, printed)
  --engines        default njs-0.7.9; of ${engines.map(({ id }) => id).join(', ')}
  --nginx-engines  default all of them`

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '1000000' }, 'nginx-cases': { type: 'string', default: '100000' }, seed: { type: 'string' },
    engines: { type: 'string', default: 'njs-0.7.9' }, 'nginx-engines': { type: 'string', default: engines.map(({ id }) => id).join(',') },
    help: { type: 'boolean', default: false }
  }
})

function wholeNumber(name: string, text: string): number {
  if (!/^[0-9]{1,9}$/.test(text)) throw new Error(`--${name}: expected a whole number, got ${JSON.stringify(text)}\n${usage}`)
  return Number(text)
}

function engineList(name: string, text: string): EngineId[] {
  return text.split(',').map((id) => {
    const engine = engines.find((each) => each.id === id)
    if (engine === undefined) throw new Error(`--${name}: there is no engine ${JSON.stringify(id)}\n${usage}`)
    return engine.id
  })
}

async function run(what: string, fuzz: (progress: (done: number) => void) => Promise<Report & { refused?: number }>): Promise<number> {
  const start = Date.now()
  const report = await fuzz((done) => { if (process.stderr.isTTY) process.stderr.write(`\r${what}: ${done.toLocaleString('en')} `) })
  if (process.stderr.isTTY) process.stderr.write('\r')
  const refused = report.refused === undefined ? '' : `, ${report.refused.toLocaleString('en')} answered 400`
  console.log(`${what}: ${report.cases.toLocaleString('en')} cases, ${report.keys.toLocaleString('en')} with a key${refused}, ${((Date.now() - start) / 1000).toFixed(0)} s, ${report.findings.length} differences`)
  for (const finding of report.findings.slice(0, 10)) {
    console.log(`\n  seed ${finding.seed}, policy ${finding.policy}\n  ${JSON.stringify(finding.request)}`)
    const smaller = await minimise(finding)
    if (smaller !== undefined) console.log(`  at its smallest: ${JSON.stringify(smaller)}`)
    console.log(`  ${finding.what.trimEnd().replaceAll('\n', '\n  ')}`)
  }
  return report.findings.length
}

async function main(): Promise<void> {
  if (values.help) return console.log(usage)
  const seed = values.seed === undefined ? Math.floor(Math.random() * 1e9) : wholeNumber('seed', values.seed)
  const cases = wholeNumber('cases', values.cases)
  const nginxCases = wholeNumber('nginx-cases', values['nginx-cases'])
  console.log(`seed ${seed}`)
  let found = 0
  const inEngines = engineList('engines', values.engines)
  if (cases > 0) found += await run(`Node and ${inEngines.join(', ')}`, (progress) => fuzzEngines(inEngines, cases, seed, progress))
  if (nginxCases > 0) {
    for (const engine of engineList('nginx-engines', values['nginx-engines'])) {
      found += await run(`Nginx with ${engine}`, (progress) => fuzzNginx(engine, nginxCases, seed, progress))
    }
  }
  process.exitCode = found === 0 ? 0 : 1
}

try {
  await main()
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 2
}
