// The demo as a person sees it: the addresses to try, then a line for each request that Nginx answered.
import { type AccessRecord, outcome } from '../../cli/access_log.js'
import { printable } from '../../cli/io.js'
import { paint } from './paint.js'
import type { Site } from './site.js'

const tries = [
  ['/', 'reload it: the footer stays the same, the app is not asked'],
  ['/stars/vega?utm_source=news', 'the page of /stars/vega: tracking parameters are no part of it'],
  ['/search?sort=name&q=al', 'and /search?q=al&sort=name are one page'],
  ['/login', 'ada, lovelace: from then on every page is yours alone'],
  ['/admin/stars/vega', 'edit it: its page and the front page are rendered anew']
] as const

export function showAddresses(site: Site): void {
  console.log(`\nThe example site is behind Nginx at ${paint('bold', site.url)} Try:\n`)
  for (const [path, what] of tries) console.log(`  ${site.url}${path}\n      ${paint('dim', what)}`)
  console.log(`
What memcached has of a page (add --body for the page itself):
  npm run -s samekey -- get ${site.url}/ --policy examples/express/samekey.json --memcached ${site.memcached}

Ctrl-C ends it all.
`)
}

/** Prints a record of Nginx's access log, and how many renders were not needed so far. */
export function requestPrinter(): (record: AccessRecord) => void {
  let avoided = 0
  return (record) => {
    const result = outcome(record)
    // The style sheet is a file: nothing is rendered for it.
    if (result === 'HIT' && !/\.(?:css|svg)(?:\?|$)/.test(record.uri)) avoided++
    const text = paint(result === 'HIT' ? 'green' : result === 'MISS' ? 'yellow' : 'cyan', `${result.toLowerCase()} ${record.bypass}`.padEnd(22))
    const milliseconds = `${Math.round(record.seconds * 1000)} ms`.padStart(7)
    console.log(`${record.time.slice(11, 19)}  ${text} ${milliseconds}  renders avoided ${String(avoided).padStart(4)}  ${record.status} ${printable(`${record.method} ${record.uri}`)}`)
  }
}
