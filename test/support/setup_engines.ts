// Before tests in the njs engines: their programs, made once and cached (10 s the first time).
import { rootfs, suites } from './rootfs.js'

export default async function setup(): Promise<void> {
  await Promise.all(suites.map((suite) => rootfs(suite)))
}
