// The whole search, for a person with a few minutes: npx tsx test/model/main.ts
import { protocol, type PurgeKind, type Size } from './protocol.js'
import { search } from './search.js'

const sizes: Size[] = [
  ...([['url', 'url'], ['url', 'tag'], ['url', 'all'], ['tag', 'tag']] satisfies PurgeKind[][]).map((purges) => ({ processes: 3, nodes: 1, purges })),
  ...([['tag', 'all'], ['all', 'all']] satisfies PurgeKind[][]).map((purges) => ({ processes: 2, nodes: 1, purges })),
  { processes: 3, nodes: 2, purges: ['tag'] },
  { processes: 2, nodes: 2, purges: ['url', 'tag'] }
]
for (const size of sizes) {
  const { states, violation, trace } = search(protocol(size), 6_000_000)
  console.log(`${size.processes} apps, ${size.nodes} Nginx, purges of ${size.purges.join(' and ')}: ${states} states, ${violation === '' ? 'every promise kept' : violation}`)
  for (const step of trace) console.log(`  ${step}`)
  if (violation !== '') process.exitCode = 1
}
