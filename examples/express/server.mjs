// Starts the site: node server.mjs. Settings come from the environment, events go to standard output.
//
//   PORT=3000                          0 takes a free one
//   SAMEKEY_MEMCACHED=127.0.0.1:11211  several separated by ','
//   RENDER_MS=150                      what a render costs besides its own work

import { createApp } from './app.mjs'

const { app, cache } = createApp({ renderMs: Number(process.env.RENDER_MS ?? 150), log: console.log })

cache.on('stored', ({ url, ttlSeconds }) => console.log(`stored ${url} for ${ttlSeconds} s`))
cache.on('skipped', ({ url, reason, detail }) => console.log(`not stored ${url}: ${reason}${detail ? ` (${detail})` : ''}`))
cache.on('purge', ({ asked, outcome, deleted }) => console.log(`purge of ${JSON.stringify(asked)} ${outcome}, ${deleted} items deleted`))
cache.on('drift', ({ url, nginxKey, writerKey }) => console.log(`drift ${url}: Nginx has ${nginxKey}, the app has ${writerKey}`))
cache.on('dropped', ({ operation, key }) => console.log(`memcached is away, ${operation} of ${key} not tried`))
cache.on('error', ({ operation, error }) => console.log(`memcached ${operation}: ${error.message}`))

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', (error) => {
  if (error) throw error
  console.log(`listening http://127.0.0.1:${server.address().port}/`)
})
// Nginx keeps idle connections for 60 s: if Node closed them first, after its default of 5 s, a POST could meet a closed one.
server.keepAliveTimeout = 75_000

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    server.close()
    server.closeAllConnections()
    await cache.close()
  })
}
