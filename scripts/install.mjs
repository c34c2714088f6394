// Makes a fresh clone ready to run: the npm packages of package-lock.json, and dist/. Plain JavaScript, because without them
// there is no TypeScript.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
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

/** Builds dist/ if its sources are newer. The types are left out: nothing that runs needs them, and they take the longest. */
export function ensureBuilt() {
  if (isBuilt()) return
  const { status } = spawnSync(process.execPath, ['build.mjs', '--no-types'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0) throw new Error('the build failed')
}

/** Whether dist/ is newer than its sources. A build empties dist/, which others may be using, so none is done in vain. */
function isBuilt() {
  const built = ['index.js', 'cli.js', 'njs/samekey.js', 'njs/samekey_replay.js'].map((name) => modified(join(root, 'dist', name)))
  const sources = ['njs', 'nginx', 'node-writer', 'cli'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true }).map((name) => modified(join(root, folder, name)))
  )
  return Math.min(...built) > Math.max(...sources, modified(join(root, 'package.json')), modified(join(root, 'build.mjs')))
}

/** Milliseconds since 1970; 0 when there is no such file. */
function modified(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}
