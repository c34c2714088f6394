// Nginx as samekey generates it, and beside it two ways to see verdicts: what Nginx decided, and what the writer's side
// (readRequest and resolve behind Node's own HTTP parser) decides for the bytes that reach it.

import { writeFile } from 'node:fs/promises'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { freePort } from '../support/free_port.js'
import { generateNginxFiles } from '../../nginx/generate.js'
import { resolveRequest } from '../../node-writer/key.js'
import { readRequest } from '../../node-writer/node_request.js'
import type { LoadedPolicy } from '../../node-writer/policy/types.js'
import type { EngineId } from '../support/engines.js'
import { listens, until } from '../support/until.js'
import { startLocalStack, type Stack, type StackOptions } from './stack.js'

export interface VerdictStack {
  stack: Stack
  /** Nginx: looks nothing up, answers with its verdict in the field Verdict. */
  nginxPort: number
  /** Nginx: the whole generated way, with an empty memcached; a miss or bypass is answered by the Node side. */
  proxyPort: number
  /** The Node side, reached directly. */
  nodePort: number
  stop(): Promise<void>
}

// A site's nginx.conf may compile expressions (pcre_jit) or not: PCRE then reads them by other code.
const suites: Record<EngineId, StackOptions & { jit: 'on' | 'off' }> = {
  'njs-0.7.9': { suite: 'bookworm', jit: 'on' },
  'njs-0.8.9': { suite: 'trixie', jit: 'off' },
  'njs-latest': { suite: 'sid', jit: 'on' },
  quickjs: { suite: 'sid', engine: 'qjs', jit: 'off' }
}

/** What the field Verdict says after a fixed first word: reason, key, canonical host and target; the last two '' on a bypass. */
export interface SeenVerdict {
  bypass: string
  key: string
  host: string
  forward: string
}

export function parseVerdict(field: string): SeenVerdict {
  const [, bypass = '', key = '', host = '', forward = ''] = field.split(' ')
  return key === '' ? { bypass, key, host: '', forward: '' } : { bypass, key, host, forward }
}

export async function startVerdictStack(engine: EngineId, policy: LoadedPolicy): Promise<VerdictStack> {
  const node = await startNode(policy)
  const nodePort = (node.address() as AddressInfo).port
  const nginxPort = await freePort()
  try {
    const stack = await startLocalStack({
      ...suites[engine],
      configure: async ({ folder, listen, memcached, module }) => {
        const files = generateNginxFiles({ policy, directory: folder, app: `127.0.0.1:${nodePort}`, memcached, engine: suites[engine].engine ?? 'njs', modulePath: module })
        await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(folder, name), text)))
        await writeFile(join(folder, 'nginx.conf'), mainConf(module, folder, listen, nginxPort, suites[engine].jit))
      }
    })
    // The stack waits for its own port, and Nginx opens one after the other.
    await until(`Nginx on port ${nginxPort} is ready`, () => listens(nginxPort))
    return { stack, nginxPort, proxyPort: stack.port, nodePort, stop: () => stopBoth(stack, node) }
  } catch (error) {
    node.close()
    throw error
  }
}

function mainConf(module: string, folder: string, listen: string, verdictPort: number, jit: string): string {
  return `
    load_module ${module};
    pcre_jit ${jit};
    error_log logs/error.log error;
    events { worker_connections 1024; }
    http {
      include ${folder}/samekey.http.conf;
      access_log off;
      keepalive_requests 1000000;
      server {
        listen ${listen};
        include ${folder}/samekey.server.conf;
        location / { include ${folder}/samekey.location.conf; }
      }
      server {
        listen 127.0.0.1:${verdictPort};
        location / {
          add_header Verdict "samekey $samekey_bypass $samekey_key $samekey_host $samekey_forward";
          # '' where it took JavaScript.
          add_header Plain $samekey_plain;
          return 200 "";
        }
      }
    }`
}

async function startNode(policy: LoadedPolicy): Promise<Server> {
  const server = createServer((request, response) => {
    const verdict = resolveRequest(readRequest(request), policy)
    response.setHeader('Verdict', `samekey ${verdict.bypass} ${verdict.key} ${verdict.host} ${verdict.forward}`)
    // What Nginx said about the same request, for the way through it.
    const told = request.headers['x-samekey-key']
    if (typeof told === 'string') response.setHeader('Nginx-Key', told)
    response.setHeader('Content-Length', 0)
    response.end()
  })
  server.keepAliveTimeout = 60_000
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

async function stopBoth(stack: Stack, node: Server): Promise<void> {
  await stack.stop()
  node.closeAllConnections()
  node.close()
}
