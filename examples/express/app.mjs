// The site and its page cache. What samekey needs of an app: one app.use(), a Cache-Control on pages that everybody may
// share, and a purge where something is edited.

import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import express from 'express'
import { pageCache, PurgeError } from 'samekey'
import * as pages from './pages.mjs'
import { createSessions } from './sessions.mjs'
import { findConstellation, findStar, searchStars } from './stars.mjs'

const file = (name) => fileURLToPath(new URL(name, import.meta.url))

/** How long Nginx may serve a page; browsers ask again each time, so that what you see is what Nginx has. */
const SHARED = 'public, max-age=0, s-maxage=600'

/** memcached: 'host:port,…'; renderMs: what a render costs besides its own work, as queries would; log: told of every render. */
export function createApp({ memcached, renderMs = 150, log = () => {} } = {}) {
  const app = express()
  const cache = pageCache(file('samekey.json'), memcached === undefined ? {} : { memcached })
  const sessions = createSessions()
  let renders = 0

  app.disable('x-powered-by')
  // Nginx is in front: its X-Forwarded-Proto is believed.
  app.set('trust proxy', 'loopback')
  app.use(cache)
  app.use(express.static(file('public'), { setHeaders: (res) => res.set('Cache-Control', SHARED) }))
  app.use(express.urlencoded({ extended: false, limit: '100kb' }))
  app.use(securityHeaders)
  app.use(sessions.read)

  /** Sends a page: shared by all visitors, or one visitor's own when there is a session. */
  async function render(req, res, page, status = 200) {
    const start = performance.now()
    await sleep(renderMs)
    const { title, body } = page()
    const url = `${req.protocol}://${req.host}${req.originalUrl}`
    res.status(status)
    res.set('Cache-Control', req.user || status !== 200 ? 'private, no-store' : SHARED)
    log(`render ${++renders}: ${req.originalUrl}`)
    res.send(pages.layout({ title, body, url, user: req.user, ms: performance.now() - start, at: new Date(), number: renders }))
  }

  // ------------------------------------------------------------------------------------------------- public pages

  app.get('/', (req, res) => render(req, res, () => pages.front()))
  app.get('/constellations', (req, res) => render(req, res, () => pages.constellations()))
  app.get('/search', (req, res) => render(req, res, () => pages.search(searchStars(req.query))))

  app.get('/constellations/:slug', (req, res, next) => {
    const constellation = findConstellation(req.params.slug)
    return constellation ? render(req, res, () => pages.constellation(constellation)) : next()
  })

  app.get('/stars/:slug', (req, res, next) => {
    const star = findStar(req.params.slug)
    return star ? render(req, res, () => pages.star(star)) : next()
  })

  // A visitor adds a line to a star's page, so that page is rendered anew.
  app.post('/stars/:slug/sightings', async (req, res, next) => {
    const star = findStar(req.params.slug)
    if (!star) return next()
    const text = String(req.body?.text ?? '').trim().slice(0, 200)
    if (text !== '') star.sightings.unshift({ text, at: new Date() })
    await purge(req, [`/stars/${star.slug}`])
    res.redirect(303, `/stars/${star.slug}`)
  })

  // ------------------------------------------------------------------------------------------------------ sessions

  app.get('/login', (req, res) => render(req, res, () => pages.login()))
  app.post('/login', (req, res) => {
    if (sessions.start(req, res)) return res.redirect(303, '/')
    return render(req, res, () => pages.login('That is not the name and the password on the sign.'), 401)
  })
  app.post('/logout', (req, res) => {
    sessions.end(req, res)
    res.redirect(303, '/')
  })

  // --------------------------------------------------------------------------------------------------------- admin

  app.use('/admin', sessions.require)
  app.get('/admin', (req, res) => render(req, res, () => pages.admin()))
  app.get('/admin/stars/:slug', (req, res, next) => {
    const star = findStar(req.params.slug)
    return star ? render(req, res, () => pages.edit(star)) : next()
  })

  // An edit shows on the star's own page and on the front page; both are gone from the cache before the answer.
  app.post('/admin/stars/:slug', async (req, res, next) => {
    const star = findStar(req.params.slug)
    if (!star) return next()
    star.note = String(req.body?.note ?? '').trim().slice(0, 2000)
    await purge(req, [`/stars/${star.slug}`, '/'])
    res.redirect(303, `/stars/${star.slug}`)
  })

  /** By the Host of the request: req.host would believe X-Forwarded-Host, and no page has such a key. */
  function purge(req, paths) {
    return cache.purge(paths.map((path) => `${req.protocol}://${req.get('host')}${path}`))
  }

  app.use((req, res) => render(req, res, () => pages.notFound(), 404))
  // Express hands over what a handler rejects with. The edit is done; only the cache has not confirmed its part.
  app.use((error, req, res, next) => (error instanceof PurgeError ? render(req, res, () => pages.notPurged(error), 503) : next(error)))
  return { app, cache }
}

function securityHeaders(req, res, next) {
  res.set('Content-Security-Policy', "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
  res.set('X-Content-Type-Options', 'nosniff')
  res.set('Referrer-Policy', 'same-origin')
  next()
}
