// What the figures are held against: mostly CPU per request as a multiple of another subject's in the same round.
import { compare, type Ratio, type Samples } from './machine/rounds.js'
import type { Measured, Workloads } from './results.js'
import type { Crowded } from './workloads/crowd.js'
import { floorId } from './subjects/njs_floor.js'
import { caseId, PAGES } from './workloads/hot_page.js'

interface Target extends Pick<Measured, 'id' | 'what' | 'target' | 'stretch'> {
  /** Null where the workload was left out. */
  measure(workloads: Workloads): Ratio | number | null
  /** What bounds it from below, by the same measure: nothing that does its work at all can be better. */
  floor?(workloads: Workloads): number | null
}

const ENGINES = ['njs-0.7.9', 'njs-0.8.9', 'njs-latest', 'quickjs']
/** The engine beside which the peers run. */
const FIRST = 'njs-0.7.9'
const { plain, query, middle, large } = PAGES

function ratio(samples: Samples | undefined, own: string, other: string, of: 'workerCpu' | 'systemCpu' = 'workerCpu'): Ratio | null {
  return samples === undefined ? null : compare(samples, own, other, of)
}

const TARGETS: Target[] = [
  ...ENGINES.flatMap((engine): Target[] => [
    {
      id: `raw-plain-${engine}`, what: `raw hit, plain URL, against bare memcached_pass, ${engine}`, target: 1.3, stretch: 1.2,
      measure: ({ hotPage }) => ratio(hotPage, caseId(`raw ${engine}`, plain), caseId(`native ${engine}`, plain))
    },
    {
      id: `raw-query-${engine}`, what: `raw hit, six arguments to filter and sort, against bare memcached_pass, ${engine}`, target: 1.7, stretch: 1.45,
      measure: ({ hotPage }) => ratio(hotPage, caseId(`raw ${engine}`, query), caseId(`native ${engine}`, plain))
    },
    {
      id: `full-150k-${engine}`, what: `full hit, 150 KB, against bare memcached_pass, ${engine}`, target: 1.4, stretch: 1.25,
      measure: ({ hotPage }) => ratio(hotPage, caseId(`full ${engine}`, middle), caseId(`native ${engine}`, middle)),
      floor: ({ hotPage }) => least(['one', 'two'] as const, (items) => ratio(hotPage, caseId(floorId(engine, items), middle), caseId(`native ${engine}`, middle)))
    },
    {
      id: `full-900k-${engine}`, what: `full hit, 900 KB, against bare memcached_pass, ${engine}`, target: 1.25, stretch: 1.15,
      measure: ({ hotPage }) => ratio(hotPage, caseId(`full ${engine}`, large), caseId(`native ${engine}`, large))
    }
  ]),
  {
    id: 'full-12k-srcache', what: 'full hit, 12 KB, against srcache and memc', target: 1, stretch: 0.9,
    measure: ({ hotPage }) => ratio(hotPage, caseId(`full ${FIRST}`, plain), caseId('srcache', plain)),
    floor: ({ hotPage }) => ratio(hotPage, caseId(floorId(FIRST, 'one'), plain), caseId('srcache', plain))?.ratio ?? null
  },
  {
    id: 'front-proxy-cache', what: 'full with the front cache, hot page, against proxy_cache', target: 1.25, stretch: 1.1,
    measure: ({ hotPage }) => ratio(hotPage, caseId(`front ${FIRST}`, plain), caseId('proxy_cache', plain))
  },
  {
    id: 'front-varnish', what: 'full with the front cache, hot page, CPU of the whole system against Varnish', target: 1, stretch: null,
    measure: ({ hotPage }) => ratio(hotPage, caseId(`front ${FIRST}`, plain), caseId('Varnish', plain), 'systemCpu')
  },
  {
    id: 'quickjs-njs', what: 'QuickJS against the njs engine of the same Nginx, full hit, 12 KB', target: 1.5, stretch: 1.2,
    measure: ({ hotPage }) => ratio(hotPage, caseId('full quickjs', plain), caseId('full njs-latest', plain))
  },
  {
    id: 'replay-renders', what: 'replay: renders of the app against the best of proxy_cache, srcache and Varnish', target: 1 / 3, stretch: 1 / 5,
    measure: ({ replay }) => {
      const rendersOf = (name: string) => replay?.find(({ subject }) => subject === name)?.renders ?? Infinity
      return replay === undefined ? null : rendersOf('samekey') / Math.min(...['proxy_cache', 'srcache', 'Varnish'].map(rendersOf))
    }
  },
  ...[2000, 10_000].flatMap((visitors): Target[] => [
    {
      id: `crowd-renders-${visitors}`, what: `crowd of ${visitors} on a page that takes 1 s: renders`, target: 1, stretch: null,
      measure: ({ crowd }) => ofSamekey(crowd, visitors)?.renders ?? null
    },
    {
      id: `crowd-slowest-${visitors}`, what: `crowd of ${visitors} on a page that takes 1 s: seconds of the slowest visitor`, target: 2, stretch: null,
      measure: ({ crowd }) => { const own = ofSamekey(crowd, visitors); return own === undefined ? null : own.failed > 0 ? Infinity : own.slowest / 1000 }
    }
  ]),
  {
    id: 'memory-page', what: 'bytes in memcached for a page beyond its compressed body and its header', target: 200, stretch: null,
    measure: ({ memory }) => memory?.overhead ?? null
  },
  {
    id: 'writer-added', what: 'microseconds that the writer adds to the app\'s thread for a 12 KB page, not compressed', target: 50, stretch: null,
    measure: ({ writer }) => writer?.added ?? null,
    floor: ({ writer }) => writer?.floor ?? null
  },
  {
    id: 'writer-turn', what: 'milliseconds for which the writer holds the app\'s thread without a break, at any size', target: 1, stretch: null,
    measure: ({ writer }) => (writer === undefined ? null : Math.max(...writer.turns.map(({ added }) => added)))
  }
]

function least<Way>(ways: readonly Way[], measure: (way: Way) => Ratio | null): number | null {
  const found = ways.map(measure).filter((each) => each !== null)
  return found.length === 0 ? null : Math.min(...found.map(({ ratio }) => ratio))
}

function ofSamekey(crowded: Workloads['crowd'], visitors: number): Crowded | undefined {
  return crowded?.find((row) => row.subject === 'samekey' && row.visitors === visitors)
}

export function measureTargets(workloads: Workloads): Measured[] {
  return TARGETS.map(({ id, what, target, stretch, measure, floor }) => {
    const found = measure(workloads)
    const value = found === null || typeof found === 'number' ? found : found.ratio
    const spread: Measured['spread'] = found === null || typeof found === 'number' ? null : [found.low, found.high]
    return { id, what, value, target, stretch, met: value === null ? null : value <= target, spread, floor: floor?.(workloads) ?? null }
  })
}
