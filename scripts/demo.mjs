// `npm run demo [-- --once | --crowd]`: from a fresh clone to the example site behind Nginx. Plain JavaScript, because
// without the npm packages there is no TypeScript; scripts/demo/main.ts does the rest.
import { ensureBuilt, ensureDependencies } from './install.mjs'

try {
  ensureDependencies()
  ensureBuilt()
  const { register } = await import('tsx/esm/api')
  register()
  const { main } = await import('./demo/main.ts')
  // Not exitCode: after Ctrl-C a request may still be waited for.
  process.exit(await main(process.argv.slice(2)))
} catch (error) {
  console.error(`demo: ${error.message}`)
  process.exit(1)
}
