// On what it was measured.
import { execFileSync } from 'node:child_process'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { execa } from 'execa'
import { ensure } from '../../scripts/system.js'
import { engineVersion, engines } from '../../test/support/engines.js'
import { inRootfs, suites } from '../../test/support/rootfs.js'
import type { Machine } from '../results.js'

export async function describeMachine(): Promise<Machine> {
  const { memcached, varnish } = await ensure(['memcached', 'varnish'])
  const versions: Record<string, string> = { node: process.version, memcached: await versionOf([memcached, '-V']), varnish: await versionOf([varnish, '-V']) }
  for (const suite of suites) versions[`nginx of ${suite}`] = await versionOf([...await inRootfs(suite, 'nginx'), '-v'])
  for (const { id } of engines) versions[id] = await engineVersion(id)
  return { cpu: cpus()[0]?.model ?? '', cores: cpus().length, kernel: release(), memoryBytes: totalmem(), versions }
}

/** One-minute load. */
export function loadOfMachine(): number {
  return loadavg()[0] as number
}

/** The first number with dots that a program tells of itself. */
async function versionOf([program, ...args]: string[]): Promise<string> {
  const { stdout, stderr } = await execa(program as string, args)
  return /\d+(?:\.\d+)+/.exec(stdout + stderr)?.[0] ?? ''
}

export function commitOf(folder: string): string {
  return execFileSync('git', ['describe', '--always', '--dirty', '--exclude', '*'], { cwd: folder, encoding: 'utf8' }).trim()
}
