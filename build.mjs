// Builds everything in dist/: the njs module, the writer, the command line, and the types.
// `--no-types` leaves out the declarations, which take longer than all the rest.
import { build } from 'esbuild'
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

process.chdir(fileURLToPath(new URL('.', import.meta.url)))

// A ceiling, not a target: it is there to catch an accidental blow-up.
const MAX_NJS_BYTES = 20 * 1024

// What njs 0.7.9 (Debian 12) cannot parse. esbuild lowers the last four and refuses the others, with file and line.
const njs079 = {
  'for-of': false,
  destructuring: false,
  'default-argument': false,
  'array-spread': false,
  class: false,
  generator: false,
  'new-target': false,
  bigint: false,
  'top-level-await': false,
  'for-await': false,
  'import-meta': false,
  'dynamic-import': false,
  'regexp-unicode-property-escapes': false,
  'regexp-sticky-and-unicode-flags': false,
  'regexp-dot-all-flag': false,
  'regexp-match-indices': false,
  'regexp-set-notation': false,
  'regexp-lookbehind-assertions': false,
  'optional-chain': false,
  'logical-assignment': false,
  'optional-catch-binding': false,
  'object-rest-spread': false,
  'async-await': true,
  arrow: true,
  'const-and-let': true,
  'template-literal': true,
  'rest-argument': true,
  'nullish-coalescing': true,
  'object-extensions': true
}

// What esbuild leaves in the output although njs 0.7.9 lacks it, found by looking at the output.
const forbiddenInNjs = [
  [/\b(?:Map|Set|WeakMap|WeakSet|Proxy|Reflect|BigInt|URL|URLSearchParams)\b\s*[.(]/, 'a built-in that njs 0.7.9 does not have'],
  [/\bnew RegExp\b/, 'a regex that is compiled at run time: on the njs engines that costs every request'],
  [/\b\d+n\b/, 'a BigInt literal'],
  [/\bimport\s*\(/, 'a dynamic import']
]

async function buildNjs(entry, outfile) {
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    format: 'esm',
    target: 'esnext',
    supported: njs079,
    external: ['crypto', 'fs', 'samekey_policy.js'],
    charset: 'ascii',
    legalComments: 'none',
    logLevel: 'error',
    write: false
  })
  const code = result.outputFiles[0].text
  for (const [pattern, what] of forbiddenInNjs) {
    const found = pattern.exec(code)
    if (found) throw new Error(`${entry}: the output has ${what}: ${code.slice(found.index, found.index + 60)}`)
  }
  // esbuild ends a module in `export { x as default };`, njs accepts only `export default x;`.
  const fixed = code.replace(/export \{\n {2}(\w+) as default\n\};\n$/, 'export default $1;\n')
  if (fixed === code) throw new Error(`${entry}: esbuild changed its export footer; njs accepts only "export default"`)
  writeFileSync(outfile, fixed)
  return fixed.length
}

async function buildNode() {
  await build({
    entryPoints: { index: 'node-writer/index.ts', cli: 'cli/main.ts' },
    outdir: 'dist',
    bundle: true,
    splitting: true,
    chunkNames: 'shared-[hash]',
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: true,
    logLevel: 'warning'
  })
  chmodSync('dist/cli.js', 0o755)
  cpSync('node-writer/policy/schema.json', 'dist/policy.schema.json')
}

rmSync('dist', { recursive: true, force: true })
mkdirSync('dist/njs', { recursive: true })
const bytes = await buildNjs('njs/samekey.ts', 'dist/njs/samekey.js')
if (bytes > MAX_NJS_BYTES) throw new Error(`dist/njs/samekey.js has ${bytes} bytes, at most ${MAX_NJS_BYTES} are allowed`)
await buildNjs('test/njs/vector_runner.ts', 'dist/njs/vector_runner.js')
await buildNode()
if (!process.argv.includes('--no-types')) {
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'], { stdio: 'inherit' })
}
console.log(`built dist/: njs module ${bytes} bytes of ${MAX_NJS_BYTES}, version ${JSON.parse(readFileSync('package.json', 'utf8')).version}`)
