// The demo as a person runs it, from its command line: every step of its story holds, and it leaves nothing behind.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { until } from '../support/until.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const demo = join(root, 'scripts/demo.mjs')

let temporary: string

// Everything that the demo writes goes below TMPDIR, so this is where leftovers would be.
beforeEach(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'samekey-demo-test-'))
  // Else the demo, as root, would choose another place.
  await chmod(temporary, 0o755)
})
afterEach(async () => { await rm(temporary, { recursive: true, force: true }) })

describe('npm run demo', () => {
  test('-- --once: all steps hold', async () => {
    const { code, output } = await run(['--once'])
    expect(output).toMatch(/^(\d+) of \1 steps held, in [\d.]+ s\.$/m)
    expect(output).not.toContain('✗')
    expect(code).toBe(0)
    await expectNothingLeft()
  })

  test('Ctrl-C ends all that was started', async () => {
    const child = spawn(process.execPath, [demo], { env: environment(), stdio: ['ignore', 'pipe', 'pipe'] })
    const exited = once(child, 'exit')
    let output = ''
    child.stdout.on('data', (chunk) => { output += chunk })
    child.stderr.on('data', (chunk) => { output += chunk })
    const url = await until('the demo is up', async () => /is behind Nginx at (http:\S+) Try/.exec(output)?.[1], { unless: exited })
    // A request shows as a line with what the cache did.
    await fetch(`${url}/stars/vega`)
    await until('the request is shown', async () => (/miss .* GET \/stars\/vega/.test(output) ? true : undefined), { unless: exited })
    expect(await processesOf(temporary)).not.toEqual([])
    child.kill('SIGINT')
    const [code] = await exited
    expect(code).toBe(130)
    await expectNothingLeft()
  })

  test.each([
    { args: ['--twice'], why: /--twice/ },
    { args: ['--crowd', '--seconds', 'long'], why: /--seconds: expected a whole number/ }
  ])('$args: a wrong option is named, nothing is started', async ({ args, why }) => {
    const { code, output } = await run(args)
    expect(output).toMatch(why)
    expect(code).toBe(2)
    await expectNothingLeft()
  })
})

async function run(args: string[]): Promise<{ code: number; output: string }> {
  const command = promisify(execFile)(process.execPath, [demo, ...args], { env: environment(), timeout: 55_000 })
  const { code, stdout, stderr } = await command.then((done) => ({ ...done, code: 0 }), (error) => error)
  return { code, output: `${stdout}${stderr}` }
}

function environment() {
  return { ...process.env, TMPDIR: temporary }
}

async function expectNothingLeft(): Promise<void> {
  // tsx keeps its compile cache there, between runs and for all.
  expect((await readdir(temporary)).filter((name) => !name.startsWith('tsx-'))).toEqual([])
  expect(await processesOf(temporary)).toEqual([])
}

/** The command lines of processes that run in a folder or name it. */
async function processesOf(folder: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const found = await Promise.all(pids.map(async (pid) => {
    const [command, variables] = await Promise.all(['cmdline', 'environ'].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')))
    return `${command}${variables}`.includes(folder) ? (command as string).replaceAll('\0', ' ') : ''
  }))
  return found.filter((command) => command !== '')
}
