// Every Nginx takes the generated files without a warning: its tables of variables and maps are not crowded.
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { writeNginxFiles } from '../../nginx/generate.js'
import { loadPolicy } from '../../node-writer/policy/load.js'
import { inRootfs, rootfs, type Suite } from '../support/rootfs.js'

let directory = ''
beforeEach(async () => { directory = await mkdtemp(join(tmpdir(), 'nginx-conf-')) })
afterEach(() => rm(directory, { recursive: true, force: true }))

const suites: Suite[] = ['bookworm', 'trixie', 'sid']
const modes = ['full', 'raw'] as const

test.each(suites.flatMap((suite) => modes.map((mode) => ({ suite, mode }))))('$suite, $mode', async ({ suite, mode }) => {
  await mkdir(join(directory, 'logs'))
  writeNginxFiles(directory, {
    // What adds a variable or a map each.
    policy: loadPolicy({ mode, ignore: ['/admin'], hosts: ['example.org'], requestDirectives: mode === 'full', routes: [{ match: '/feed', ttl: 5, type: 'text/xml' }] }),
    directory, app: '127.0.0.1:1', memcached: ['127.0.0.1:2', '127.0.0.1:3'], showKeyTo: ['10.0.0.0/8'],
    modulePath: join(await rootfs(suite), 'usr/lib/nginx/modules/ngx_http_js_module.so')
  })
  const [program, ...args] = await inRootfs(suite, 'nginx') as [string, ...string[]]
  const { stderr } = await execa(program, [...args, '-t', '-p', directory, '-c', join(directory, 'nginx.conf')])
  expect(stderr.split('\n').filter((line) => /\[(?:warn|error|emerg)\]/.test(line))).toEqual([])
})
