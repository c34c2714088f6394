// A page is written where Nginx looks for it: real Nginx with `hash … consistent`, real memcached, the writer's ring.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Store } from '../../node-writer/store.js'
import { sendRaw } from '../support/raw_http.js'
import { startLocalStack, showLogsOnFailure, type Stack } from './stack.js'

const weights = [1, 3, 2]
let stack: Stack
let store: Store
/** Each server alone, to see where a value really is. */
let singles: Store[]

beforeAll(async () => {
  stack = await startLocalStack({
    memcacheds: weights.length,
    configure: ({ folder, listen, memcached }) => writeFile(join(folder, 'nginx.conf'), `
      worker_processes 1;
      events { worker_connections 64; }
      http {
        access_log off;
        upstream ring {
          hash $memcached_key consistent;
          ${memcached.map((server, i) => `server ${server} weight=${weights[i]};`).join('\n')}
        }
        server {
          listen ${listen};
          location / { set $memcached_key $request_uri; default_type text/plain; memcached_next_upstream off; memcached_pass ring; }
        }
      }`),
  })
  const servers = stack.memcached.map((server, i) => `${server}=${weights[i]}`)
  store = new Store({ memcached: servers.join(',') })
  singles = stack.memcached.map((server) => new Store({ memcached: server }))
})
afterAll(async () => {
  store?.close()
  for (const single of singles ?? []) single.close()
  await stack?.stop()
})
showLogsOnFailure(() => stack)

test('500 keys: stored on the predicted server only, and Nginx finds each', async () => {
  const keys = Array.from({ length: 500 }, (_, i) => `/page/${i}${'~'.repeat(i % 7)}`)
  await Promise.all(keys.map((key) => store.set(key, Buffer.from(`body of ${key}`), { ttlSeconds: 600 })))

  const used = new Map<string, number>()
  for (const key of keys) {
    const predicted = store.serverOf(key)
    used.set(predicted, (used.get(predicted) ?? 0) + 1)
    const found = await Promise.all(singles.map((single) => single.get(key)))
    expect(stack.memcached.filter((_, i) => found[i] !== null), key).toEqual([predicted])
    const response = await sendRaw(stack.port, `GET ${key} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    expect([response.status, response.body.toString()], key).toEqual([200, `body of ${key}`])
  }
  // All take part, or the prediction would be worth nothing.
  expect([...used.keys()].sort()).toEqual([...stack.memcached].sort())
})
