// Builds everything in dist/: the njs module, the writer, the command line, and the types.
// `--no-types` leaves out the declarations, which take longer than all the rest.
import { build, transform } from 'esbuild'
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

process.chdir(fileURLToPath(new URL('.', import.meta.url)))

// Everything is built here first and takes the place of dist/ when it is complete.
const out = `dist.${process.pid}`
process.on('exit', () => rmSync(out, { recursive: true, force: true }))

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
const COMPILED_LATE = /\bnew RegExp\b/
const forbiddenInNjs = [
  [/\b(?:Map|Set|WeakMap|WeakSet|Proxy|Reflect|BigInt|URL|URLSearchParams)\b\s*[.(]/, 'a built-in that njs 0.7.9 does not have'],
  [COMPILED_LATE, 'a regex that is compiled at run time: on the njs engines that costs every request'],
  [/\b\d+n\b/, 'a BigInt literal'],
  [/\bimport\s*\(/, 'a dynamic import']
]

async function bundleForNjs(entry, external = [], compilesLate = false) {
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    format: 'esm',
    target: 'esnext',
    supported: njs079,
    external: ['crypto', 'fs', 'samekey_policy.js', ...external],
    charset: 'ascii',
    legalComments: 'none',
    logLevel: 'error',
    write: false
  })
  const code = result.outputFiles[0].text
  for (const [pattern, what] of forbiddenInNjs) {
    const found = pattern.exec(code)
    if (found && !(compilesLate && pattern === COMPILED_LATE)) throw new Error(`${entry}: the output has ${what}: ${code.slice(found.index, found.index + 60)}`)
  }
  // esbuild ends a module in `export { x as default };`, njs accepts only `export default x;`.
  const footer = /export \{\n {2}(\w+) as default\n\};\n$/.exec(code)
  if (!footer) throw new Error(`${entry}: esbuild changed its export footer; njs accepts only "export default"`)
  return { code: code.slice(0, footer.index), exported: footer[1] }
}

async function buildVectorRunner() {
  const { code, exported } = await bundleForNjs('test/njs/vector_runner.ts')
  writeFileSync(`${out}/njs/vector_runner.js`, `${code}export default ${exported};\n`)
}

/**
 * A module that Nginx imports. The njs engines run its top level again for every request, function by function and regex
 * by regex, so that only the entry is there from the beginning. The parts in `seldom`, which others import by their
 * default exports, are each in a function that runs when the part is first called.
 */
async function buildNginxModule(name, entry, seldom) {
  const imports = new Set()
  const bundle = async (file, compilesLate) => {
    const { code, exported } = await bundleForNjs(file, seldom.map((part) => `./${part.file}.js`), compilesLate)
    const body = code.replace(/^import (.*) from "(.*)";\n/gm, (line, own, from) => {
      const part = seldom.find((each) => from === `./${each.file}.js`)
      if (part === undefined) imports.add(line)
      else if (part.name !== own) throw new Error(`${file}: ${from} must be imported as ${part.name}, not as ${own}`)
      return ''
    })
    return { body, exported }
  }
  let code = ''
  for (const part of seldom) {
    const { body, exported } = await bundle(`njs/${part.file}.ts`, part.compilesLate)
    const load = `(${part.name}_part = (function () {\n${body}return ${exported};\n})())`
    code += `let ${part.name}_part;\nfunction ${part.name}(a, b, c, d, e) {\nreturn (${part.name}_part || ${load})(a, b, c, d, e);\n}\n`
  }
  const { body, exported } = await bundle(entry)
  const readable = `${[...imports].join('')}${code}${body}export { ${exported} as default };\n`
  const small = (await transform(readable, { format: 'esm', target: 'esnext', supported: njs079, charset: 'ascii', minify: true })).code
  const footer = /var (\w+)=(\{[^{}]*\});export\{\1 as default\};\n$/.exec(small)
  if (!footer) throw new Error(`${entry}: esbuild changed its export footer; njs accepts only "export default"`)
  code = `// samekey: built, do not edit.\n${small.slice(0, footer.index)}export default ${footer[2]};\n`
  if (code.length > MAX_NJS_BYTES) throw new Error(`dist/njs/${name}.js has ${code.length} bytes, at most ${MAX_NJS_BYTES} are allowed`)
  writeFileSync(`${out}/njs/${name}.js`, code)
  return `${name}.js ${code.length}`
}

async function buildNode() {
  await build({
    entryPoints: { index: 'node-writer/index.ts', cli: 'cli/main.ts' },
    outdir: out,
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
  chmodSync(`${out}/cli.js`, 0o755)
  cpSync('node-writer/policy/schema.json', `${out}/policy.schema.json`)
}

mkdirSync(`${out}/njs`, { recursive: true })
// The first is there wherever Nginx wants the key, the other only where it answers from memcached.
const sizes = [
  await buildNginxModule('samekey', 'njs/samekey.ts', [{ file: 'verdict', name: 'resolveRequest' }]),
  await buildNginxModule('samekey_replay', 'njs/replay.ts', [
    { file: 'replay_any', name: 'replayAny' },
    // Its patterns are not known before.
    { file: 'bans', name: 'checkBans', compilesLate: true },
    { file: 'judge', name: 'judge' },
    { file: 'leave', name: 'leave' },
    { file: 'lost', name: 'lost' },
    { file: 'narrow', name: 'narrow' },
    { file: 'search', name: 'search' },
    { file: 'second_key', name: 'secondKey' }
  ])
]
await buildVectorRunner()
await buildNode()
if (!process.argv.includes('--no-types')) {
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'node-writer', '--outDir', `${out}/types`], { stdio: 'inherit' })
}
// Two renames, so that whoever runs from dist/ meanwhile finds the old files or the new ones.
const previous = `${out}.previous`
if (existsSync('dist')) renameSync('dist', previous)
renameSync(out, 'dist')
rmSync(previous, { recursive: true, force: true })
console.log(`built dist/: njs modules ${sizes.join(', ')} bytes of ${MAX_NJS_BYTES} each, version ${JSON.parse(readFileSync('package.json', 'utf8')).version}`)
