// A page that goes by two names (No-Vary-Search): A, where it lies, and B, whose query differs in what the page declares
// that it does not read. The rule that joins them is an item of its own, learnt from the page and lost at any time. A
// purge of either name is one of both. node-writer/search_rules.ts.

import type { Machine, Step } from './machine.js'

/** The parts that can be left out, to see what each is there for. */
export interface SpellingRules {
  /** An entry carries the token of the rule that it was stored by, and is good only where the rule has it. */
  token: boolean
  /** A rule that is learnt again has another token. */
  newToken: boolean
  /** That holds also for an entry that is found under its own name. */
  tokenAtOwnKey: boolean
  /** The rule is claimed before the render begins. */
  claimBeforeRender: boolean
  /** A purge that finds no rule takes away the claim of whoever is about to learn it. */
  purgeTakesClaim: boolean
  /** A page that declares a rule is stored only by who has claimed that. */
  storeByClaim: boolean
}

export const SPELLINGS: SpellingRules = {
  token: true, newToken: true, tokenAtOwnKey: true, claimBeforeRender: true, purgeTakesClaim: true, storeByClaim: true
}

type Name = 'A' | 'B'

export interface SpellingSize {
  processes: number
  /** By which name; one after the other or at once. */
  purges: Name[]
  /** The page lies where no query is: then it can be rendered without a claim on the rule, and its purge does not look for one. */
  isBare: boolean
}

/** `token` 0: of no rule. `knows`: the purges that had been asked for when the render began, a bit each. */
interface Entry { token: number; knows: number }

interface Process {
  at: 'idle' | 'rule claimed' | 'claimed' | 'rendering'
  name: Name
  /** The rule that was found: its token; 0: none, 'not asked for': this one learns none. */
  rule: number | 'not asked for'
  /** Whether the items are still those that it claimed. */
  holdsRule: boolean
  holdsPage: boolean
  knows: number
}

interface Purge {
  at: 'to come' | 'sees a claim' | 'deletes' | 'acknowledged'
  /** Whether the claim is still the one that it saw. */
  holdsRule: boolean
}

interface State {
  rule: 'claim' | number | null
  page: 'claim' | Entry | null
  processes: Process[]
  purges: Purge[]
  /** A request half-way: what it has read so far, and the purges that had been acknowledged when it came. */
  nginx: { saw: 'rule' | 'page'; token: number; knows: number; acknowledged: number } | null
  tokens: number
  broken: string
}

const IDLE: Process = { at: 'idle', name: 'A', rule: 0, holdsRule: false, holdsPage: false, knows: 0 }

export function spellings(size: SpellingSize, rules: SpellingRules = SPELLINGS): Machine<State> {
  return {
    start: {
      rule: null, page: null, processes: Array.from({ length: size.processes }, () => IDLE),
      purges: size.purges.map(() => ({ at: 'to come', holdsRule: false })), nginx: null, tokens: 0, broken: ''
    },
    steps: (state) => [
      ...state.processes.flatMap((_, p) => processSteps(state, p, size, rules)),
      ...state.purges.flatMap((_, i) => purgeSteps(state, i, size, rules)),
      ...nginxSteps(state, rules),
      ...(state.rule === null ? [] : [{ does: 'memcached evicts the rule', state: withRule(state, null) }]),
      ...(state.page === null ? [] : [{ does: 'memcached evicts the page', state: withPage(state, null) }])
    ],
    violation: ({ broken }) => broken,
    keyOf: (state) => keyOf(state, Object.values(rules).every(Boolean))
  }
}

// ------------------------------------------------------------------------------------------------------------- writers

