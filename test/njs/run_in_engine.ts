// The core inside a real njs engine, as a function: a temporary folder with the built runner, a policy and the input.
import { readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { EntryHead } from '../../njs/core/entry.js'
import type { Verdict } from '../../njs/core/resolve.js'
import { policyModuleSource } from '../../node-writer/policy/module_source.js'
import type { LoadedPolicy } from '../../node-writer/policy/types.js'
import { type EngineId, runOnEngine } from '../support/engines.js'
import type { VectorRequest } from '../vectors/to_request.js'
import type { HttpInput } from '../vectors/to_result.js'
import type { Input } from './vector_runner.js'

// Read once: a build that goes on meanwhile replaces it.
const runner = readFileSync(fileURLToPath(new URL('../../dist/njs/vector_runner.js', import.meta.url)))

export function verdictsIn(engine: EngineId, policy: LoadedPolicy, requests: VectorRequest[]): Promise<Verdict[]> {
  return runInEngine(engine, policy, { task: 'verdicts', requests })
}

/** SHA-256 over the lines of verdict_line.ts. */
export function digestIn(engine: EngineId, policy: LoadedPolicy, requests: VectorRequest[]): Promise<string> {
  return runInEngine(engine, policy, { task: 'digest', requests })
}

export function headsIn(engine: EngineId, policy: LoadedPolicy, entries: { head: string; itemBytes: number }[]): Promise<(EntryHead | null)[]> {
  return runInEngine(engine, policy, { task: 'entries', entries })
}

/** One a vector of http.json. */
export function resultsIn(engine: EngineId, policy: LoadedPolicy, inputs: HttpInput[]): Promise<string[]> {
  return runInEngine(engine, policy, { task: 'http', inputs })
}

async function runInEngine<Result>(engine: EngineId, policy: LoadedPolicy, input: Input): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'samekey-engine-'))
  try {
    await writeFile(join(folder, 'vector_runner.js'), runner)
    await writeFile(join(folder, 'samekey_policy.js'), policyModuleSource(policy))
    await writeFile(join(folder, 'input.json'), JSON.stringify(input))
    await writeFile(join(folder, 'main.js'), "import runner from 'vector_runner.js'\nrunner.run()\n")
    const { stdout, stderr, code } = await runOnEngine(engine, folder, 'main.js', { timeoutMs: 300_000 })
    if (code !== 0) throw new Error(`${engine} ended with ${code}: ${stderr}${stdout}`)
    return JSON.parse(await readFile(join(folder, 'output.json'), 'utf8')) as Result
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
