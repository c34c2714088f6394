// The invalidation protocol as a state machine: one page with one tag, its item and the ban list in memcached, app
// processes that render it, Nginx nodes with a copy of the list, and purges. Every memcached command is one step, and
// between any two steps anything else may happen. docs/invalidation.md tells the same in words.
//
// Nothing is bounded but the number of processes, nodes and purges: renders, evictions, restarts and time go on for ever.
// A page in several forms is in forms.ts, one that goes by several names in spellings.ts.

import type { Machine, Step } from './machine.js'

/** The parts of the protocol that can be left out, to see what each is there for. */
export interface Rules {
  /** A list that is made again has a new epoch. */
  newEpoch: boolean
  /** The clock is read before the render begins. */
  clockBeforeRender: boolean
  /** The claim is made before the render begins. */
  claimBeforeRender: boolean
  /** An entry is stored by compare-and-swap, not by set. */
  storeByCas: boolean
  /** Where there is no item, a claim is put there; without it, such a page is stored by add. */
  claimWhereAbsent: boolean
  /** A store that lost is not tried again over what is there now. */
  noSecondTry: boolean
  /** A CAS is used only on the connection that it came by. */
  sameConnection: boolean
  /** The list is changed by compare-and-swap, not by set. */
  listByCas: boolean
  /** Bans are let go only by raising the base. */
  raiseBase: boolean
  /** Without a list, or with one of another epoch, every entry is stale. */
  staleWithoutList: boolean
  /** Nginx throws its copy away when it is old. */
  copyExpires: boolean
  /**
   * Another design, without tombstones: with them (false) a purge of an URL is a ban and an item in the page's place, and
   * a writer looks at the item, then at the list, and stores by compare-and-swap, or by add where it saw no item.
   */
  noTombstones: boolean
}

export const PROTOCOL: Rules = {
  newEpoch: true, clockBeforeRender: true, claimBeforeRender: true, storeByCas: true, claimWhereAbsent: true, noSecondTry: true, sameConnection: true,
  listByCas: true, raiseBase: true, staleWithoutList: true, copyExpires: true, noTombstones: true
}

export type PurgeKind = 'url' | 'tag' | 'all'

/** A copy of the list is used for so many ticks: with 2, copies of different age exist at the same time. */
const HOLD_TICKS = 2

/** Highest counters only: with one tag, no others matter. */
interface List { epoch: number; counter: number; base: number; ban: number }

interface Clock { epoch: number; counter: number }

/** `knows`: the purges that had happened when the render began, a bit each. Nobody in the protocol can see it. */
interface Page { clock: Clock; knows: number }

interface Process {
  at: 'idle' | 'claimed' | 'rendering'
  /** Its copy of the clock, of any age; null: never read. */
  clock: Clock | null
  /** Whether the item is still the one it claimed; 'reused': it is another, but its CAS may come again. */
  holds: boolean | 'reused'
  /** There was no item, and no claim was put there. */
  sawNothing: boolean
  /** With tombstones: it has looked at the list after the item. */
  checked: boolean
  page: Page | null
}

/** Age in ticks of a copy of the list; 'missing' is a copy too. */
interface Node { copy: List | 'missing'; age: number }

interface Purge { kind: PurgeKind; at: 'to come' | 'has read' | 'has written' | 'acknowledged'; read: List | null; since: number }

export interface State {
  list: List | null
  item: 'claim' | Page | null
  processes: Process[]
  nodes: (Node | null)[]
  purges: Purge[]
}

export interface Size { processes: number; nodes: number; purges: PurgeKind[] }

export function protocol(size: Size, rules: Rules = PROTOCOL): Machine<State> {
  return {
    start: start(size),
    steps: (state) => steps(state, rules),
    violation: (state) => violation(state, rules),
    keyOf: (state) => keyOf(state, rules)
  }
}

function start({ processes, nodes, purges }: Size): State {
  return {
    list: null,
    item: null,
    processes: Array.from({ length: processes }, () => ({ at: 'idle', clock: null, holds: false, sawNothing: false, checked: false, page: null })),
    nodes: Array.from({ length: nodes }, () => null),
    purges: purges.map((kind) => ({ kind, at: 'to come', read: null, since: 0 }))
  }
}

