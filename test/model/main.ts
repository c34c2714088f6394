// The whole search, for a person with a few minutes: npx tsx test/model/main.ts
import { forms } from './forms.js'
import type { Machine } from './machine.js'
import { protocol, type PurgeKind, type Size } from './protocol.js'
import { search } from './search.js'
import { spellings, type SpellingSize } from './spellings.js'

const sizes: Size[] = [
  ...([['url', 'url'], ['url', 'tag'], ['url', 'all'], ['tag', 'tag']] satisfies PurgeKind[][]).map((purges) => ({ processes: 3, nodes: 1, purges })),
  ...([['tag', 'all'], ['all', 'all']] satisfies PurgeKind[][]).map((purges) => ({ processes: 2, nodes: 1, purges })),
  { processes: 3, nodes: 2, purges: ['tag'] },
  { processes: 2, nodes: 2, purges: ['url', 'tag'] }
]
const joined: SpellingSize[] = [false, true].flatMap((isBare) => ([['A', 'B'], ['B', 'B']] as const).map((purges) => ({ processes: 3, purges: [...purges], isBare })))

for (const size of sizes) tell(`${size.processes} apps, ${size.nodes} Nginx, purges of ${size.purges.join(' and ')}`, protocol(size))
for (const size of [{ processes: 2, purges: 2 }, { processes: 3, purges: 1 }]) tell(`a page in two forms, ${size.processes} apps, ${size.purges} purges`, forms(size))
for (const size of joined) {
  tell(`a page with two spellings, it lies where no query is: ${size.isBare}; ${size.processes} apps, purges of ${size.purges.join(' and ')}`, spellings(size))
}

function tell<State>(what: string, machine: Machine<State>): void {
  const { states, violation, trace } = search(machine, 6_000_000)
  console.log(`${what}: ${states} states, ${violation === '' ? 'every promise kept' : violation}`)
  for (const step of trace) console.log(`  ${step}`)
  if (violation !== '') process.exitCode = 1
}