function processSteps(state: State, p: number, { isBare }: SpellingSize, rules: SpellingRules): Step<State>[] {
  const process = state.processes[p] as Process
  const app = `app ${p + 1}`
  const { name, rule } = process
  const as = (change: Partial<Process>, from = state): State => ({
    ...from, processes: from.processes.map((each, i) => (i === p ? { ...each, ...change } : each))
  })
  const claimRule = (change: Partial<Process>): State => {
    const from = state.rule === null ? withRule(state, 'claim') : state
    return as({ ...change, holdsRule: true, rule: typeof state.rule === 'number' ? state.rule : 0 }, from)
  }

  switch (process.at) {
    case 'idle': {
      const bare = { does: `${app} is asked for A, and knows of no rules`, state: as({ at: 'rule claimed', name: 'A', rule: 'not asked for' }) }
      return [
        ...(['A', 'B'] as const).map((asked) => rules.claimBeforeRender
          ? { does: `${app} claims the rule for ${asked}`, state: claimRule({ at: 'rule claimed', name: asked }) }
          : { does: `${app} reads the rule for ${asked}`, state: as({ at: 'rule claimed', name: asked, rule: typeof state.rule === 'number' ? state.rule : 0 }) }),
        ...(isBare ? [bare] : [])
      ]
    }
    case 'rule claimed': {
      // Without the rule B has a place of its own, where nothing is ever stored: it declares that it lies elsewhere.
      if (name === 'B' && rule === 0) return [{ does: `${app} claims a page at B`, state: as({ at: 'claimed' }) }]
      const from = state.page === null ? withPage(state, 'claim') : state
      return [{ does: `${app} claims the page`, state: as({ at: 'claimed', holdsPage: true }, from) }]
    }
    case 'claimed':
      return [{ does: `${app} begins to render`, state: as({ at: 'rendering', knows: asked(state) }) }]
    case 'rendering': {
      if (rule === 'not asked for' && rules.storeByClaim) return [{ does: `${app} stores nothing, for it has not claimed the rule`, state: as(IDLE) }]
      if (rule === 0 && !rules.claimBeforeRender && !process.holdsRule) return [{ does: `${app} claims the rule, late`, state: claimRule({}) }]
      if (rule === 0) {
        if (!process.holdsRule) return [{ does: `${app} cannot learn the rule`, state: as(IDLE) }]
        const token = rules.newToken ? state.tokens + 1 : 1
        const learnt = withRule({ ...state, tokens: token }, token)
        return [{ does: `${app} learns the rule`, state: name === 'B' ? as(IDLE, learnt) : as({ rule: token }, learnt) }]
      }
      if (!process.holdsPage) return [{ does: `${app} has lost its claim`, state: as(IDLE) }]
      const entry = { token: rule === 'not asked for' ? 0 : rule, knows: process.knows }
      return [{ does: `${app} stores`, state: as(IDLE, withPage(state, entry)) }]
    }
  }
}

/** Whatever stood there before is another item now, and no claim on it holds. */
function withRule(state: State, rule: State['rule']): State {
  return {
    ...state, rule, processes: state.processes.map((process) => ({ ...process, holdsRule: false })),
    purges: state.purges.map((purge) => ({ ...purge, holdsRule: false }))
  }
}

function withPage(state: State, page: State['page']): State {
  return { ...state, page, processes: state.processes.map((process) => ({ ...process, holdsPage: false })) }
}

// -------------------------------------------------------------------------------------------------------------- purges

function purgeSteps(state: State, i: number, { purges, isBare }: SpellingSize, rules: SpellingRules): Step<State>[] {
  const purge = state.purges[i] as Purge
  const name = purges[i] as Name
  const as = (change: Partial<Purge>, from = state): State => ({
    ...from, purges: from.purges.map((each, n) => (n === i ? { ...each, ...change } : each))
  })
  // Of B without a rule only what lies at B.
  const withoutRule = (from: State): State => as({ at: name === 'A' ? 'deletes' : 'acknowledged', holdsRule: false }, from)
  switch (purge.at) {
    case 'to come':
      if (name === 'A' && isBare) return [{ does: 'a purge of A deletes the page', state: as({ at: 'acknowledged' }, withPage(state, null)) }]
      if (state.rule === null) return [{ does: `a purge of ${name} finds no rule`, state: withoutRule(state) }]
      if (state.rule !== 'claim') return [{ does: `a purge of ${name} finds the rule`, state: as({ at: 'deletes' }) }]
      if (!rules.purgeTakesClaim) return [{ does: `a purge of ${name} finds a claim of the rule, and leaves it`, state: withoutRule(state) }]
      return [{ does: `a purge of ${name} finds a claim of the rule`, state: as({ at: 'sees a claim', holdsRule: true }) }]
    case 'sees a claim':
      if (!purge.holdsRule) return [{ does: `a purge of ${name} looks again`, state: as({ at: 'to come' }) }]
      return [{ does: `a purge of ${name} takes the claim of the rule`, state: withoutRule(withRule(state, null)) }]
    case 'deletes':
      return [{ does: `a purge of ${name} deletes the page`, state: as({ at: 'acknowledged' }, withPage(state, null)) }]
    case 'acknowledged':
      return []
  }
}

