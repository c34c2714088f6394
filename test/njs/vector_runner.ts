/// <reference path="../../njs/policy_module.d.ts" />
// Runs inside the njs command line of every engine: reads input.json, writes to output.json what the core makes of it in this engine.
// The Node side is run_in_engine.ts.
import crypto from 'crypto'
import fs from 'fs'
import policy from 'samekey_policy.js'
import type { EntryHead } from '../../njs/core/entry.js'
import { parseHead } from '../../njs/core/entry.js'
import type { Verdict } from '../../njs/core/resolve.js'
import { resolve } from '../../njs/core/resolve.js'
import type { VectorRequest } from '../vectors/to_request.js'
import { toRequest } from '../vectors/to_request.js'
import type { HttpInput } from '../vectors/to_result.js'
import { resultOf } from '../vectors/to_result.js'
import { verdictLine } from './verdict_line.js'

/** What to do: whole verdicts, heads or results, or only a digest of the verdicts, which is quicker to compare. */
export type Input =
  | { task: 'verdicts'; requests: VectorRequest[] }
  | { task: 'digest'; requests: VectorRequest[] }
  | { task: 'entries'; entries: { head: string; itemBytes: number }[] }
  | { task: 'http'; inputs: HttpInput[] }

export type Output = Verdict[] | string | string[] | (EntryHead | null)[]

function sha256Hex(text: string): string {
  return crypto.createHash('sha256').update(text).digest('hex')
}

function answer(input: Input): Output {
  if (input.task === 'http') return input.inputs.map((each) => resultOf(each, sha256Hex))
  if (input.task === 'entries') return input.entries.map((entry) => parseHead(entry.head, entry.itemBytes))
  if (input.task === 'verdicts') return input.requests.map((request) => resolve(toRequest(request), policy(), sha256Hex))
  const hash = crypto.createHash('sha256')
  input.requests.forEach((request) => {
    hash.update(verdictLine(resolve(toRequest(request), policy(), sha256Hex)))
  })
  return hash.digest('hex')
}

function run(): void {
  // Not console.log: njs 0.7.9 cuts a line at 2,048 characters.
  fs.writeFileSync('output.json', JSON.stringify(answer(JSON.parse(fs.readFileSync('input.json', 'utf8')) as Input)))
}

export default { run }
