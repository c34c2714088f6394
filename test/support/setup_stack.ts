// Before the integration tests: Nginx and memcached on this machine, a container engine, and its images.
import { ensure } from '../../scripts/system.js'
import { startTestRun, type TestRun } from './docker_engine.js'
import { nginxImage } from './images.js'
import { rootfs, suites } from './rootfs.js'

export default async function setup(): Promise<() => Promise<void>> {
  await ensure(['nginx', 'njs-module', 'memcached'])
  const { run, containers } = await startRun()
  try {
    Object.assign(process.env, run.environment)
    await Promise.all(suites.map((suite) => (containers ? nginxImage(suite) : rootfs(suite))))
  } catch (error) {
    await run.stop()
    throw error
  }
  return run.stop
}

/** In containers, unless this machine cannot run any: then the same programs as processes, which is better than no test. CI must not get that by accident. */
async function startRun(): Promise<{ run: TestRun; containers: boolean }> {
  const wanted = process.env.SAMEKEY_STACK
  if (wanted === 'processes') return { run: await startTestRun({ containers: false }), containers: false }
  try {
    return { run: await startTestRun({ containers: true }), containers: true }
  } catch (error) {
    if (wanted === 'containers' || process.env.CI) throw error
    console.warn(`${(error as Error).message}\nThe integration tests run without containers: the same Nginx versions, as processes.`)
    process.env.SAMEKEY_STACK = 'processes'
    return { run: await startTestRun({ containers: false }), containers: false }
  }
}
