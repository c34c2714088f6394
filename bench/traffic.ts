// The visitors of a site, as bench/traffic.md describes them: the same for a seed, whoever asks.
import { seeded, type Random } from '../test/fuzz/random.js'

export interface Visit {
  method: 'GET' | 'HEAD'
  target: string
  /** '' where the visitor has none. */
  cookie: string
  agent: string
}

export interface TrafficOptions {
  requests: number
  pages: number
  seed: number
}

/** The proportions; traffic.md says where each comes from. */
export const SHARES = {
  /** Of all requests. */
  bots: 0.3,
  monitors: 0.01,
  /** Of people. */
  fromOutside: 0.35,
  loggedIn: 0.04,
  analyticsCookies: 0.6,
  /** Of those who come from outside: a click id of their own, the rest one of the campaigns. */
  clickIds: 0.7,
  /** Of pages: lists and searches that take arguments; of visits to them, those whose arguments come in another order. */
  withArguments: 0.3,
  otherOrder: 0.25,
  /** Of bots. */
  headOfBots: 0.03,
  linkWithTracker: 0.1
}

/** Breslau et al. 1999 found 0.64 to 0.83 in six traces. */
const ZIPF_EXPONENT = 0.8
const CAMPAIGNS = 40

export function traffic({ requests, pages, seed }: TrafficOptions): Visit[] {
  const random = seeded(seed)
  const popular = zipf(pages, ZIPF_EXPONENT)
  return Array.from({ length: requests }, () => {
    if (random.chance(SHARES.monitors)) return { method: 'HEAD', target: '/pages/0', cookie: '', agent: 'monitor/1.0' }
    if (random.chance(SHARES.bots)) return bot(random, popular, pages)
    return person(random, popular)
  })
}

/** Half of what bots fetch is popular, half is everything there is. */
function bot(random: Random, popular: Pick, pages: number): Visit {
  const page = random.chance(0.5) ? popular(random) : random.below(pages)
  const tracker = random.chance(SHARES.linkWithTracker) ? campaign(random) : []
  return { method: random.chance(SHARES.headOfBots) ? 'HEAD' : 'GET', target: link(random, page, tracker), cookie: '', agent: 'Mozilla/5.0 (compatible; bot/2.1)' }
}

function person(random: Random, popular: Pick): Visit {
  const cookies: string[] = []
  if (random.chance(SHARES.analyticsCookies)) cookies.push(`_ga=GA1.1.${random.below(2 ** 31)}.${random.below(2 ** 31)}`)
  if (random.chance(SHARES.loggedIn)) cookies.push(`sessionid=${random.below(2 ** 31).toString(36)}`)
  const tracker = !random.chance(SHARES.fromOutside) ? [] : random.chance(SHARES.clickIds) ? clickId(random) : campaign(random)
  return { method: 'GET', target: link(random, popular(random), tracker), cookie: cookies.join('; '), agent: 'Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0' }
}

function clickId(random: Random): string[] {
  const id = random.below(2 ** 31).toString(36) + random.below(2 ** 31).toString(36)
  return random.chance(0.5) ? [`fbclid=IwAR${id}`] : [`gclid=Cj0${id}`]
}

function campaign(random: Random): string[] {
  const number = random.below(CAMPAIGNS)
  return [`utm_source=${['newsletter', 'mastodon', 'partner', 'search'][number % 4]}`, 'utm_medium=link', `utm_campaign=week-${number}`]
}

function link(random: Random, page: number, tracker: string[]): string {
  const own = argumentsOf(page)
  const query = [...(own.length > 1 && random.chance(SHARES.otherOrder) ? [...own].reverse() : own), ...tracker]
  return `/pages/${page}${query.length === 0 ? '' : `?${query.join('&')}`}`
}

/** A page always has the same arguments: another list is another page. */
function argumentsOf(page: number): string[] {
  const random = seeded(page)
  if (!random.chance(SHARES.withArguments)) return []
  return ['page=2', 'sort=name', 'q=orion', 'hue=red'].slice(0, 1 + random.below(4))
}

/** Gives one page's number. */
export type Pick = (random: Random) => number

/** Numbers from 0 to below `count`, each as often as its rank to the power of -exponent. */
export function zipf(count: number, exponent: number): Pick {
  const sums = new Float64Array(count)
  let sum = 0
  for (let rank = 0; rank < count; rank++) sums[rank] = sum += (rank + 1) ** -exponent
  return (random) => {
    const wanted = (random.below(2 ** 32) / 2 ** 32) * sum
    let low = 0
    let high = count - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((sums[middle] as number) <= wanted) low = middle + 1
      else high = middle
    }
    return low
  }
}
