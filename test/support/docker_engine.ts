// A Docker engine for the container tests: the one that runs already, or else one of our own in a temporary folder,
// which ends together with this process.
import { appendFile, mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { dockerAnswers, ensure } from '../../scripts/system.js'
import { startGuarded } from './guarded.js'
import { until } from './until.js'

/** Every container of these tests has this label, so that none is left behind in an engine that is not ours. */
export const containerLabel = 'samekey-test'

export interface DockerEngine {
  /** Makes docker commands and testcontainers, in this process and its children, use the engine. */
  environment: Record<string, string>
  stop(): Promise<void>
}

export async function startDockerEngine(): Promise<DockerEngine> {
  const settings = {
    // Ryuk, testcontainers' cleaner, is an image to pull. Label and guard do its work here.
    TESTCONTAINERS_RYUK_DISABLED: 'true',
    // Without this testcontainers looks for another address where a test machine is itself a container.
    TESTCONTAINERS_HOST_OVERRIDE: '127.0.0.1',
  }
  if (dockerAnswers()) return { environment: settings, stop: () => removeContainers({}) }
  const own = await startOwnEngine()
  return { environment: { ...settings, DOCKER_HOST: own.host }, stop: own.stop }
}

async function startOwnEngine(): Promise<{ host: string; stop(): Promise<void> }> {
  const { docker } = await ensure(['docker'])
  // A short path: a socket's path may have 107 bytes.
  const folder = await mkdtemp(join(tmpdir(), 'samekey-docker-'))
  const host = `unix://${folder}/d.sock`
  const log = join(folder, 'log')
  await appendFile(log, '')
  const engine = startGuarded([
    // In its own view of the file systems: whatever the engine mounts is gone when it ends, and its folder can be removed.
    'unshare', '--mount', '--propagation', 'slave',
    docker, '-H', host, '--data-root', `${folder}/data`, '--exec-root', `${folder}/exec`, '-p', `${folder}/d.pid`,
    // The network of this machine is left alone: no firewall rules, no bridge. The containers share it (network mode host).
    '--iptables=false', '--ip6tables=false', '--ip-masq=false', '--ip-forward=false', '--ip', '127.0.0.1', '--bridge=none',
  ], { log, remove: folder })
  const environment = { DOCKER_HOST: host }
  const answers = async () => ((await execa('docker', ['info'], { env: environment, reject: false })).exitCode === 0 ? true as const : undefined)
  try {
    await until('the Docker engine answers', answers, { unless: engine.exited })
  } catch (error) {
    const messages = await readFile(log, 'utf8').catch(() => '')
    await engine.stop()
    throw new Error(`cannot start a Docker engine:\n${messages.split('\n').slice(-20).join('\n')}`, { cause: error })
  }
  return {
    host,
    async stop() {
      await removeContainers(environment)
      await engine.stop()
    },
  }
}

async function removeContainers(env: Record<string, string>): Promise<void> {
  const { stdout } = await execa('docker', ['ps', '-aq', '--filter', `label=${containerLabel}`], { env, reject: false })
  const ids = (stdout ?? '').split('\n').filter(Boolean)
  if (ids.length > 0) await execa('docker', ['rm', '-f', ...ids], { env, reject: false })
}
