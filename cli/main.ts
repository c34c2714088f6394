#!/usr/bin/env node
// The command `samekey`. Everything is in program.ts, which tests call with streams of their own.

import { run } from './program.js'

// `samekey explain … | head` has what it wants.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

process.exitCode = await run(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  env: process.env,
  cwd: process.cwd(),
  get stdin() {
    return process.stdin
  },
  ...(process.stderr.isTTY ? { terminal: process.stderr } : {})
})
