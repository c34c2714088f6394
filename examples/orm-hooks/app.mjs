// The site: each page says of what it is made, and no handler has to know which pages an edit changes.

import express from 'express'
import { pageCache } from 'samekey'
import { createModels } from './models.mjs'
import { purgeAfterCommit } from './purge_after_commit.mjs'

const SHARED = 'public, max-age=0, s-maxage=3600'

/** `options` are those of pageCache. */
export function createApp(options = {}) {
  const app = express()
  const cache = pageCache({ prefix: 'orm', ignore: ['/admin/'] }, options)
  const { changed, transaction } = purgeAfterCommit(cache)
  const { authors, articles } = createModels(changed)
  app.disable('x-powered-by')
  app.use(cache)

  app.get('/', async (req, res) => {
    const all = await articles.find({ orderBy: { id: 'asc' } })
    page(res.samekeyTags('articles'), all.map(({ id, title }) => `<li><a href="/articles/${id}">${escape(title)}</a>`).join('\n'))
  })
  app.get('/articles/:id', async (req, res, next) => {
    const article = await articles.findId(Number(req.params.id))
    if (!article) return next()
    const author = await authors.findId(article.authorId)
    page(res.samekeyTags(`article:${article.id}`, `author:${article.authorId}`), `<h1>${escape(article.title)}</h1><p>by ${escape(author.name)}`)
  })

  // Two rows or none; when the answer comes, no Nginx serves the old pages a second later.
  app.post('/admin/articles/:id', express.urlencoded({ extended: false }), async (req, res) => {
    const { title, author: name } = req.body
    await transaction(async () => {
      const { authorId } = await articles.update(Number(req.params.id), { title })
      if (name !== undefined) await authors.update(authorId, { name })
    })
    res.redirect(303, `/articles/${req.params.id}`)
  })
  return { app, cache, authors, articles, transaction }
}

function page(res, body) {
  res.set('Cache-Control', SHARED).send(`<!doctype html>${body}\n`)
}

function escape(text) {
  return String(text).replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`)
}
