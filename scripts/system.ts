// The one place that knows where system programs come from: finds Nginx, memcached, njs, Docker and the like, and
// installs Debian's packages of those that are missing. Used by the demo, the tests and CI.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

interface Program { debianPackage: string; find(): string | undefined }

const programs = {
  nginx: { debianPackage: 'nginx', find: () => onPath('nginx') },
  'njs-module': { debianPackage: 'libnginx-mod-http-js', find: findNjsModule },
  memcached: { debianPackage: 'memcached', find: () => onPath('memcached') },
  njs: { debianPackage: 'njs', find: () => onPath('njs') },
  // Either an engine that can be started, or one that runs already (perhaps elsewhere: DOCKER_HOST).
  docker: { debianPackage: 'docker.io', find: () => onPath('dockerd') ?? (dockerAnswers() ? onPath('docker') : undefined) },
  mmdebstrap: { debianPackage: 'mmdebstrap', find: () => onPath('mmdebstrap') },
  wrk: { debianPackage: 'wrk', find: () => onPath('wrk') },
  varnish: { debianPackage: 'varnish', find: () => onPath('varnishd') },
} satisfies Record<string, Program>

export type ProgramName = keyof typeof programs

export interface EnsureOptions {
  /** Told in one line what is about to be installed; standard error if not given. */
  log?: (line: string) => void
  /** Asked before anything is installed; `false` ends in an error that names the command. Not asked if not given. */
  ask?: (question: string) => Promise<boolean>
}

export class MissingProgramsError extends Error {
  override name = 'MissingProgramsError'
  constructor(readonly missing: ProgramName[], reason: string, readonly command: string) {
    super(`missing: ${missing.join(', ')} (${reason}). Install with:\n  ${command}`)
  }
}

/** The absolute path of a program (for `njs-module`, of the module file), or undefined. */
export function find(name: ProgramName): string | undefined {
  return programs[name].find()
}

/** Finds every program, installing Debian's package where one is missing; the absolute paths by name. */
export async function ensure<Name extends ProgramName>(names: readonly Name[], options: EnsureOptions = {}): Promise<Record<Name, string>> {
  const missing = names.filter((name) => find(name) === undefined)
  if (missing.length > 0) await install(missing, options)
  const still = names.filter((name) => find(name) === undefined)
  if (still.length > 0) throw new MissingProgramsError(still, 'installed, but not found afterwards', installCommand(still))
  return Object.fromEntries(names.map((name) => [name, find(name)])) as Record<Name, string>
}

/** Whether a Docker engine answers. A local engine answers within milliseconds; a dead remote one must not hang us. */
export function dockerAnswers(): boolean {
  return onPath('docker') !== undefined && spawnSync('docker', ['info'], { stdio: 'ignore', timeout: 10_000 }).status === 0
}

/** Fetches apt's package lists, where that needs no password. */
export function updatePackageLists(): void {
  runAs(asRoot() ?? [], ['apt-get', 'update', '-qq'])
}

async function install(missing: ProgramName[], { log, ask }: EnsureOptions): Promise<void> {
  const command = installCommand(missing)
  const refuse = (reason: string): never => { throw new MissingProgramsError(missing, reason, command) }
  if (!isDebian()) refuse('only Debian packages can be installed for you; the packages are named as on Debian')
  const become = asRoot() ?? refuse('installing needs root, and sudo asks for a password here')

  const packages = debianPackages(missing)
  if (ask && !(await ask(`Install ${packages.join(' ')} with apt-get?`))) refuse('not installed')
  ;(log ?? console.error)(`Installing Debian packages: ${packages.join(' ')}`)

  const script = fileURLToPath(new URL('install_packages.sh', import.meta.url))
  const { status, stdout, stderr } = runAs(become, ['sh', script, ...packages])
  if (status !== 0) refuse(`apt-get failed:\n${stdout}${stderr}`.trimEnd())
}

function debianPackages(names: readonly ProgramName[]): string[] {
  return names.map((name) => programs[name].debianPackage)
}

function installCommand(names: readonly ProgramName[]): string {
  return `${process.getuid?.() === 0 ? '' : 'sudo '}apt-get install --no-install-recommends ${debianPackages(names).join(' ')}`
}

/** The words to put before a command so that it runs as root, or undefined where that would need a password. */
function asRoot(): string[] | undefined {
  if (process.getuid?.() === 0) return []
  return spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0 ? ['sudo', '-n'] : undefined
}

function runAs(become: readonly string[], command: readonly string[]) {
  const [program, ...args] = [...become, ...command]
  return spawnSync(program as string, args, { encoding: 'utf8' })
}

/** Debian or one of its children, whose packages have the same names. */
function isDebian(): boolean {
  return existsSync('/etc/os-release') && /^ID(_LIKE)?=.*\bdebian\b/m.test(readFileSync('/etc/os-release', 'utf8')) && onPath('apt-get') !== undefined
}

/** Servers live in sbin folders, which an ordinary user does not have on PATH. */
function onPath(program: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin']
  return folders.filter(Boolean).map((folder) => join(folder, program)).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try { accessSync(path, constants.X_OK); return true } catch { return false }
}

/** Asks the Nginx that would run it: the module must be the one built for that Nginx. */
function findNjsModule(): string | undefined {
  const nginx = onPath('nginx')
  if (nginx === undefined) return undefined
  const { stderr } = spawnSync(nginx, ['-V'], { encoding: 'utf8' })
  const folder = /--modules-path=(\S+)/.exec(stderr)?.[1]
  return [folder, '/usr/lib/nginx/modules', '/usr/lib64/nginx/modules', '/etc/nginx/modules']
    .filter((candidate) => candidate !== undefined)
    .map((candidate) => join(candidate, 'ngx_http_js_module.so'))
    .find((file) => existsSync(file))
}