function asked({ purges }: State): number {
  return purges.reduce((bits, { at }, i) => (at === 'to come' ? bits : bits | (1 << i)), 0)
}

function acknowledged({ purges }: State): number {
  return purges.reduce((bits, { at }, i) => (at === 'acknowledged' ? bits | (1 << i) : bits), 0)
}

// ------------------------------------------------------------------------------------------------------------- readers

/** Under its own name first, then where the rule leads; a follower of another's render looks in the same way. */
function nginxSteps(state: State, rules: SpellingRules): Step<State>[] {
  const { rule, page, nginx } = state
  const entry = page === 'claim' ? null : page
  const serve = (name: Name, knows: number, since: number): State => {
    const broken = (since & ~knows) === 0 ? '' : `Nginx serves for ${name} a page of before the purge`
    return { ...state, nginx: null, broken }
  }
  if (nginx === null) {
    const since = acknowledged(state)
    // What comes before all purges can break nothing.
    if (since === 0) return []
    const steps: Step<State>[] = []
    if (typeof rule === 'number') {
      steps.push({ does: 'Nginx finds the rule for B', state: { ...state, nginx: { saw: 'rule', token: rule, knows: 0, acknowledged: since } } })
    }
    if (entry === null) return steps
    const isGood = entry.token === 0 || !rules.token || !rules.tokenAtOwnKey
    steps.push(isGood
      ? { does: 'Nginx reads the page at A', state: serve('A', entry.knows, since) }
      : { does: 'Nginx finds the page at A', state: { ...state, nginx: { saw: 'page', ...entry, acknowledged: since } } })
    return steps
  }
  const end = { ...state, nginx: null }
  if (nginx.saw === 'page') {
    return [{ does: 'Nginx reads the rule of the page', state: rule === nginx.token ? serve('A', nginx.knows, nginx.acknowledged) : end }]
  }
  const isJoined = entry !== null && (!rules.token || entry.token === nginx.token)
  return [{ does: 'Nginx reads the page for B', state: isJoined ? serve('B', entry.knows, nginx.acknowledged) : end }]
}

// ------------------------------------------------------------------------------------------- states that are the same

/**
 * Tokens have no names, and one that no rule has never comes back. What can no longer make a difference is left out; of
 * a protocol without one of its parts nothing is.
 */
function keyOf({ rule, page, processes, purges, nginx, broken }: State, isWhole: boolean): string {
  if (broken !== '') return broken
  const every = (1 << purges.length) - 1
  const own = processes.map(({ rule: token }) => (typeof token === 'number' ? token : 0))
  const entryToken = page === null || page === 'claim' ? 0 : page.token
  const live = [...new Set([0, typeof rule === 'number' ? rule : 0, nginx?.token ?? 0, ...(isWhole ? [] : [entryToken, ...own])])]
  const named = (token: number | string): string => (typeof token === 'string' ? token : live.includes(token) ? `t${live.indexOf(token)}` : 'dead')

  const isHarmless = page === 'claim' || page?.knows === every || (isWhole && !live.includes(entryToken))
  const pageKey = page === null ? '-' : isHarmless ? 'harmless' : `${named(page.token)}.${page.knows}`
  const busy = processes.filter((process) => process.at !== 'idle' && !(isWhole && isLost(process))).map(({ at, name, rule: token, holdsRule, holdsPage, knows }) =>
    [at, name, named(token), token === 0 && holdsRule, holdsPage, knows].join())
  const isPast = nginx === null || (nginx.saw === 'page' && (nginx.acknowledged & ~nginx.knows) === 0)
  const request = isPast ? '-' : [nginx.saw, named(nginx.token), nginx.knows, nginx.acknowledged].join()
  return [rule === null ? '-' : named(rule), pageKey, ...busy.sort(), ...purges.map(({ at, holdsRule }) => `${at}${holdsRule}`), request].join('|')
}

/** It will neither learn a rule nor store a page. */
function isLost({ at, rule, holdsRule, holdsPage }: Process): boolean {
  if (rule === 0) return !holdsRule
  return (at === 'claimed' || at === 'rendering') && (!holdsPage || rule === 'not asked for')
}
