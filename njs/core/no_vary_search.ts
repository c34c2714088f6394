// A page can declare which differences of the query it does not read (No-Vary-Search). Such a rule is learnt per path
// and put on top of the policy: it drops and sorts what the policy has left, so it can join pages and never part them.

import { normaliseQuery } from './normalise.js'

/** What one path has declared. Names are in the comparable form of docs/key-format.md §5. */
export interface SearchRule {
  /** key-order: the order of arguments does not matter; the values of one name keep theirs. */
  sort: boolean
  /** `params=(names)`: these arguments are ignored; with `only` (`params, except=(names)`) all but these are. */
  names: string[]
  only: boolean
}

/** As it stands in memcached. */
export interface LearntRule extends SearchRule {
  /**
   * Random, and another one whenever the rule is made anew or changed. Entries carry that of the rule which they were
   * stored by, and are good only as long as it is there: a purge looked where this rule leads, and nowhere else.
   */
  token: string
}

/** More names make the field count as absent: each argument of a request is compared with each of them. */
export const MAX_RULE_NAMES = 32

/** The canonical target of a request to the path of the rule; `target` is canonical by the policy already. */
export function applySearchRule(target: string, rule: SearchRule): string {
  const mark = target.indexOf('?')
  if (mark < 0) return target
  const listed = { test: (name: string) => rule.names.indexOf(name) >= 0 }
  const query = normaliseQuery(target.slice(mark + 1), { drop: rule.only ? null : listed, keep: rule.only ? listed : null, sort: rule.sort })
  return query === '' ? target.slice(0, mark) : target.slice(0, mark + 1) + query
}

// `SKN2 token `, then `s` or `-`, then `k` (keep) or `d` (drop), then each name behind a space and '=': a name may be empty,
// and never has a space. Its end is not `$`, which in PCRE is also before a last line break.
const RULE = /^SKN2 [A-Za-z0-9_-]{12} [s-][kd](?: =[!-~]*)*\n(?![\s\S])/
const MAX_RULE_CHARACTERS = 4096

/** As stored; '' when it is too long to be worth it. */
export function formatSearchRule(rule: LearntRule): string {
  const text = 'SKN2 ' + rule.token + ' ' + (rule.sort ? 's' : '-') + (rule.only ? 'k' : 'd') + rule.names.map((name) => ' =' + name).join('') + '\n'
  return text.length > MAX_RULE_CHARACTERS ? '' : text
}

/** The rule, or null when the text is none: whoever can write to memcached chose it. */
export function parseSearchRule(text: string): LearntRule | null {
  if (text.length > MAX_RULE_CHARACTERS || !RULE.test(text)) return null
  const words = text.slice(0, -1).split(' ')
  const flags = words[2] as string
  const names = words.slice(3).map((word) => word.slice(1))
  return names.length > MAX_RULE_NAMES ? null : { token: words[1] as string, sort: flags.charAt(0) === 's', names: names, only: flags.charAt(1) === 'k' }
}
