// npx tsx bench/report/main.ts FILE: docs/benchmarks/ from the JSON of a run.
import { readFileSync } from 'node:fs'
import type { Results } from '../results.js'
import { writeReport } from './report.js'

const file = process.argv[2]
if (file === undefined) throw new Error('usage: npx tsx bench/report/main.ts FILE')
writeReport(JSON.parse(readFileSync(file, 'utf8')) as Results)
