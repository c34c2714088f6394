// The two tables in docs/conformance.md that come from data: `npx tsx test/conformance/document.ts` writes them.

import { readFileSync, writeFileSync } from 'node:fs'
import { readBaseline } from './baseline.js'
import { readChoices } from './choices.js'

const FILE = new URL('../../docs/conformance.md', import.meta.url)

/** What the suites of test/support/rootfs.ts have in them. */
const NGINX: Record<string, string> = { bookworm: '1.22, njs 0.7.9', trixie: '1.26, njs 0.8.9', sid: '1.30, newest njs' }

function scores(): string[] {
  return Object.entries(readBaseline()).map(([name, { date, required, optimal, check }]) => {
    const [edition, debian = '', engine, policy = 'policy'] = name.split(' ')
    return `| ${edition} | ${NGINX[debian]}${engine === 'qjs' ? ' (QuickJS)' : ''} | ${policy}.json | ${required} | ${optimal} | ${check} | ${date} |`
  })
}

function choices(): string[] {
  return Object.entries(readChoices()).map(([id, why]) => `| \`${id}\` | ${why} |`)
}

let text = readFileSync(FILE, 'utf8')
for (const [name, head, rows] of [
  ['scores', '| edition | Nginx | policy | required | optimal | check | measured |\n|---|---|---|---|---|---|---|', scores()],
  ['choices', '| test | why |\n|---|---|', choices()]
] as const) {
  const place = new RegExp(`(<!-- ${name}: [^\\n]* -->\\n).*?(<!-- end -->)`, 's')
  if (!place.test(text)) throw new Error(`docs/conformance.md has no place for the table of ${name}`)
  text = text.replace(place, (_, begin: string, end: string) => `${begin}${[head, ...rows].join('\n')}\n${end}`)
}
writeFileSync(FILE, text)
