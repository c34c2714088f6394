// What every command shares with the shell: two streams, one exit code, and errors of one line.

import type { Writable } from 'node:stream'

/** The exit codes; docs/command-line.md has the table. */
export const EXIT = {
  ok: 0,
  /** Something that was asked for could not be done. */
  failed: 1,
  /** The command line, the policy or a URL is wrong. */
  usage: 2,
  /** The request is not looked up in the cache. */
  bypass: 3,
  /** Nothing is stored under the key. */
  notFound: 4,
  /** Ctrl-C, after a summary of what was done. */
  interrupted: 130
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

export interface Io {
  out(text: string | Uint8Array): void
  err(text: string): void
  env: Record<string, string | undefined>
  /** Relative paths start here. */
  cwd: string
  stdin?: AsyncIterable<Uint8Array>
  /** Where a progress bar may be drawn; absent when nobody looks. */
  terminal?: Writable
}

/** A mistake of the user's or of the surroundings, told in one line and without a stack. */
export class CliError extends Error {
  override name = 'CliError'
  constructor(
    message: string,
    readonly exitCode: ExitCode = EXIT.failed
  ) {
    super(message)
  }
}

export function usageError(message: string): CliError {
  return new CliError(message, EXIT.usage)
}

/** Text from outside on a terminal: control characters could rewrite what stands there. */
export function printable(text: string): string {
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, (char) => '\\x' + char.charCodeAt(0).toString(16).padStart(2, '0'))
}

/** One JSON value a line. */
export function json(value: unknown): string {
  return JSON.stringify(value) + '\n'
}
