// A page in two forms (Vary): the item under its own key is a marker that leads to entries under second keys, each form
// is rendered by itself, and one purge of the URL deletes the marker. What the marker led to stays where it is.
// node-writer/second_keys.ts, docs/entry-format.md §4.

import type { Machine, Step } from './machine.js'

/** The parts that can be left out, to see what each is there for. */
export interface FormRules {
  /** A claim is made before the render begins, and its token taken from there. */
  claimBeforeRender: boolean
  /** What is claimed anew has another token. */
  newToken: boolean
  /** Second keys have the token in them. */
  tokenInKeys: boolean
  /** The marker is changed only where the token is the one of before the render. */
  markByToken: boolean
}

export const FORMS: FormRules = { claimBeforeRender: true, newToken: true, tokenInKeys: true, markByToken: true }

export interface FormSize { processes: number; purges: number }

/** `knows`: the purges that had been asked for when the render began, a bit each. */
interface Entry { form: number; token: number; knows: number }

interface Process {
  at: 'idle' | 'claimed' | 'rendering' | 'stored'
  form: number
  /** 0: none yet. */
  token: number
  knows: number
}

interface State {
  /** Under the page's own key: a claim that leads to no form, or a marker that leads to some. */
  item: { token: number; forms: number[] } | null
  entries: Entry[]
  processes: Process[]
  /** A request that has found the marker; `acknowledged`: the purges that had been when it came. */
  nginx: { form: number; token: number; acknowledged: number } | null
  purged: number
  tokens: number
  broken: string
}

const IDLE: Process = { at: 'idle', form: 0, token: 0, knows: 0 }

export function forms({ processes, purges }: FormSize, rules: FormRules = FORMS): Machine<State> {
  return {
    start: { item: null, entries: [], processes: Array.from({ length: processes }, () => IDLE), nginx: null, purged: 0, tokens: 0, broken: '' },
    steps: (state) => [...state.processes.flatMap((_, p) => processSteps(state, p, rules)), ...otherSteps(state, purges, rules)],
    violation: ({ broken }) => broken,
    keyOf: (state) => keyOf(state, (1 << purges) - 1, rules)
  }
}

const nameOf = (form: number): string => (form === 1 ? 'A' : 'B')

function processSteps(state: State, p: number, rules: FormRules): Step<State>[] {
  const process = state.processes[p] as Process
  const name = `app ${p + 1}`
  const as = (change: Partial<Process>, rest: Partial<State> = {}): State => ({
    ...state, ...rest, processes: state.processes.map((each, i) => (i === p ? { ...each, ...change } : each))
  })
  const claim = (change: Partial<Process>): State => {
    if (state.item !== null) return as({ ...change, token: state.item.token })
    const token = rules.newToken ? state.tokens + 1 : 1
    return as({ ...change, token }, { item: { token, forms: [] }, tokens: token })
  }
  switch (process.at) {
    case 'idle':
      return [1, 2].map((form) => {
        const own = { at: 'claimed', form } as const
        return { does: `${name} ${rules.claimBeforeRender ? 'claims the page' : 'is asked'} for form ${nameOf(form)}`, state: rules.claimBeforeRender ? claim(own) : as(own) }
      })
    case 'claimed':
      return [{ does: `${name} begins to render`, state: as({ at: 'rendering', knows: state.purged }) }]
    case 'rendering': {
      if (process.token === 0) return [{ does: `${name} claims the page, late`, state: claim({}) }]
      const { form, token, knows } = process
      const others = state.entries.filter((entry) => entry.form !== form || (rules.tokenInKeys && entry.token !== token))
      return [{ does: `${name} stores form ${nameOf(process.form)}`, state: as({ at: 'stored' }, { entries: [...others, { form, token, knows }] }) }]
    }
    case 'stored': {
      const { item } = state
      if (rules.markByToken && item?.token !== process.token) return [{ does: `${name} finds another token`, state: as(IDLE) }]
      const known = item !== null && item.token === process.token ? item.forms : []
      const marker = { token: process.token, forms: [...new Set([...known, process.form])].sort() }
      return [{ does: `${name} marks form ${nameOf(process.form)}`, state: as(IDLE, { item: marker }) }]
    }
  }
}

function otherSteps(state: State, purges: number, rules: FormRules): Step<State>[] {
  const all: Step<State>[] = []
  const { item, nginx, entries, purged } = state
  if (purged + 1 < 1 << purges) all.push({ does: 'a purge deletes the marker', state: { ...state, item: null, purged: purged * 2 + 1 } })
  if (item !== null) all.push({ does: 'memcached evicts the marker', state: { ...state, item: null } })
  for (const entry of entries) {
    all.push({ does: `memcached evicts form ${nameOf(entry.form)}`, state: { ...state, entries: entries.filter((each) => each !== entry) } })
  }
  if (nginx === null && item !== null) {
    for (const form of item.forms) {
      all.push({ does: `Nginx finds a marker of form ${nameOf(form)}`, state: { ...state, nginx: { form, token: item.token, acknowledged: purged } } })
    }
  }
  if (nginx !== null) {
    const found = entries.find(({ form, token }) => form === nginx.form && (!rules.tokenInKeys || token === nginx.token))
    const isStale = found !== undefined && (nginx.acknowledged & ~found.knows) !== 0
    const broken = isStale ? `Nginx serves form ${nameOf(nginx.form)} of before the purge` : ''
    all.push({ does: `Nginx reads form ${nameOf(nginx.form)}`, state: { ...state, nginx: null, broken } })
  }
  return all
}

/**
 * Tokens, processes and forms have no names. What no token leads to can never be read again; an entry that knows every
 * purge breaks no promise, nor does a request from before all of them.
 */
function keyOf(state: State, every: number, rules: FormRules): string {
  if (state.broken !== '') return state.broken
  const [one, other] = [formsKey(state, every, rules, ['', 'A', 'B']), formsKey(state, every, rules, ['', 'B', 'A'])] as const
  return one < other ? one : other
}

function formsKey({ item, entries, processes, nginx, purged }: State, every: number, rules: FormRules, names: readonly string[]): string {
  const busy = processes.filter(({ at }) => at !== 'idle')
  const rough = ({ at, form, knows }: Process): string => `${at}${names[form]}${knows}`
  busy.sort((a, b) => (rough(a) < rough(b) ? -1 : 1))
  const live = [...new Set([0, item?.token ?? 0, nginx?.token ?? 0, ...busy.map(({ token }) => token)])]
  const named = (token: number): number => live.indexOf(token)
  const kept = entries.filter(({ token, knows }) => (!rules.tokenInKeys || live.includes(token)) && knows !== every)
  return [
    item === null ? '-' : named(item.token) + item.forms.map((form) => names[form]).sort().join(''),
    ...kept.map(({ form, token, knows }) => `${names[form]}${rules.tokenInKeys ? named(token) : ''}.${knows}`).sort(),
    ...busy.map((process) => rough(process) + named(process.token)),
    nginx === null || nginx.acknowledged === 0 ? '-' : `${names[nginx.form]}${named(nginx.token)}.${nginx.acknowledged}`, purged
  ].join('|')
}
