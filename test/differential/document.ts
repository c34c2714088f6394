// The table of differences in docs/http-caching.md. `npx tsx test/differential/document.ts` writes it; a test fails when
// that was forgotten.

import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { DIFFERENCES } from './differences.js'

const FILE = new URL('../../docs/http-caching.md', import.meta.url)

export function differenceTable(): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll(/(?<!`)\*(?!`)/g, '\\*')
  const rows = DIFFERENCES.map(({ id, when, ours, theirs, section }) => `| ${id} | ${[when, ours, theirs, section].map(cell).join(' | ')} |`)
  return ['| class | when there is | samekey | http-cache-semantics | decided by |', '|---|---|---|---|---|', ...rows].join('\n')
}

export function documentedTable(): string {
  return parts()[1]
}

function parts(): [before: string, table: string, after: string] {
  const match = /^(.*<!-- differences: [^\n]* -->\n)(.*?)\n?(<!-- end -->.*)$/s.exec(readFileSync(FILE, 'utf8'))
  if (match === null) throw new Error('docs/http-caching.md has no place for the table of differences')
  return [match[1] as string, match[2] as string, match[3] as string]
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [before, , after] = parts()
  writeFileSync(FILE, `${before}${differenceTable()}\n${after}`)
}
