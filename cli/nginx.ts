// samekey nginx --out DIR: the Nginx files of a policy, for a site that has an Nginx of its own.

import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { generateNginxFiles, type NginxOptions, writeNginxFiles } from '../nginx/generate.js'
import { CliError, type Io, json, usageError } from './io.js'
import { engineOption, readMemcached, readPolicy, withJson, withMemcached, withPolicy } from './options.js'

interface NginxCommandOptions {
  out: string
  app: string
  listen?: string
  engine: 'njs' | 'qjs'
  nginxDir?: string
  policy?: string
  memcached?: string
  frontCache?: string
  frontInner?: string
  force?: true
  json?: true
}

export function nginxCommand(program: Command, io: Io): void {
  const command = program
    .command('nginx')
    .description('write the Nginx files of a policy')
    .requiredOption('--out <dir>', 'the folder to write; made if it is not there')
    .requiredOption('--app <host:port>', 'the app behind Nginx, host:port or unix:/path')
    .option('--listen <host:port>', 'what the sample nginx.conf listens on')
    .addOption(engineOption())
    .option('--nginx-dir <dir>', 'the folder as Nginx sees it, for example in a container (default: --out)')
    .option('--front-cache <dir>', "keep hits for a second in Nginx's own cache, in this folder, best in memory: /dev/shm/samekey")
    .option('--front-inner <host:port>', 'with it: a loopback port that only Nginx uses (default: 127.0.0.1:8079)')
    .option('--force', 'also overwrite files that samekey did not write')
  withJson(withPolicy(withMemcached(command))).action((options: NginxCommandOptions) => {
    const out = resolve(io.cwd, options.out)
    const generator: NginxOptions = {
      policy: readPolicy(options.policy, io),
      directory: options.nginxDir ?? out,
      app: options.app,
      memcached: readMemcached(options.memcached, io).split(','),
      engine: options.engine,
      // Another system's njs may be older than the one that is here.
      ...(options.nginxDir === undefined ? {} : { sharedDict: options.engine === 'qjs' }),
      ...(options.frontCache === undefined ? {} : { frontCache: options.frontCache }),
      ...(options.frontInner === undefined ? {} : { frontInner: options.frontInner }),
      ...(options.listen === undefined ? {} : { listen: options.listen })
    }
    const files = generate(generator)
    if (!options.force) refuseForeignFiles(out, files)
    const written = write(out, generator)
    io.out(options.json ? json({ files: written, directory: generator.directory }) : instructions(written, generator.directory))
  })
}

function generate(options: NginxOptions): Record<string, string> {
  try {
    return generateNginxFiles(options)
  } catch (error) {
    // Its TypeErrors name an option and what was found.
    if (error instanceof TypeError) throw usageError(error.message)
    throw new CliError((error as Error).message)
  }
}

function write(out: string, options: NginxOptions): string[] {
  try {
    return writeNginxFiles(out, options)
  } catch (error) {
    throw new CliError(`cannot write to ${out}: ${(error as Error).message}`)
  }
}

/** A file is ours when it begins as ours does: with the comment that names its purpose. */
function refuseForeignFiles(out: string, files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    const path = join(out, name)
    if (existsSync(path) && firstLine(readFileSync(path, 'utf8')) !== firstLine(text)) {
      throw new CliError(`${path} is there and was not written by samekey; choose another --out, or overwrite it with --force`)
    }
  }
}

function firstLine(text: string): string {
  return text.slice(0, text.indexOf('\n') + 1)
}

function instructions(files: string[], directory: string): string {
  return `${files.map((file) => `wrote ${file}\n`).join('')}
Once in http { }:

    include ${directory}/samekey.http.conf;

In the site's server { }, and in its location instead of proxy_pass:

    include ${directory}/samekey.server.conf;
    location / { include ${directory}/samekey.location.conf; }

Nginx must have its njs module loaded. Check with \`nginx -t\`, then \`nginx -s reload\`.
nginx.conf in the same folder is a complete example: nginx -p PREFIX -c ${directory}/nginx.conf
`
}
