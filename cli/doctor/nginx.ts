// The Nginx of this machine: found, new enough, and running what samekey generates from this policy, in a folder of its
// own and on a socket in it, so that nothing that is running is touched.

import { rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { writeNginxFiles } from '../../nginx/generate.js'
import type { LoadedPolicy } from '../../node-writer/policy/types.js'
import { startChild } from '../child.js'
import { CliError } from '../io.js'
import { until } from '../ports.js'
import type { Programs } from '../programs.js'
import { makeFolder } from '../stack.js'
import { type Checks, fail, isAtLeast, ok, warn } from './check.js'
import { type Answer, checkServed } from './served.js'

const ELSEWHERE = 'run the doctor where Nginx runs, or install it here'

/** `find` throws a CliError that names what is missing, as findPrograms does. */
export async function* checkNginx(find: () => Programs, policy: LoadedPolicy, memcached: string): Checks {
  let programs: Programs
  try {
    programs = find()
  } catch (error) {
    if (!(error instanceof CliError)) throw error
    const isMissing = /not found: nginx/.test(error.message)
    const todo = error.message.replace(/^not found: [^.]*\. */, '').replace(/\n */g, ' ')
    yield isMissing ? warn('nginx-found', null, 'Nginx is not on this machine; nothing more is looked at here', `${ELSEWHERE}. ${todo}`) : fail('njs-found', null, "Nginx's JavaScript module (njs) is not there", todo)
    return
  }
  yield ok('nginx-found', null, programs.nginx)
  const version = /nginx\/([0-9.]+)/.exec(spawnSync(programs.nginx, ['-v'], { encoding: 'utf8' }).stderr)?.[1] ?? '0'
  yield isAtLeast(version, '1.22') ? ok('nginx-version', null, version) : fail('nginx-version', null, `${version}, tested from 1.22`, 'update Nginx')
  yield ok('njs-found', null, programs.njsModule ?? 'built in')
  yield* checkRun(programs, policy, memcached)
}

const START_MS = 10_000

async function* checkRun(programs: Programs, policy: LoadedPolicy, memcached: string): Checks {
  const folder = makeFolder()
  const socket = join(folder, 'listen')
  try {
    writeNginxFiles(folder, { policy, directory: folder, app: 'unix:/nowhere', memcached: memcached.split(','), listen: `unix:${socket}`, modulePath: programs.njsModule, accessLog: 'off', errorLog: 'stderr' })
    writeFileSync(join(folder, 'doctor.js'), 'export default { version: (r) => r.return(200, njs.version) };\n')
    writeFileSync(join(folder, 'doctor.conf'), configuration(folder, socket, programs))
    const nginx = startChild('nginx', programs.nginx, ['-e', 'stderr', '-p', folder, '-c', join(folder, 'doctor.conf')], { folder })
    try {
      let version = ''
      const runs = await until(async () => (version = (await ask(socket, '/.doctor/version')).body) !== '', nginx.ended, START_MS)
      if (!runs) {
        const line = nginx.lastLines().find((each) => /\[emerg\]/.test(each)) ?? nginx.lastLines().at(-1) ?? 'no answer'
        yield fail('nginx-accepts', null, `it does not start with the generated files: ${line.replace(/^.*\[emerg\] [0-9#]+: /, '')}`, 'the line says what it does not take; is the njs module the one built for this Nginx?')
        return
      }
      if (!isAtLeast(version, '0.7.9')) {
        yield fail('njs-version', null, `${version}, needed is 0.7.9; nothing more is looked at here`, 'update the module, and Nginx with it')
        return
      }
      yield ok('njs-version', null, version)
      yield ok('nginx-accepts', null, 'it starts with the files that this policy makes')
      yield* checkServed((path, host) => ask(socket, path, host), policy, memcached)
    } finally {
      await nginx.stop()
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function configuration(folder: string, socket: string, { njsModule }: Programs): string {
  return `${njsModule === null ? '' : `load_module ${njsModule};\n`}worker_processes 1;
daemon off;
pid nginx.pid;
error_log stderr warn;
events { }
http {
    client_body_temp_path client_body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    access_log off;
    include ${folder}/samekey.http.conf;
    js_import doctor from doctor.js;
    server {
        listen unix:${socket};
        include ${folder}/samekey.server.conf;
        location = /.doctor/version { js_content doctor.version; }
        location / { include ${folder}/samekey.location.conf; }
    }
}
`
}

function ask(socketPath: string, path: string, host = 'localhost'): Promise<Answer> {
  return new Promise((resolve) => {
    const nothing = { body: '', cacheStatus: '' }
    const req = request({ socketPath, path, headers: { Host: host }, agent: false, timeout: 5000 }, (res) => {
      let body = ''
      res.on('data', (chunk: Buffer) => (body += chunk.toString()))
      res.on('error', () => resolve(nothing))
      res.on('end', () => resolve({ body, cacheStatus: String(res.headers['cache-status'] ?? '') }))
    })
    req.on('timeout', () => req.destroy())
    req.on('error', () => resolve(nothing))
    req.end()
  })
}
