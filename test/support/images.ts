// The container images of the tests: Nginx with njs, and memcached, of each Debian suite in one image, made from the
// suite's rootfs. SAMEKEY_IMAGE_BOOKWORM, _TRIXIE, _SID name others to use instead; they need ngx_http_js_module.so in
// /usr/lib/nginx/modules (as the official nginx images have), and memcached, unless SAMEKEY_IMAGE_MEMCACHED names its own.
import { basename } from 'node:path'
import { execa } from 'execa'
import { rootfs, type Suite } from './rootfs.js'

/** The name of a suite's image, which the engine has from then on. */
export async function nginxImage(suite: Suite): Promise<string> {
  return process.env[`SAMEKEY_IMAGE_${suite.toUpperCase()}`] || await importRootfs(suite)
}

export async function memcachedImage(suite: Suite): Promise<string> {
  return process.env.SAMEKEY_IMAGE_MEMCACHED || await nginxImage(suite)
}

async function importRootfs(suite: Suite): Promise<string> {
  const folder = await rootfs(suite)
  // The folder's name tells its recipe, so that an image of an older recipe is not taken for this one.
  const image = `samekey-test/${suite}:${basename(folder)}`
  const { exitCode } = await execa('docker', ['image', 'inspect', image], { reject: false })
  if (exitCode === 0) return image
  const pack = execa('tar', ['-c', '-C', folder, '--owner=0', '--group=0', '--numeric-owner', '.'], { encoding: 'buffer', buffer: { stdout: false, stderr: true } })
  const load = execa('docker', ['import', '--change', 'CMD ["nginx","-g","daemon off;"]', '-', image], { stdin: 'pipe' })
  pack.stdout.pipe(load.stdin)
  await Promise.all([pack, load])
  return image
}
