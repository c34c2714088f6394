// `npm test [-- PROJECT or any vitest argument]`: everything from a fresh clone to the verdict. The last line is always
// `N passed, N failed`. Projects: unit, njs, integration.
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { ensureDependencies, root } from './install.mjs'

const projects = ['unit', 'njs', 'integration']
const summary = /^\d+ passed, \d+ failed(, \d+ skipped)?$/

process.exitCode = await main(process.argv.slice(2))

async function main(args) {
  const vitestArgs = args.flatMap((arg) => (projects.includes(arg) ? ['--project', arg] : [arg]))
  const steps = [
    ['Types of the core, which has no runtime', bin('tsc'), '-p', 'njs/core'],
    ['Types of the njs module', bin('tsc'), '-p', 'njs'],
    ['Types of everything else', bin('tsc')],
    ['Build', process.execPath, 'build.mjs'],
  ]
  try {
    ensureDependencies()
  } catch (error) {
    return fail(error.message)
  }
  for (const [title, ...command] of steps) {
    console.log(`${title} ...`)
    const { code } = await run(command)
    if (code !== 0) return fail(`${title}: failed`)
  }
  const { code, lastLine } = await run([bin('vitest'), 'run', ...vitestArgs])
  // The reporter prints the summary, unless vitest ended before it got that far.
  return summary.test(lastLine) ? code : fail('vitest ended without a summary')
}

function bin(name) {
  return `${root}node_modules/.bin/${name}`
}

/** Shows the output as it comes, and waits for the end of a command also on Ctrl-C, so that it can stop what it started. */
function run([program, ...args]) {
  return new Promise((resolve) => {
    const env = process.stdout.isTTY ? { ...process.env, FORCE_COLOR: '1' } : process.env
    const child = spawn(program, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] })
    let tail = ''
    child.stdout.on('data', (chunk) => {
      process.stdout.write(chunk)
      tail = (tail + chunk).slice(-1000)
    })
    // A terminal sends Ctrl-C to the child too; other signals come to us alone.
    const onInterrupt = () => {}
    const onTerminate = () => child.kill('SIGTERM')
    process.on('SIGINT', onInterrupt)
    process.on('SIGTERM', onTerminate)
    child.on('error', (error) => console.error(`${program}: ${error.message}`))
    child.on('close', (code, signal) => {
      process.off('SIGINT', onInterrupt)
      process.off('SIGTERM', onTerminate)
      resolve({ code: code ?? 128 + (constants.signals[signal] ?? 0), lastLine: tail.trimEnd().split('\n').at(-1) })
    })
  })
}

function fail(message) {
  console.error(message)
  console.log('\n0 passed, 1 failed')
  return 1
}
