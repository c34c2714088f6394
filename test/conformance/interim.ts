// What Nginx itself makes of an interim response (RFC 9110 §15.2), without anything of samekey: an origin that sends one
// and then the answer, `proxy_pass` in front of it, and the bytes that the client gets. npx tsx test/conformance/interim.ts

import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startChild } from '../../cli/child.js'
import { answers, claimPort, until } from '../../cli/ports.js'
import { suites } from '../support/rootfs.js'
import { programsOf } from '../support/programs.js'

const INTERIM = { 102: 'HTTP/1.1 102 Processing\r\n\r\n', 103: 'HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n' }
const FINAL = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfinal'

const origin = createServer((socket) => {
  socket.on('error', () => {})
  socket.once('data', (request) => socket.end(INTERIM[request.includes('/102') ? 102 : 103] + FINAL))
}).listen(0, '127.0.0.1')
await once(origin, 'listening')
const originPort = (origin.address() as AddressInfo).port

for (const debian of suites) {
  for (const directive of ['', 'early_hints 1;']) {
    const folder = mkdtempSync(join(tmpdir(), 'samekey-interim-'))
    try {
      const port = await claimPort('127.0.0.1', 0)
      mkdirSync(join(folder, 'temp'))
      const file = join(folder, 'nginx.conf')
      writeFileSync(file, `daemon off; master_process off; pid nginx.pid; error_log stderr; events {}
        http { log_format seen '$status, $body_bytes_sent bytes of body'; access_log seen.log seen; client_body_temp_path temp; proxy_temp_path temp; fastcgi_temp_path temp; uwsgi_temp_path temp; scgi_temp_path temp;
          server { listen 127.0.0.1:${port}; ${directive} location / { proxy_pass http://127.0.0.1:${originPort}; proxy_http_version 1.1; } } }`)
      const { nginx } = await programsOf(debian, folder)
      const child = startChild('nginx', nginx, ['-e', 'stderr', '-p', folder, '-c', file], { folder })
      const started = await until(() => answers('127.0.0.1', port), child.ended, 20_000)
      for (const status of started ? [102, 103] : []) console.log(`${debian}, ${directive || 'no directive'}: ${status} and then 200 become ${await ask(port, status)}`)
      if (!started) console.log(`${debian}, ${directive}: ${child.lastLines().at(0)?.replace(/ in .*/, '')}`)
      await child.stop()
      if (started) console.log(`${debian}, ${directive || 'no directive'}: in its log these answers are ${readFileSync(join(folder, 'seen.log'), 'utf8').trim().replace('\n', '; ')}`)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
}
origin.close()

/** All that comes until the answer's body is there; the connection stays open, as a browser's would. */
async function ask(port: number, status: number): Promise<string> {
  const socket = connect(port, '127.0.0.1', () => socket.write(`GET /${status} HTTP/1.1\r\nHost: a\r\n\r\n`))
  let text = ''
  for await (const chunk of socket) {
    text += chunk.toString('latin1')
    if (text.includes('final')) break
  }
  return JSON.stringify(text.replace(/(?:Server|Date|Connection): .*\r\n/g, ''))
}
