// `npm run bench [-- --quick | --report FILE]`: from a fresh clone to the figures. Plain JavaScript, because without the npm
// packages there is no TypeScript; run.ts does the rest.
import { ensureBuilt, ensureDependencies } from '../scripts/install.mjs'

try {
  ensureDependencies()
  ensureBuilt()
  const { register } = await import('tsx/esm/api')
  register()
  const { run } = await import('./run.ts')
  process.exit(await run(process.argv.slice(2)))
} catch (error) {
  console.error(`bench: ${error.stack}`)
  process.exit(1)
}
