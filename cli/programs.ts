// Finds the programs that `samekey up` runs, and knows how this system installs those that are missing.

import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { CliError } from './io.js'

export interface Programs {
  nginx: string
  /** ngx_http_js_module.so, or null when it is built in. */
  njsModule: string | null
  /** '' when it is not needed. */
  memcached: string
}

type ProgramName = 'nginx' | 'njs' | 'memcached'

/** Absolute paths. Throws a CliError that names what is missing and the command that installs it here. */
export function findPrograms(env: Record<string, string | undefined>, needed: { memcached: boolean }): Programs {
  const nginx = onPath('nginx', env)
  const njsModule = nginx === undefined ? undefined : findNjsModule(nginx)
  const memcached = needed.memcached ? onPath('memcached', env) : ''
  const missing: ProgramName[] = []
  if (nginx === undefined) missing.push('nginx')
  // Without Nginx nobody can tell whether the module is there: the command installs both.
  if (njsModule === undefined) missing.push('njs')
  if (memcached === undefined) missing.push('memcached')
  if (missing.length > 0) throw new CliError(missingMessage(missing, readOsRelease()))
  return { nginx: nginx as string, njsModule: njsModule as string | null, memcached: memcached as string }
}

/** Servers live in sbin folders, which an ordinary user does not have on PATH. */
function onPath(program: string, env: Record<string, string | undefined>): string | undefined {
  const folders = [...(env['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin']
  return folders.filter((folder) => folder !== '').map((folder) => join(folder, program)).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Asks the Nginx that is to load it: the module must be the one built for that Nginx. */
function findNjsModule(nginx: string): string | null | undefined {
  const { stderr } = spawnSync(nginx, ['-V'], { encoding: 'utf8' })
  if (/--add-module=\S*njs/.test(stderr)) return null
  const folder = /--modules-path=(\S+)/.exec(stderr)?.[1]
  return [folder, '/usr/lib/nginx/modules', '/usr/lib64/nginx/modules', '/usr/share/nginx/modules', '/etc/nginx/modules']
    .filter((candidate) => candidate !== undefined)
    .map((candidate) => join(candidate, 'ngx_http_js_module.so'))
    .find((file) => existsSync(file))
}

// ------------------------------------------------------------------------------------------------- how to install

const TITLES: Record<ProgramName, string> = { nginx: 'nginx', njs: "Nginx's JavaScript module (njs)", memcached: 'memcached' }

/** By the ID of os-release(5): the command and what its packages are called. */
const SYSTEMS: Record<string, { command: string; packages: Record<ProgramName, string>; note?: string }> = {
  debian: { command: 'apt-get install --no-install-recommends', packages: { nginx: 'nginx', njs: 'libnginx-mod-http-js', memcached: 'memcached' } },
  alpine: { command: 'apk add', packages: { nginx: 'nginx', njs: 'nginx-mod-http-js', memcached: 'memcached' } },
  fedora: {
    command: 'dnf install',
    packages: { nginx: 'nginx', njs: 'nginx-module-njs', memcached: 'memcached' },
    note: 'nginx-module-njs is in the repository of nginx.org: https://nginx.org/en/linux_packages.html'
  }
}

export function missingMessage(missing: ProgramName[], osRelease: string): string {
  const what = `not found: ${missing.map((name) => TITLES[name]).join(', ')}.`
  const system = systemIds(osRelease).map((id) => SYSTEMS[id]).find((found) => found !== undefined)
  if (system === undefined) return `${what} Install nginx 1.22 or later with its njs module, and memcached; see https://nginx.org/en/docs/njs/install.html`
  const sudo = process.getuid?.() === 0 ? '' : 'sudo '
  const note = missing.includes('njs') && system.note !== undefined ? `\n  (${system.note})` : ''
  return `${what} Install with:\n  ${sudo}${system.command} ${missing.map((name) => system.packages[name]).join(' ')}${note}`
}

/** The system's own name first, then those of the systems that it is made from. */
function systemIds(osRelease: string): string[] {
  const field = (name: string): string[] => (new RegExp(`^${name}="?([^"\\n]*)"?$`, 'm').exec(osRelease)?.[1] ?? '').split(' ')
  return [...field('ID'), ...field('ID_LIKE')]
}

function readOsRelease(): string {
  const file = ['/etc/os-release', '/usr/lib/os-release'].find((path) => existsSync(path))
  return file === undefined ? '' : readFileSync(file, 'utf8')
}
