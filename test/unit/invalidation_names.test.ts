// The protocol where a page is more than one item: several forms of it (Vary), or several spellings of its URL
// (No-Vary-Search). As in invalidation_model.test.ts: every state, and what breaks the promise without a part.
import { describe, expect, test } from 'vitest'
import { forms, FORMS, type FormRules, type FormSize } from '../model/forms.js'
import { search } from '../model/search.js'
import { SPELLINGS, spellings, type SpellingRules, type SpellingSize } from '../model/spellings.js'

describe('no form of a page from before a purge of its URL is served', () => {
  test.each<FormSize>([{ processes: 2, purges: 1 }, { processes: 2, purges: 2 }])('$processes apps, $purges purges', (size) => {
    const { violation, trace, states } = search(forms(size))
    expect({ violation, trace }).toEqual({ violation: '', trace: [] })
    expect(states).toBeGreaterThan(1000)
  }, 60_000)

  const storesA = ['app 1 claims the page for form A', 'app 1 begins to render', 'app 1 stores form A']
  const readsA = ['Nginx finds a marker of form A', 'Nginx reads form A']
  test.each<{ without: keyof FormRules; because: string; trace: string[] }>([
    {
      without: 'claimBeforeRender', because: 'the token is that of after the purge, and the page that of before it',
      trace: ['app 1 is asked for form A', 'app 1 begins to render', 'a purge deletes the marker', 'app 1 claims the page, late', 'app 1 stores form A', 'app 1 marks form A', ...readsA]
    },
    {
      without: 'newToken', because: 'a claim that was made after the purge is taken for that of before it',
      trace: [...storesA, 'a purge deletes the marker', 'app 2 claims the page for form A', 'app 1 marks form A', ...readsA]
    },
    {
      without: 'tokenInKeys', because: 'a new marker leads to what an old one led to',
      trace: [
        'app 1 claims the page for form A', 'app 1 begins to render', 'a purge deletes the marker', 'app 2 claims the page for form A', 'app 2 begins to render',
        'app 2 stores form A', 'app 1 stores form A', 'app 2 marks form A', ...readsA
      ]
    },
    { without: 'markByToken', because: 'the marker is made again as if there had been no purge', trace: [...storesA, 'a purge deletes the marker', 'app 1 marks form A', ...readsA] }
  ])('but it is without $without: $because', ({ without, trace }) => {
    expect(search(forms({ processes: 2, purges: 1 }, { ...FORMS, [without]: false }))).toMatchObject({ violation: 'Nginx serves form A of before the purge', trace })
  })
})

describe('no page from before a purge of any of its spellings is served for any of them', () => {
  test.each<SpellingSize>([
    { processes: 3, purges: ['A'], isBare: false },
    { processes: 3, purges: ['B'], isBare: false },
    { processes: 3, purges: ['A'], isBare: true },
    { processes: 3, purges: ['B'], isBare: true },
    { processes: 2, purges: ['A', 'B'], isBare: false },
    { processes: 2, purges: ['B', 'B'], isBare: false },
    { processes: 2, purges: ['A', 'B'], isBare: true },
    { processes: 2, purges: ['B', 'B'], isBare: true }
  ])('$processes apps, purges of $purges, the page lies where no query is: $isBare', (size) => {
    const { violation, trace, states } = search(spellings(size))
    expect({ violation, trace }).toEqual({ violation: '', trace: [] })
    expect(states).toBeGreaterThan(1000)
  }, 60_000)

  const rendersA = ['app 1 claims the rule for A', 'app 1 claims the page', 'app 1 begins to render']
  const storesA = [...rendersA, 'app 1 learns the rule', 'app 1 stores']
  const readsForB = ['Nginx finds the rule for B', 'Nginx reads the page for B']
  const lost = ['memcached evicts the rule', 'a purge of B finds no rule']
  test.each<{ without: keyof SpellingRules; because: string; isBare?: boolean; trace: string[] }>([
    { without: 'token', because: 'the purge does not know where the page lies', trace: [...storesA, ...lost, 'Nginx reads the page at A'] },
    { without: 'tokenAtOwnKey', because: 'who asks for it by its own name is asked for no rule', trace: [...storesA, ...lost, 'Nginx reads the page at A'] },
    {
      without: 'newToken', because: 'the rule is learnt again, and with it the page of before the purge comes back',
      trace: [...storesA, ...lost, ...rendersA, 'app 1 learns the rule', ...readsForB]
    },
    {
      without: 'claimBeforeRender', because: 'the purge sees neither the rule nor that somebody is about to learn it',
      trace: [
        'app 1 reads the rule for A', 'app 1 claims the page', 'app 1 begins to render', 'a purge of B finds no rule', 'app 1 claims the rule, late', 'app 1 learns the rule',
        'app 1 stores', ...readsForB
      ]
    },
    {
      without: 'purgeTakesClaim', because: 'the rule is learnt by a render of before the purge',
      trace: [...rendersA, 'a purge of B finds a claim of the rule, and leaves it', 'app 1 learns the rule', 'app 1 stores', ...readsForB]
    },
    {
      without: 'storeByClaim', because: 'what was stored under no rule lies where the purge does not look', isBare: true,
      trace: ['app 1 is asked for A, and knows of no rules', 'app 1 claims the page', 'app 1 begins to render', 'app 1 stores', 'a purge of B finds no rule', 'Nginx reads the page at A']
    }
  ])('but it is without $without: $because', ({ without, isBare = false, trace }) => {
    const found = search(spellings({ processes: 2, purges: ['B'], isBare }, { ...SPELLINGS, [without]: false }))
    expect(found.violation).toMatch(/^Nginx serves for [AB] a page of before the purge$/)
    expect(found.trace).toEqual(trace)
  })
})
