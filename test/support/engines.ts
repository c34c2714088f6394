// Runs a JavaScript module in each real njs engine without HTTP, with the njs command of each Debian suite.
//
// What the commands have in common, measured on 0.7.9, 0.8.9 and 1.0.2:
// - `-t module` is needed by QuickJS for `import` and harmless elsewhere.
// - `import x from 'x.js'` looks beside the importing file, then under `-p FOLDER`; 'fs' and 'crypto' are built in.
// - files are read by `import fs from 'fs'`, `fs.readFileSync('vectors.json', 'utf8')`, relative to the working folder.
//   Give large input as a file: it has no limit there, and the command line has.
// - console.log writes a line to standard output; an object is printed differently by each engine, so print JSON.
// - there is no process.exit on 0.7.9: throw to end with an exit code (1) and a message on standard error.
import { join } from 'node:path'
import { execa } from 'execa'
import { inRootfs, type Suite } from './rootfs.js'

export interface Engine {
  id: EngineId
  suite: Suite
  /** As in Nginx's js_engine directive. */
  engine: 'njs' | 'qjs'
}

export type EngineId = 'njs-0.7.9' | 'njs-0.8.9' | 'njs-latest' | 'quickjs'

export const engines: readonly Engine[] = [
  { id: 'njs-0.7.9', suite: 'bookworm', engine: 'njs' },
  { id: 'njs-0.8.9', suite: 'trixie', engine: 'njs' },
  { id: 'njs-latest', suite: 'sid', engine: 'njs' },
  { id: 'quickjs', suite: 'sid', engine: 'qjs' },
]

export interface EngineResult { stdout: string; stderr: string; code: number }

/** Runs `entryFile` (relative to `moduleDirectory`, which is also the working folder and where imports are found). */
export async function runOnEngine(id: EngineId, moduleDirectory: string, entryFile: string, { timeoutMs = 60_000 } = {}): Promise<EngineResult> {
  const { suite, engine } = engineOf(id)
  const [program, ...loaderArgs] = await inRootfs(suite, 'njs') as [string, ...string[]]
  const choice = engine === 'qjs' ? ['-n', 'QuickJS'] : []
  const args = [...loaderArgs, ...choice, '-t', 'module', '-p', moduleDirectory, join(moduleDirectory, entryFile)]
  const { stdout, stderr, exitCode, timedOut } = await execa(program, args, { cwd: moduleDirectory, timeout: timeoutMs, reject: false, stdin: 'ignore' })
  if (timedOut) throw new Error(`${id}: ${entryFile} was still running after ${timeoutMs} ms\n${stderr}`)
  // Without an exit code a signal ended it: an engine that crashes must not look like a test that failed.
  if (exitCode === undefined) throw new Error(`${id}: ${entryFile} crashed\n${stderr}`)
  return { stdout, stderr, code: exitCode }
}

/** The version that the engine's command tells, for example '1.0.2'. */
export async function engineVersion(id: EngineId): Promise<string> {
  const [program, ...args] = await inRootfs(engineOf(id).suite, 'njs') as [string, ...string[]]
  return (await execa(program, [...args, '-v'])).stdout.trim()
}

function engineOf(id: EngineId): Engine {
  return engines.find((engine) => engine.id === id) ?? (() => { throw new Error(`no engine ${id}`) })()
}
