// Nginx, njs and memcached of several Debian suites as plain folders, made from Debian's packages without an image
// registry. Programs in them run directly (see inRootfs), and images.ts makes container images of them.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { ensure, updatePackageLists } from '../../scripts/system.js'

/** bookworm: nginx 1.22, njs 0.7.9. trixie: nginx 1.26, njs 0.8.9. sid: the newest of both, also with QuickJS. */
export const suites = ['bookworm', 'trixie', 'sid'] as const
export type Suite = (typeof suites)[number]

// base-files brings the link to the dynamic loader, dash a shell for `docker exec`.
const packages = ['nginx', 'libnginx-mod-http-js', 'memcached', 'njs', 'dash', 'base-files']
// Not needed to run any of them, and more than half of the bytes.
const unneeded = ['./dev/*', './usr/share/doc/*', './usr/share/man/*', './usr/share/locale/*', './usr/share/perl*', './usr/lib/*/perl*', './usr/lib/systemd/*', './usr/bin/perl*']
// The packages' own scripts, which would make these users, are not run.
const accounts = {
  'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/bin/sh\nmemcache:x:101:101:memcache:/nonexistent:/bin/false\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n',
  'etc/group': 'root:x:0:\nwww-data:x:33:\nmemcache:x:101:\nnogroup:x:65534:\n',
}

/** Outside the repository. Remove it to get newer packages (sid moves on, the others hardly). */
export const cacheFolder = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'samekey')

/** The folder of a suite; made at the first call (about 10 s), then taken from the cache. `more`: packages besides the usual ones. */
export async function rootfs(suite: Suite, more: readonly string[] = []): Promise<string> {
  const include = [...packages, ...more]
  const recipe = createHash('sha256').update(JSON.stringify([include, unneeded, accounts, process.arch])).digest('hex').slice(0, 12)
  const folder = join(cacheFolder, `${suite}-${recipe}`)
  if (existsSync(folder)) return folder
  await ensure(['mmdebstrap'])
  await mkdir(cacheFolder, { recursive: true })
  const unfinished = await mkdtemp(join(cacheFolder, `unfinished-${suite}-`))
  try {
    await extract(suite, include, unfinished)
    for (const [path, text] of Object.entries(accounts)) await writeFile(join(unfinished, path), text)
    // Renamed when complete, so that an interrupted build is never taken for a good one. Another process may have been first.
    await rename(unfinished, folder).catch((error: unknown) => { if (!existsSync(folder)) throw error })
  } finally {
    await rm(unfinished, { recursive: true, force: true })
  }
  return folder
}

/** The words that run a program of a rootfs on this machine, without root, chroot or container: its own dynamic loader with its own libraries. */
export async function inRootfs(suite: Suite, program: 'nginx' | 'njs' | 'memcached', more: readonly string[] = []): Promise<string[]> {
  const root = await rootfs(suite, more)
  // Up to bookworm /lib is a folder of its own in an extracted system, later a link to /usr/lib.
  const libraries = ['lib', 'usr/lib'].map((folder) => join(root, folder, debianTriplet())).filter((folder) => existsSync(folder))
  const loader = libraries.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name))).find((path) => /\/ld-linux[^/]*\.so\.\d+$/.test(path))
  if (loader === undefined) throw new Error(`no dynamic loader in ${root}`)
  return [loader, '--library-path', libraries.join(':'), join(root, program === 'nginx' ? 'usr/sbin' : 'usr/bin', program)]
}

async function extract(suite: Suite, include: readonly string[], folder: string): Promise<void> {
  const source = `deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${await debianMirror()} ${suite} main`
  // Check-Valid-Until: a mirror may be a still picture, older than sid's week; signatures are checked all the same.
  // chrootless: nothing is run inside, so neither root nor user namespaces are needed.
  const build = execa('mmdebstrap', ['--mode=chrootless', '--variant=extract', '--aptopt=Acquire::Check-Valid-Until "false"', `--include=${include.join(',')}`, suite, '-', source],
    { encoding: 'buffer', buffer: { stdout: false, stderr: true } })
  const unpack = execa('tar', ['-x', '-C', folder, '--no-same-owner', ...unneeded.map((pattern) => `--exclude=${pattern}`)], { stdin: 'pipe' })
  build.stdout.pipe(unpack.stdin)
  // The builder's own message first: without its output tar only says that it got none.
  const [built, unpacked] = await Promise.allSettled([build, unpack])
  for (const each of [built, unpacked]) if (each.status === 'rejected') throw each.reason
}

/** The mirror that this machine's own apt uses for Debian. */
async function debianMirror(): Promise<string> {
  if (process.env.SAMEKEY_DEBIAN_MIRROR) return process.env.SAMEKEY_DEBIAN_MIRROR
  const find = async () => {
    const { stdout } = await execa('apt-get', ['indextargets', '--format', '$(ORIGIN) $(CODENAME) $(REPO_URI)'])
    return /^Debian [a-z]+ (\S+)$/m.exec(stdout)?.[1]
  }
  // On a fresh machine apt has no lists yet, and then tells nothing.
  const mirror = await find() ?? (updatePackageLists(), await find())
  if (mirror === undefined) throw new Error('no Debian mirror in the apt sources of this machine; name one in SAMEKEY_DEBIAN_MIRROR')
  return mirror
}

function debianTriplet(): string {
  const cpu = { x64: 'x86_64', arm64: 'aarch64' }[process.arch as string]
  if (cpu === undefined) throw new Error(`no Debian suites for ${process.arch} here: only x64 and arm64`)
  return `${cpu}-linux-gnu`
}
