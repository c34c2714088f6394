// The commands in the order in which a person meets them, and what becomes of their errors.

import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command, CommanderError } from 'commander'
import { PolicyError } from '../node-writer/policy/load.js'
import { doctorCommand } from './doctor.js'
import { explainCommand } from './explain.js'
import { getCommand } from './get.js'
import { CliError, EXIT, type ExitCode, type Io } from './io.js'
import { keyCommand } from './key.js'
import { lsCommand } from './ls.js'
import { nginxCommand } from './nginx.js'
import { purgeCommand } from './purge.js'
import { statsCommand } from './stats.js'
import { upCommand } from './up.js'
import { warmCommand } from './warm.js'

const EXIT_CODES = `
Exit codes:
  0  done
  1  it could not be done (a server that does not answer, a program that is missing)
  2  the command line, the policy or a URL is wrong
  3  the request is not looked up in the cache (key, explain, get)
  4  nothing is stored (get)
  130  interrupted (warm)
`

/** Runs one command line; the exit code. `args` are what follows the program's name. */
export async function run(args: string[], io: Io): Promise<number> {
  let exitCode: ExitCode = EXIT.ok
  const done = (code: ExitCode): void => void (exitCode = code)
  const program = new Command('samekey')
    .description('One cache key for Nginx and your app.')
    .version(packageVersion())
    .configureOutput({ writeOut: (text) => io.out(text), writeErr: (text) => io.err(text) })
    .exitOverride()
    .showHelpAfterError('(add --help for the options)')
    .addHelpText('afterAll', EXIT_CODES)

  upCommand(program, io, done)
  nginxCommand(program, io)
  keyCommand(program, io, done)
  explainCommand(program, io, done)
  getCommand(program, io, done)
  lsCommand(program, io, done)
  purgeCommand(program, io, done)
  warmCommand(program, io, done)
  statsCommand(program, io, done)
  doctorCommand(program, io, done)

  try {
    await program.parseAsync(args, { from: 'user' })
    return exitCode
  } catch (error) {
    return report(error, io)
  }
}

function report(error: unknown, io: Io): number {
  // commander has already written its message; help and --version end here too.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
  if (error instanceof CliError || error instanceof PolicyError) {
    io.err(`samekey: ${error.message}\n`)
    return error instanceof CliError ? error.exitCode : EXIT.usage
  }
  io.err(`samekey: ${error instanceof Error ? error.stack : String(error)}\nThis is a mistake in samekey; please report it.\n`)
  return EXIT.failed
}

/** From the source tree and from dist/ alike. */
function packageVersion(): string {
  let directory = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(directory, 'package.json'))) directory = dirname(directory)
  return (JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as { version: string }).version
}
