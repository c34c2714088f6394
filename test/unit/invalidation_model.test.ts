// The protocol's promise in every state that can be reached, and what breaks it when a part of the protocol is left out.
// Larger searches: npx tsx test/model/main.ts
import { describe, expect, test } from 'vitest'
import { protocol, PROTOCOL, type Rules, type Size } from '../model/protocol.js'
import { search } from '../model/search.js'

// Nginx nodes only look, so one is as good as any number; the row with two is there to show it.
describe('no response whose render began before a purge is served once its bound has passed', () => {
  test.each<Size>([
    { processes: 3, nodes: 1, purges: ['url'] },
    { processes: 3, nodes: 1, purges: ['tag'] },
    { processes: 3, nodes: 1, purges: ['all'] },
    { processes: 2, nodes: 2, purges: ['all'] },
    { processes: 2, nodes: 1, purges: ['url', 'tag'] },
    { processes: 2, nodes: 1, purges: ['url', 'url'] },
    { processes: 1, nodes: 1, purges: ['tag', 'all'] }
  ])('$processes apps, $nodes Nginx, purges of $purges', (size) => {
    const { violation, trace, states } = search(protocol(size))
    expect({ violation, trace }).toEqual({ violation: '', trace: [] })
    // A search that stops at once proves nothing.
    expect(states).toBeGreaterThan(100)
  }, 60_000)
})

interface Mutation { without: keyof Rules; size: Size; because: string; trace: string[] }

const render = ['app 1 reads the clock', 'app 1 claims', 'app 1 begins to render']
const banTag = ['a purge of the tag reads the list', 'a purge of the tag writes the list']
const late = ['time passes', 'Nginx 1 fetches the list', 'time passes']
const url: Size = { processes: 2, nodes: 1, purges: ['url'] }
const tag: Size = { processes: 2, nodes: 1, purges: ['tag'] }

const mutations: Mutation[] = [
  {
    without: 'newEpoch', size: tag, because: 'the list that was made again counts from 0, and has no ban on the old page',
    trace: [...render, ...banTag, 'memcached evicts the list', 'app 2 reads the clock', 'app 1 stores', ...late]
  },
  {
    without: 'clockBeforeRender', size: tag, because: 'the page has the clock of after the purge and the data of before it',
    trace: [...render, ...banTag, 'app 1 reads the clock', 'app 1 stores', ...late]
  },
  {
    without: 'claimBeforeRender', size: url, because: 'the claim is made on what the purge left, and so does not notice the purge',
    trace: [...render, 'a purge deletes the item', 'app 1 looks at the item', 'app 1 stores', 'Nginx 1 fetches the list']
  },
  {
    without: 'storeByCas', size: url, because: 'delete, then set',
    trace: [...render, 'a purge deletes the item', 'app 1 stores', 'Nginx 1 fetches the list']
  },
  {
    without: 'claimWhereAbsent', size: url, because: 'add cannot tell "still nothing" from "purged"',
    trace: [...render, 'a purge deletes the item', 'app 1 stores', 'Nginx 1 fetches the list']
  },
  {
    without: 'noSecondTry', size: url, because: 'the second try is made on what the purge left',
    trace: [...render, 'a purge deletes the item', 'app 1 claims again', 'app 1 stores', 'Nginx 1 fetches the list']
  },
  {
    without: 'sameConnection', size: url, because: 'a memcached that starts anew counts its CAS from 1, and the old number names another item',
    trace: [...render, 'a purge deletes the item', 'Nginx 1 fetches the list', 'the memcached of the item starts anew', 'app 2 claims', 'app 1 stores']
  },
  {
    without: 'listByCas', size: { processes: 1, nodes: 1, purges: ['tag', 'all'] }, because: 'of two purges at once one overwrites the other, and its counter comes twice',
    trace: [
      'a purge of the tag reads the list', 'a purge of everything reads the list', 'a purge of the tag writes the list', ...render, 'app 1 stores',
      'a purge of everything writes the list', ...late
    ]
  },
  {
    without: 'raiseBase', size: tag, because: 'the ban is forgotten before the page is gone',
    trace: [...render, 'app 1 stores', ...banTag, 'a writer lets the bans go', ...late]
  },
  {
    without: 'staleWithoutList', size: tag, because: 'no list is taken for no bans',
    trace: [...render, 'app 1 stores', ...banTag, 'memcached evicts the list', ...late]
  },
  {
    without: 'copyExpires', size: tag, because: 'Nginx keeps a list without the ban',
    trace: [...render, 'app 1 stores', 'a purge of the tag reads the list', 'Nginx 1 fetches the list', 'a purge of the tag writes the list', 'time passes', 'time passes']
  },
  {
    without: 'noTombstones', size: url, because: 'the tombstone is evicted before the writer adds, and Nginx has a list from before the ban',
    trace: [
      ...render, 'app 1 looks at the item', 'app 1 looks at the list', 'a purge of the URL reads the list', 'Nginx 1 fetches the list',
      'a purge of the URL writes the list', 'a purge puts a tombstone in the place of the item', 'memcached evicts the item', 'app 1 stores'
    ]
  }
]

describe('every part of the protocol is needed', () => {
  test.each(mutations)('without $without: $because', ({ without, size, trace }) => {
    const found = search(protocol(size, { ...PROTOCOL, [without]: false }))
    expect(found.violation).toMatch(/^Nginx 1 serves a page whose render began before the purge of /)
    // The shortest way there, step by step.
    expect(found.trace).toEqual(trace)
  }, 60_000)
})
