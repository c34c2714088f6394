// Before the integration tests: Nginx and memcached on this machine, a container engine, and its images.
import { ensure } from '../../scripts/system.js'
import { startDockerEngine } from './docker_engine.js'
import { nginxImage } from './images.js'
import { suites } from './rootfs.js'

export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  await ensure(['nginx', 'njs-module', 'memcached'])
  if (process.env.SAMEKEY_STACK === 'processes') return undefined
  const engine = await startDockerEngine()
  try {
    Object.assign(process.env, engine.environment)
    await Promise.all(suites.map(nginxImage))
  } catch (error) {
    await engine.stop()
    throw error
  }
  return engine.stop
}
