// node server.mjs, and in another terminal: npx samekey nginx --app 127.0.0.1:3000 … (README.md)
//
//   PORT=3000                          0 takes a free one
//   SAMEKEY_MEMCACHED=127.0.0.1:11211  several separated by ','

import { createApp } from './app.mjs'

const { app, cache, authors, articles } = createApp()
cache.on('purge', ({ by, asked, outcome }) => console.log(`purge by ${by}: ${JSON.stringify(asked)} ${outcome}`))
cache.on('error', ({ operation, error }) => console.log(`memcached ${operation}: ${error.message}`))

const ada = await authors.insert({ name: 'Ada' })
await articles.insert([{ title: 'Notes', authorId: ada.id }, { title: 'More notes', authorId: ada.id }])

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', (error) => {
  if (error) throw error
  console.log(`listening http://127.0.0.1:${server.address().port}/`)
})
// Longer than Nginx keeps a connection.
server.keepAliveTimeout = 75_000
