// Holds the test stack itself to its promises, on every Nginx that samekey supports: without them no other
// integration test means anything.
import { writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sendRaw, sendRawAll } from '../support/raw_http.js'
import { showLogsOnFailure, startLocalStack, startStack, type Place, type Stack } from './stack.js'

const kinds = [
  { name: 'containers, bookworm', start: startStack, options: { suite: 'bookworm' }, version: /^1\.22\.1 0\.7\.9 undefined$/ },
  { name: 'containers, trixie', start: startStack, options: { suite: 'trixie' }, version: /^1\.26\.3 0\.8\.9 njs$/ },
  { name: 'containers, sid', start: startStack, options: { suite: 'sid' }, version: /^1\.\d+\.\d+ 1\.\d+\.\d+ njs$/ },
  { name: 'containers, sid with QuickJS', start: startStack, options: { suite: 'sid', engine: 'qjs' }, version: /^1\.\d+\.\d+ 1\.\d+\.\d+ QuickJS$/ },
  { name: 'processes, sid with QuickJS', start: startLocalStack, options: { suite: 'sid', engine: 'qjs' }, version: /^1\.\d+\.\d+ 1\.\d+\.\d+ QuickJS$/ },
  { name: 'processes, installed', start: startLocalStack, options: {}, version: /^1\.\d+\.\d+ \d+\.\d+\.\d+ / },
] as const

async function configure(place: Place, app: number): Promise<void> {
  await writeFile(join(place.folder, 'main.js'), 'export default { versions: function (r) { return r.variables.nginx_version + " " + njs.version + " " + njs.engine } }\n')
  await writeFile(join(place.folder, 'nginx.conf'), `
    load_module modules/ngx_http_js_module.so;
    error_log logs/error.log info;
    events {}
    http {
      ${place.engineDirective}
      access_log logs/access.log;
      client_body_temp_path temp; proxy_temp_path temp; fastcgi_temp_path temp; uwsgi_temp_path temp; scgi_temp_path temp;
      js_path ${place.folder};
      js_import main from main.js;
      js_set $versions main.versions;
      server {
        listen ${place.listen};
        location = /versions { return 200 $versions; }
        location / { set $memcached_key $uri; memcached_pass ${place.memcached[0]}; error_page 404 502 504 = @app; }
        location @app { proxy_pass http://127.0.0.1:${app}; }
      }
    }`)
}

/** Stores a value by memcached's text protocol. */
async function store(address: string, key: string, value: string): Promise<string> {
  const [host = '', port] = address.split(':')
  const socket = connect(Number(port), host)
  socket.write(`set ${key} 0 0 ${value.length}\r\n${value}\r\n`)
  const [answer] = await once(socket, 'data') as [Buffer]
  socket.destroy()
  return answer.toString()
}

describe.each(kinds)('$name', ({ start, options, version }) => {
  let app: Server
  let stack: Stack
  showLogsOnFailure(() => stack)

  beforeAll(async () => {
    app = createServer((request, response) => response.end(`app ${request.url}`)).listen(0, '127.0.0.1')
    await once(app, 'listening')
    stack = await start({ ...options, configure: (place) => configure(place, (app.address() as AddressInfo).port) })
  })
  afterAll(async () => {
    await stack?.stop()
    app.close()
  })

  test('runs the njs engine that was asked for', async () => {
    const { body } = await sendRaw(stack.port, 'GET /versions HTTP/1.1\r\nHost: h\r\n\r\n')
    expect(body.toString()).toMatch(version)
  })

  test('Nginx reaches memcached, and the app in this process', async () => {
    expect(await store(stack.memcached[0] as string, '/stored', 'from memcached')).toBe('STORED\r\n')
    const responses = await sendRawAll(stack.port, 'GET /stored HTTP/1.1\r\nHost: h\r\n\r\nHEAD /stored HTTP/1.1\r\nHost: h\r\n\r\nGET /other HTTP/1.1\r\nHost: h\r\n\r\n', ['GET', 'HEAD', 'GET'])
    expect(responses.map(({ status, body }) => [status, body.toString()])).toEqual([[200, 'from memcached'], [200, ''], [200, 'app /other']])
  })

  test('memcached can be stopped and started', async () => {
    await stack.stopMemcached()
    const without = await sendRaw(stack.port, 'GET /stored HTTP/1.1\r\nHost: h\r\n\r\n')
    expect(without.body.toString()).toBe('app /stored')
    expect(await stack.errorLog()).toContain('Connection refused')
    await stack.startMemcached()
    expect(await store(stack.memcached[0] as string, '/stored', 'again')).toBe('STORED\r\n')
    expect(await stack.accessLog()).toContain('GET /stored')
  })
})

test('a configuration that Nginx refuses is told at once, with its reason', async () => {
  const started = startStack({ memcacheds: 0, configure: (place) => writeFile(join(place.folder, 'nginx.conf'), 'nonsense;') })
  await expect(started).rejects.toThrow(/unknown directive "nonsense"/)
})
