// `npm run demo [-- --once | --crowd]`: from a fresh clone to the example site behind Nginx. Plain JavaScript, because
// without the npm packages there is no TypeScript; scripts/demo/main.ts does the rest.
import { spawnSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { ensureDependencies, root } from './install.mjs'

try {
  ensureDependencies()
  if (!isBuilt()) build()
  const { register } = await import('tsx/esm/api')
  register()
  const { main } = await import('./demo/main.ts')
  // Not exitCode: after Ctrl-C a request may still be waited for.
  process.exit(await main(process.argv.slice(2)))
} catch (error) {
  console.error(`demo: ${error.message}`)
  process.exit(1)
}

/** The types are left out: nothing here needs them, and they take the longest. */
function build() {
  const { status } = spawnSync(process.execPath, ['build.mjs', '--no-types'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0) throw new Error('the build failed')
}

/** Whether dist/ is newer than its sources. A build empties dist/, which others may be using, so none is done in vain. */
function isBuilt() {
  const built = ['index.js', 'cli.js', 'njs/samekey.js'].map((name) => modified(join(root, 'dist', name)))
  const sources = ['njs', 'nginx', 'node-writer', 'cli'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true }).map((name) => modified(join(root, folder, name)))
  )
  return Math.min(...built) > Math.max(...sources, modified(join(root, 'package.json')), modified(join(root, 'build.mjs')))
}

/** Milliseconds since 1970; 0 when there is no such file. */
function modified(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}
