// A Docker engine for the container tests: the one that runs already, or else one of our own. Either way the containers
// of a run and its folder are gone when the run ends, however it ends.
import { appendFile, chmod, mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { execa } from 'execa'
import { dockerAnswers, ensure } from '../../scripts/system.js'
import { startGuarded, type Guarded } from './guarded.js'
import { until } from './until.js'

export interface TestRun {
  /** For this process and its children: makes docker and testcontainers use the engine, and stacks use the run's folder. */
  environment: Record<string, string>
  /** Ends the containers and removes the folder. */
  stop(): Promise<void>
}

/** The folder of this run, where stacks put theirs. Outside a run: the machine's folder for temporary files. */
export function runFolder(): string {
  return process.env.SAMEKEY_TEST_FOLDER ?? tmpdir()
}

/** Marks the containers of one run, so that they can be found and no others are touched. */
export function containerLabel(folder: string): Record<string, string> {
  return { 'samekey-test': basename(folder) }
}

export async function startTestRun({ containers }: { containers: boolean }): Promise<TestRun> {
  const docker = containers && !dockerAnswers() ? await findOwnEngine() : undefined
  // Short: the engine's socket is in it, and a socket's path may have 107 bytes.
  const folder = await mkdtemp(join(tmpdir(), 'samekey-test-'))
  // Nginx's workers are another user than root, and must get through.
  await chmod(folder, 0o711)
  const environment: Record<string, string> = {
    SAMEKEY_TEST_FOLDER: folder,
    // Ryuk, testcontainers' cleaner, is an image to pull. The guard does its work here.
    TESTCONTAINERS_RYUK_DISABLED: 'true',
    // Without this testcontainers looks for another address where a test machine is itself a container.
    TESTCONTAINERS_HOST_OVERRIDE: '127.0.0.1',
  }
  if (docker !== undefined) {
    const engine = await startOwnEngine(docker, folder, `unix://${folder}/d.sock`)
    return { environment: { ...environment, DOCKER_HOST: `unix://${folder}/d.sock` }, stop: engine.stop }
  }
  return { environment, stop: startKeeper(folder, containers).stop }
}

/** Waits for the end of the run, and then removes its containers from an engine that stays. */
function startKeeper(folder: string, containers: boolean): Guarded {
  const [[name, value] = []] = Object.entries(containerLabel(folder))
  const remove = containers ? `docker ps -aq --filter label=${name}=${value} | xargs -r docker rm -f;` : ''
  return startGuarded(['sh', '-c', `sleep infinity & trap '${remove} kill $!' TERM; wait`], { log: join(folder, 'log'), remove: folder })
}

async function findOwnEngine(): Promise<string> {
  if (process.getuid?.() !== 0) {
    throw new Error('no Docker engine answers, and only root can start one: start Docker (and be in the group docker), or set SAMEKEY_STACK=processes to test without containers')
  }
  return (await ensure(['docker'])).docker
}

async function startOwnEngine(docker: string, folder: string, host: string): Promise<Guarded> {
  const log = join(folder, 'log')
  await appendFile(log, '')
  const engine = startGuarded([
    // In its own view of the file systems: whatever the engine mounts is gone when it ends, and its folder can be removed.
    'unshare', '--mount', '--propagation', 'slave',
    docker, '-H', host, '--data-root', `${folder}/data`, '--exec-root', `${folder}/exec`, '-p', `${folder}/d.pid`,
    // The network of this machine is left alone: no firewall rules, no bridge. The containers share it (network mode host).
    '--iptables=false', '--ip6tables=false', '--ip-masq=false', '--ip-forward=false', '--bridge=none',
  ], { log, remove: folder })
  const answers = async () => ((await execa('docker', ['info'], { env: { DOCKER_HOST: host }, reject: false })).exitCode === 0 ? true as const : undefined)
  try {
    await until('the Docker engine answers', answers, { unless: engine.exited })
  } catch (error) {
    const messages = await readFile(log, 'utf8').catch(() => '')
    await engine.stop()
    throw new Error(`cannot start a Docker engine (SAMEKEY_STACK=processes tests without containers):\n${messages.split('\n').slice(-20).join('\n')}`, { cause: error })
  }
  return engine
}
