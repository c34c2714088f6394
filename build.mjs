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
 * A module that Nginx imports. The njs engines run its top level again for every request, function by function
 * and regex by regex, so each part is wrapped in a function that runs when one of its handlers is called. The parts in
 * `seldom` are one function each, the file's default export, which the others import under the file's name.
 */
async function buildNginxModule(name, parts, seldom = []) {
  const imports = new Set()
  let code = ''
  const load = (part, body, exported) => `let ${part}_part;\nfunction load_${part}() {\n${body}return ${part}_part = ${exported};\n}\n`
  const bundle = async (entry, compilesLate) => {
    const bundled = await bundleForNjs(entry, seldom.map(({ file }) => `./${file}.js`), compilesLate)
    const body = bundled.code.replace(/^import (.*) from "(.*)";\n/gm, (line, own, from) => {
      const other = seldom.find(({ file }) => from === `./${file}.js`)
      if (other === undefined) imports.add(line)
      else if (other.name !== own) throw new Error(`${entry}: ${from} must be imported as ${other.name}, not as ${own}`)
      return ''
    })
    return [body, bundled.exported]
  }
  for (const [entry, names] of Object.entries(parts)) {
    const part = entry.replace(/^.*\/|\.ts$/g, '')
    code += load(part, ...await bundle(entry))
    for (const handler of names) code += `function ${handler}(r) {\nreturn (${part}_part || load_${part}()).${handler}(r);\n}\n`
  }
  for (const { file, name: own, compilesLate } of seldom) {
    code += load(own, ...await bundle(`njs/${file}.ts`, compilesLate))
    code += `function ${own}(a, b, c, d, e) {\nreturn (${own}_part || load_${own}())(a, b, c, d, e);\n}\n`
  }
  const handlers = Object.values(parts).flat().join(', ')
  const readable = `${[...imports].join('')}${code}export default { ${handlers} };\n`
  const small = (await transform(readable, { format: 'esm', target: 'esnext', supported: njs079, charset: 'ascii', minify: true })).code
  const footer = /var (\w+)=(\{[^{}]*\});export\{\1 as default\};\n$/.exec(small)
  if (!footer) throw new Error('esbuild changed its export footer; njs accepts only "export default"')
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
// `samekey` runs wherever Nginx wants the key, the other only where it answers from memcached.
const sizes = [
  await buildNginxModule('samekey', { 'njs/verdict.ts': ['verdict'], 'njs/raw_type.ts': ['type'] }),
  await buildNginxModule(
    'samekey_replay',
    { 'njs/replay.ts': ['replay', 'rescue', 'head'] },
    [
      // Its patterns are not known before.
      { file: 'bans', name: 'checkBans', compilesLate: true },
      { file: 'judge', name: 'judge' },
      { file: 'narrow', name: 'narrow' },
      { file: 'search', name: 'search' },
      { file: 'second_key', name: 'secondKey' }
    ]
  )
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
