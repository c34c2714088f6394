// One app process for the lease tests: renders pages, and stores them as the writer would. Told what to do by its parent.
import { setTimeout as pause } from 'node:timers/promises'
import { Claims } from '../../node-writer/invalidation/claim.js'
import { Leases, type LeaseOptions } from '../../node-writer/invalidation/lease.js'
import { connectItems } from './invalidation_items.js'

/** How a render ends. 'hangs': never, while its process lives on. */
export type Ending = 'stored' | 'fails' | 'uncacheable' | 'hangs'

export interface Start {
  memcached: string
  lease: LeaseOptions
}

export interface Crowd {
  key: string
  /** Visitors that come at once. */
  visitors: number
  renderMs: number
  ending: Ending
}

/** What became of the visitors of one crowd, in the order in which they were answered. */
export interface Answer {
  way: 'led' | 'stored' | 'rendered'
  afterMs: number
}

/** To the parent: 'ready', then 'rendering' at each begin of a render, then the answers to a crowd, by its number. */
export type Message = 'ready' | 'rendering' | { crowd: number; answers: Answer[] }

const say = (message: Message) => { process.send?.(message) }

process.once('message', ({ memcached, lease }: Start) => {
  const items = connectItems(memcached)
  const leases = new Leases(items.atomic, lease)
  const claims = new Claims(items.atomic, 60)
  let crowds = 0
  process.on('message', (crowd: Crowd) => {
    const number = crowds++
    void Promise.all(Array.from({ length: crowd.visitors }, () => visit(crowd))).then((answers) => say({ crowd: number, answers }))
  })
  say('ready')

  const isStored = async (key: string) => (await items.atomic.get(key))?.value.toString() === 'page'

  /** As the middleware is to do it. */
  async function visit({ key, renderMs, ending }: Crowd): Promise<Answer> {
    const came = performance.now()
    const answer = (way: Answer['way']): Answer => ({ way, afterMs: performance.now() - came })
    let claiming: ReturnType<Claims['begin']> | undefined
    const turn = await leases.turn(key, () => isStored(key), undefined, () => { claiming = claims.begin(key) })
    if (turn === 'stored') return answer('stored')
    if (turn === 'render') {
      say('rendering')
      if (ending !== 'hangs') await pause(renderMs)
      return answer('rendered')
    }
    const claim = (await claiming) ?? null
    if (claim?.found?.toString() === 'page') {
      await turn.end('stored')
      return answer('stored')
    }
    say('rendering')
    if (ending === 'hangs') return new Promise(() => {})
    await pause(renderMs)
    const storing = ending === 'stored' && claim !== null && claims.store(claim, Buffer.from('page'), { ttlSeconds: 60 })
    if (storing !== false) turn.release()
    await turn.end((await storing) ? 'stored' : ending === 'uncacheable' ? 'uncacheable' : 'gone')
    return answer('led')
  }
})
process.once('disconnect', () => process.exit())