function violation(state: State, rules: Rules): string {
  const { item } = state
  if (item === null || item === 'claim') return ''
  for (const [n, node] of state.nodes.entries()) {
    if (node === null || !serves(node.copy, item, rules)) continue
    for (const [i, purge] of state.purges.entries()) {
      const bound = purge.kind === 'url' ? 0 : HOLD_TICKS
      if (purge.at === 'acknowledged' && purge.since >= bound && (item.knows & (1 << i)) === 0) {
        return `Nginx ${n + 1} serves a page whose render began before the purge of ${nameOf(purge.kind)}`
      }
    }
  }
  return ''
}

function nameOf(kind: PurgeKind): string {
  return { url: 'the URL', tag: 'the tag', all: 'everything' }[kind]
}

/** njs/core/bans.ts. */
function serves(copy: List | 'missing', { clock }: Page, rules: Rules): boolean {
  if (copy === 'missing' || (copy.epoch !== clock.epoch)) return !rules.staleWithoutList
  return clock.counter >= copy.base && clock.counter >= copy.ban
}

function steps(state: State, rules: Rules): Step<State>[] {
  const all: Step<State>[] = []
  const add = (does: string, change: (next: State) => void) => {
    const next = copyOf(state)
    change(next)
    all.push({ does, state: next })
  }
  for (let p = 0; p < state.processes.length; p++) processSteps(state, p, rules, add)
  for (let i = 0; i < state.purges.length; i++) purgeSteps(state, i, rules, add)
  for (let n = 0; n < state.nodes.length; n++) {
    add(`Nginx ${n + 1} fetches the list`, (next) => { next.nodes[n] = { copy: next.list ?? 'missing', age: 0 } })
  }
  if (state.list !== null) {
    add('memcached evicts the list', (next) => { next.list = null })
    if (state.list.ban > 0) {
      add('a writer lets the bans go', ({ list }) => {
        if (list === null) return
        if (rules.raiseBase) list.base = Math.max(list.base, list.ban)
        list.ban = 0
      })
    }
  }
  if (state.item !== null) add('memcached evicts the item', (next) => { setItem(next, null) })
  if (!rules.sameConnection) add('the memcached of the item starts anew', (next) => {
    setItem(next, null)
    for (const process of next.processes) if (process.at !== 'idle' && !process.sawNothing) process.holds = 'reused'
  })
  add('time passes', (next) => {
    for (const purge of next.purges) if (purge.at === 'acknowledged') purge.since = Math.min(purge.since + 1, HOLD_TICKS)
    if (rules.copyExpires) next.nodes = next.nodes.map((node) => (node === null || node.age + 1 >= HOLD_TICKS ? null : { ...node, age: node.age + 1 }))
  })
  return all
}

type Add = (does: string, change: (next: State) => void) => void

function processSteps(state: State, p: number, rules: Rules, add: Add): void {
  const name = `app ${p + 1}`
  const process = state.processes[p] as Process
  const own = (next: State) => next.processes[p] as Process
  const readClock = (next: State) => { own(next).clock = clockOf(next.list ??= newList(next, rules)) }
  const claim = (next: State) => {
    own(next).sawNothing = next.item === null && !(rules.claimWhereAbsent && rules.noTombstones)
    if (next.item === null && !own(next).sawNothing) setItem(next, 'claim')
    own(next).holds = !own(next).sawNothing
  }

  if (process.at === 'idle') {
    add(`${name} reads the clock`, readClock)
    add(`${name} claims`, (next) => {
      if (rules.claimBeforeRender && rules.noTombstones) claim(next)
      own(next).at = 'claimed'
    })
  }
  // Another leads: a claim is asked for before it is known who does.
  if (process.at === 'claimed') add(`${name} drops its claim`, (next) => { reset(own(next)) })
  if (process.at === 'claimed' && process.clock !== null) {
    add(`${name} begins to render`, (next) => {
      const knows = next.purges.reduce((bits, purge, i) => (purge.at === 'has written' || purge.at === 'acknowledged' ? bits | (1 << i) : bits), 0)
      own(next).at = 'rendering'
      own(next).page = { clock: process.clock as Clock, knows }
    })
  }
  if (process.at === 'rendering') {
    // What is left out before the render is done after it.
    if (!rules.clockBeforeRender) {
      add(`${name} reads the clock`, (next) => {
        readClock(next)
        own(next).page = { ...(process.page as Page), clock: own(next).clock as Clock }
      })
    }
    const looks = !rules.claimBeforeRender || !rules.noTombstones
    if (looks && !process.holds && !process.sawNothing) add(`${name} looks at the item`, claim)
    else if (!rules.noTombstones && !process.checked) {
      add(`${name} looks at the list`, (next) => {
        own(next).checked = true
        // Covered, or of a list that is gone: not stored.
        if (next.list === null || !serves(next.list, process.page as Page, rules)) reset(own(next))
      })
      return
    }
    else if (!rules.noSecondTry && !process.holds) add(`${name} claims again`, claim)
    add(`${name} stores`, (next) => {
      const page = process.page as Page
      const mayStore = process.sawNothing ? next.item === null : !rules.storeByCas || process.holds === true
      reset(own(next))
      if (mayStore) setItem(next, page)
    })
  }
}

