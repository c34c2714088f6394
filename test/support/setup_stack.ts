// Before the integration tests: Nginx and memcached on this machine, a container engine, and its images.
import { ensure } from '../../scripts/system.js'
import { startTestRun } from './docker_engine.js'
import { nginxImage } from './images.js'
import { rootfs, suites } from './rootfs.js'

export default async function setup(): Promise<() => Promise<void>> {
  await ensure(['nginx', 'njs-module', 'memcached'])
  const containers = process.env.SAMEKEY_STACK !== 'processes'
  const run = await startTestRun({ containers })
  try {
    Object.assign(process.env, run.environment)
    await Promise.all(suites.map((suite) => (containers ? nginxImage(suite) : rootfs(suite))))
  } catch (error) {
    await run.stop()
    throw error
  }
  return run.stop
}
