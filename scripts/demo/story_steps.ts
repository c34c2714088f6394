// The steps of the story, in the order in which a visitor, an editor and an outage would come by.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { until } from '../../test/support/until.js'
import { check } from './check.js'
import { type Answer, renderOf, visit, type Visit } from './client.js'
import { policyFile, type Site } from './site.js'

const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))

const MISS = 'samekey; fwd=uri-miss'
const HIT = 'samekey; hit'
const METHOD = 'samekey; fwd=method; detail=method'
const bypass = (reason: string) => `samekey; fwd=bypass; detail=${reason}`

export interface Step {
  title: string
  /** Says what it saw; throws a Difference when that is not what it should be. */
  run(): Promise<string>
}

export function stepsOf(site: Site): Step[] {
  /** What the first visitor got, for comparison. */
  let vega: Answer
  let session = ''
  const get = (path: string, options?: Visit) => visit(site.url, path, options)
  const asAda = (path: string, form?: Record<string, string>) => get(path, { headers: { Cookie: session }, ...(form ? { form } : {}) })

  /** Asks for a page that is not in the cache, and waits until the app has stored it. */
  async function miss(path: string, options?: Visit): Promise<Answer> {
    const before = storedPages(await site.appLog())
    const answer = await get(path, options)
    check('Cache-Status', answer.cache, MISS)
    check('status', answer.status, 200)
    await until(`${path} is stored`, async () => (storedPages(await site.appLog()) > before ? true : undefined), { timeoutMs: 5000 })
    return answer
  }

  /** Asks for a page that is in the cache; it must be the copy of this render. */
  async function hit(path: string, of: Answer, options?: Visit): Promise<Answer> {
    const answer = await get(path, options)
    check('Cache-Status', answer.cache, HIT)
    check('status', answer.status, of.status)
    check('the page', renderOf(answer), renderOf(of))
    check('Content-Type', answer.headers['content-type'], of.headers['content-type'])
    check('the body', answer.text, of.text)
    return answer
  }

  return [
    {
      title: 'A page that nobody has asked for comes from the app',
      async run() {
        vega = await miss('/stars/vega')
        return `GET /stars/vega: ${vega.cache}. ${renderOf(vega)}`
      }
    },
    {
      title: 'Asked again, Nginx answers out of memcached: the same bytes, the same headers',
      async run() {
        const again = await hit('/stars/vega', vega)
        for (const name of ['cache-control', 'content-security-policy', 'etag']) check(name, again.headers[name], vega.headers[name])
        return `GET /stars/vega: ${again.cache}, Age ${again.headers.age}. ${renderOf(again)}`
      }
    },
    {
      title: 'Tracking parameters are no part of the page',
      async run() {
        const path = '/stars/vega?utm_source=news&fbclid=Iw2-x'
        return `GET ${path}: ${(await hit(path, vega)).cache}`
      }
    },
    {
      title: 'The order of arguments does not matter',
      async run() {
        const first = await miss('/search?q=al&sort=name')
        const path = '/search?sort=name&q=al'
        return `GET ${path}: ${(await hit(path, first)).cache}`
      }
    },
    {
      title: 'Nor does another way to write the same characters',
      async run() {
        return `GET /stars/%76eg%61: ${(await hit('/stars/%76eg%61', vega)).cache}`
      }
    },
    {
      title: 'The order of the values of one argument does: two sortings are two pages',
      async run() {
        const colourFirst = await miss('/search?sort=hue&sort=name')
        const nameFirst = await miss('/search?sort=name&sort=hue')
        check('each sorting', [colourFirst, nameFirst].map((answer) => /by [a-z, ]*, page/.exec(answer.text)?.[0]).join(' | '), 'by hue, then by name, page | by name, then by hue, page')
        return 'GET /search?sort=hue&sort=name and ?sort=name&sort=hue: each its own'
      }
    },
    {
      title: 'HEAD is answered out of memcached too',
      async run() {
        const head = await get('/stars/vega', { method: 'HEAD' })
        check('Cache-Status', head.cache, HIT)
        check('bytes of the body', head.bytes.length, 0)
        check('Content-Type', head.headers['content-type'], vega.headers['content-type'])
        return `HEAD /stars/vega: ${head.cache}`
      }
    },
    {
      title: 'Clients that take gzip get it, others do not: one entry for both',
      async run() {
        const path = '/constellations'
        const page = await miss(path)
        const zipped = await get(path, { headers: { 'Accept-Encoding': 'gzip' } })
        check('Cache-Status', zipped.cache, HIT)
        check('Content-Encoding', zipped.headers['content-encoding'], 'gzip')
        check('the body, inflated', gunzipSync(zipped.bytes).toString(), page.text)
        const plain = await hit(path, page)
        check('Content-Encoding', plain.headers['content-encoding'], undefined)
        return `GET ${path}: ${zipped.bytes.length} bytes with gzip, ${plain.bytes.length} without`
      }
    },
    {
      title: 'A header that is no part of the key cannot poison the page for others',
      async run() {
        const headers = { 'X-Forwarded-Host': 'evil.example' }
        const direct = await visit(site.appUrl, '/stars/altair', { headers })
        check('the app on its own believes X-Forwarded-Host', direct.text.includes('evil.example'), true)
        const page = await miss('/stars/altair', { headers })
        check('evil.example in the page', page.text.includes('evil.example'), false)
        await hit('/stars/altair', page)
        return 'GET /stars/altair with X-Forwarded-Host: evil.example: the app never saw it'
      }
    },
    {
      title: 'Whoever signs in has a session',
      async run() {
        const answer = await get('/login', { form: { name: 'ada', password: 'lovelace' } })
        check('status', answer.status, 303)
        check('Cache-Status', answer.cache, METHOD)
        session = /session=[^;]+/.exec(String(answer.headers['set-cookie']))?.[0] ?? ''
        check('a session cookie came', session !== '', true)
        return `POST /login: ${answer.cache}`
      }
    },
    {
      title: 'With a session every page is its own, and is never stored',
      async run() {
        const own = await asAda('/stars/rigel')
        check('Cache-Status', own.cache, bypass('cookie'))
        check('greeted by name', own.text.includes('Hello Ada'), true)
        const next = await miss('/stars/rigel')
        check('the next visitor is greeted as Ada', next.text.includes('Ada'), false)
        await hit('/stars/rigel', next)
        await hit('/stars/vega', vega)
        return `GET /stars/rigel: ${own.cache}, “Hello Ada”; then without the cookie: ${next.cache}, no Ada`
      }
    },
    {
      title: 'What the policy ignores goes to the app',
      async run() {
        const stranger = await get('/admin')
        check('Cache-Status', stranger.cache, bypass('ignored'))
        check('status', stranger.status, 303)
        check('status for Ada', (await asAda('/admin')).status, 200)
        return `GET /admin: ${stranger.cache}`
      }
    },
    {
      title: 'An edit reaches the app whole, and purges its page and the front page',
      async run() {
        const front = await miss('/')
        await hit('/', front)
        // Long enough that Nginx keeps the body in a file.
        const note = `The ${'✦'.repeat(1800)} harp-star, 25 light years away & <once> the pole star.`
        const edit = await asAda('/admin/stars/vega', { note })
        check('status', edit.status, 303)
        check('Cache-Status', edit.cache, METHOD)
        vega = await miss('/stars/vega')
        const shown = note.replace('&', '&#38;').replace('<', '&#60;').replace('>', '&#62;')
        check('the new text on its page', vega.text.includes(shown), true)
        const frontAgain = await miss('/')
        check('the new text on the front page', frontAgain.text.includes(shown), true)
        await hit('/stars/vega', vega)
        await hit('/', frontAgain)
        return `POST /admin/stars/vega: both pages ${MISS} with the new text, then ${HIT}`
      }
    },
    {
      title: 'A visitor posts a form, and the page shows it at once',
      async run() {
        const text = 'From the bridge in Köln, 23:40 & clear'
        const post = await get('/stars/vega/sightings', { form: { text } })
        check('status', post.status, 303)
        vega = await miss('/stars/vega')
        check('the sighting is on the page', vega.text.includes(text.replace('&', '&#38;')), true)
        await hit('/stars/vega', vega)
        return `POST /stars/vega/sightings: ${post.cache}; the page: ${vega.cache}, then ${HIT}`
      }
    },
    {
      title: 'What is in memcached can be looked at',
      async run() {
        const url = `${site.url}/stars/vega`
        const { stdout } = await promisify(execFile)(process.execPath, [cli, 'get', '--body', url, '--policy', policyFile, '--memcached', site.memcached])
        check('the body', stdout, vega.text)
        return `samekey get --body ${url}: ${Buffer.byteLength(stdout)} bytes, the page as it was rendered`
      }
    },
    {
      title: 'The app is stopped: pages in the cache are still served, others are a 502',
      async run() {
        await site.app.stop()
        const page = await hit('/stars/vega', vega)
        const other = await get('/stars/deneb')
        check('status of a page that is not in the cache', other.status, 502)
        return `GET /stars/vega: ${page.cache}; GET /stars/deneb: ${other.status}, ${other.cache}`
      }
    },
    {
      title: 'The app is back: all is served again',
      async run() {
        await site.app.start()
        const page = await miss('/stars/deneb')
        await hit('/stars/deneb', page)
        return `GET /stars/deneb: ${page.cache}, then ${HIT}`
      }
    },
    {
      title: 'memcached is stopped: the app answers everything',
      async run() {
        await site.cache.stop()
        for (const path of ['/stars/vega', '/stars/deneb', '/search?q=al&sort=name']) {
          const answer = await get(path)
          check(`status of ${path}`, answer.status, 200)
          check('Cache-Status', answer.cache, `${MISS}; detail=memcached-502`)
          check('it is a page of the site', renderOf(answer) !== '', true)
        }
        return `GET /stars/vega, /stars/deneb, /search?q=al&sort=name: 200, ${MISS}`
      }
    },
    {
      title: 'memcached is back, empty: pages are stored again',
      async run() {
        await site.cache.start()
        const answer = await until('a hit', async () => {
          const page = await get('/stars/vega')
          check('status', page.status, 200)
          return page.cache === HIT ? page : undefined
        })
        return `GET /stars/vega: ${answer.cache}. ${renderOf(answer)}`
      }
    }
  ]
}

function storedPages(appLog: string): number {
  return appLog.split('\n').filter((line) => line.startsWith('stored ')).length
}