function reset(process: Process): void {
  Object.assign(process, { at: 'idle', holds: false, sawNothing: false, checked: false, page: null })
}

function purgeSteps(state: State, i: number, rules: Rules, add: Add): void {
  const purge = state.purges[i] as Purge
  const own = (next: State) => next.purges[i] as Purge
  const acknowledge = (next: State) => { Object.assign(own(next), { at: 'acknowledged', read: null }) }
  if (purge.at === 'acknowledged') return

  if (purge.at === 'has written') {
    add('a purge puts a tombstone in the place of the item', (next) => {
      setItem(next, 'claim')
      acknowledge(next)
    })
  } else if (purge.kind === 'url' && rules.noTombstones) {
    add('a purge deletes the item', (next) => {
      setItem(next, null)
      acknowledge(next)
    })
  } else if (purge.at === 'to come') {
    add(`a purge of ${nameOf(purge.kind)} reads the list`, (next) => {
      next.list ??= newList(next, rules)
      Object.assign(own(next), { at: 'has read', read: { ...next.list } })
    })
  } else {
    add(`a purge of ${nameOf(purge.kind)} writes the list`, (next) => {
      const read = purge.read as List
      if (rules.listByCas && !isSame(next.list, read)) {
        Object.assign(own(next), { at: 'to come', read: null })
        return
      }
      const counter = read.counter + 1
      next.list = purge.kind === 'all' ? { ...read, counter, base: counter } : { ...read, counter, ban: counter }
      if (purge.kind === 'url') Object.assign(own(next), { at: 'has written', read: null })
      else acknowledge(next)
    })
  }
}

/** Every change of the list moves its counter, its epoch or its base, so one that was changed is never the same again. */
function isSame(list: List | null, read: List): boolean {
  return list !== null && list.epoch === read.epoch && list.counter === read.counter && list.base === read.base
}

/** Whatever stood there before is another item now, and no claim on it holds. */
function setItem(state: State, item: State['item']): void {
  state.item = item
  for (const process of state.processes) {
    // A memcached that started anew gives the same numbers again.
    process.holds = item !== null && process.holds === 'reused'
  }
}

function clockOf({ epoch, counter }: List): Clock {
  return { epoch, counter }
}

function newList(state: State, rules: Rules): List {
  return { epoch: rules.newEpoch ? 1 + Math.max(0, ...epochsOf(state)) : 1, counter: 0, base: 0, ban: 0 }
}

// ------------------------------------------------------------------------------------------- states that are the same

function copyOf(state: State): State {
  return {
    list: state.list === null ? null : { ...state.list },
    item: state.item,
    processes: state.processes.map((process) => ({ ...process })),
    nodes: state.nodes.slice(),
    purges: state.purges.map((purge) => ({ ...purge }))
  }
}

