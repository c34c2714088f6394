// The whole search, for a person with a few minutes: npx tsx test/model/main.ts
import { PROTOCOL, type PurgeKind, type Size } from './protocol.js'
import { search } from './search.js'

const kinds: PurgeKind[][] = [['url', 'url'], ['url', 'tag'], ['url', 'all'], ['tag', 'tag'], ['tag', 'all'], ['all', 'all']]
const sizes: Size[] = [
  ...kinds.map((purges) => ({ processes: 3, nodes: 1, purges })),
  { processes: 3, nodes: 2, purges: ['tag'] },
  { processes: 2, nodes: 2, purges: ['url', 'tag'] }
]
for (const size of sizes) {
  const { states, violation, trace } = search(size, PROTOCOL, 12_000_000)
  console.log(`${size.processes} apps, ${size.nodes} Nginx, purges of ${size.purges.join(' and ')}: ${states} states, ${violation === '' ? 'every promise kept' : violation}`)
  for (const step of trace) console.log(`  ${step}`)
  if (violation !== '') process.exitCode = 1
}
