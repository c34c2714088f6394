// Makes a fresh clone ready to run: the npm packages of package-lock.json. Plain JavaScript, because without them
// there is no TypeScript.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))

/** Installs the npm packages if they are missing or not those of package-lock.json. */
export function ensureDependencies() {
  if (isInstalled()) return
  console.log('Installing the npm packages of package-lock.json (npm ci)')
  // No install scripts: none is needed, one would compile for minutes, and our own `prepare` is the build that follows anyway.
  const { status } = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
  if (status !== 0) throw new Error('npm ci failed')
}

/** Compared by content: file times say nothing after a checkout. */
function isInstalled() {
  const installed = packagesOf('node_modules/.package-lock.json')
  if (installed === undefined) return false
  return Object.entries(packagesOf('package-lock.json') ?? {})
    // Optional ones are left out where they are for another system.
    .filter(([path, { optional, devOptional }]) => path !== '' && !optional && !devOptional)
    .every(([path, { version }]) => installed[path]?.version === version)
}

function packagesOf(lockFile) {
  try {
    return JSON.parse(readFileSync(new URL(`../${lockFile}`, import.meta.url), 'utf8')).packages
  } catch {
    return undefined
  }
}