function epochsOf(state: State): number[] {
  const pages = [state.item, ...state.processes.map(({ page }) => page)]
  const holders = [
    state.list,
    ...state.nodes.map((node) => node?.copy),
    ...state.processes.map(({ clock }) => clock),
    ...pages.map((page) => (page === null || page === 'claim' ? null : page.clock)),
    ...state.purges.map(({ read }) => read)
  ]
  return holders.flatMap((holder) => (holder === null || holder === undefined || holder === 'missing' ? [] : [holder.epoch]))
}

/**
 * Equal for states from which the same can happen: epochs, processes and nodes have no names, and what can no longer
 * make a difference is left out. Each case says why; without this a search would have no end.
 */
function keyOf(state: State, rules: Rules): string {
  const epochs = liveEpochs(state, rules)
  const every = (1 << state.purges.length) - 1
  let key = listKey(state.list, epochs) + itemKey(state.item, epochs, every, rules)
  const nodes = state.nodes.map((node) => nodeKey(node, epochs, rules))
  const processes = state.processes.map((process) => processKey(process, epochs, every, rules))
  for (const part of nodes.length > 1 ? nodes.sort() : nodes) key += part
  for (const part of processes.sort()) key += part
  for (const purge of state.purges) key += purgeKey(purge, state.list, epochs, rules)
  return key
}

/** A page is only ever good by the list or by a copy of it, and a list that is gone never comes back. */
function liveEpochs(state: State, rules: Rules): number[] {
  const epochs: number[] = []
  const add = (list: List | 'missing' | null | undefined) => {
    if (list !== null && list !== undefined && list !== 'missing' && !epochs.includes(list.epoch)) epochs.push(list.epoch)
  }
  add(state.list)
  for (const node of state.nodes) add(node?.copy)
  if (!rules.listByCas) for (const { read } of state.purges) add(read)
  return epochs.length > 1 ? epochs.sort((a, b) => a - b) : epochs
}

function clockKey(clock: Clock | null, epochs: readonly number[]): string {
  if (clock === null) return '-'
  const name = epochs.indexOf(clock.epoch)
  return name < 0 ? 'x' : `${name}.${clock.counter}`
}

function listKey(list: List | null, epochs: readonly number[]): string {
  return list === null ? '|-' : `|${clockKey(list, epochs)}.${list.base}.${list.ban}`
}

/** A page that knows every purge breaks no promise, and one of an epoch that is gone is never served. */
function itemKey(item: State['item'], epochs: readonly number[], every: number, rules: Rules): string {
  if (item === null) return '|-'
  if (item === 'claim' || item.knows === every || (rules.staleWithoutList && !epochs.includes(item.clock.epoch))) return '|any'
  return `|${clockKey(item.clock, epochs)}k${item.knows}`
}

/** Without a list a node serves nothing, as if it had not asked. */
function nodeKey(node: Node | null, epochs: readonly number[], rules: Rules): string {
  if (node === null || (node.copy === 'missing' && rules.staleWithoutList)) return '|-'
  return `${node.copy === 'missing' ? '|missing' : listKey(node.copy, epochs)}a${node.age}`
}

/** A render whose claim is lost changes nothing any more. */
function processKey(process: Process, epochs: readonly number[], every: number, rules: Rules): string {
  const lostIsOver = rules.storeByCas && rules.noSecondTry && rules.sameConnection && rules.claimBeforeRender && rules.noTombstones
  const clock = clockKey(process.clock, epochs)
  if (process.at === 'idle' || (lostIsOver && !process.holds && !process.sawNothing)) return `|i${clock}`
  const page = process.page === null ? '' : process.page.knows === every ? 'any' : `${clockKey(process.page.clock, epochs)}k${process.page.knows}`
  return `|${process.at}${clock}${process.holds}${process.sawNothing}${process.checked}${page}`
}

/** A purge that has read a list which is no longer the list has to begin again. */
function purgeKey(purge: Purge, list: List | null, epochs: readonly number[], rules: Rules): string {
  if (purge.at === 'acknowledged') return `|a${purge.since}`
  if (purge.at === 'to come') return '|t'
  if (purge.at === 'has written') return '|w'
  if (rules.listByCas) return isSame(list, purge.read as List) ? '|r' : '|t'
  return `|r${listKey(purge.read, epochs)}`
}
