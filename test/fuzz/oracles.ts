// What must hold for every case whatever the key format says, judged by other code than the core's: the URL Standard's
// own parser reads what the client sent and what the app is shown.

import type { Verdict } from '../../njs/core/resolve.js'
import { MAX_KEY_BYTES } from '../../njs/core/key.js'
import type { LoadedPolicy } from '../../node-writer/policy/types.js'
import type { VectorRequest } from '../vectors/to_request.js'

export type Resolve = (request: VectorRequest) => Verdict

/** Holds verdicts of one policy against each other. `check` returns a sentence for each promise that is broken. */
export class Oracles {
  readonly #policy: LoadedPolicy
  readonly #resolve: Resolve
  readonly #isDropped: (name: string) => boolean
  readonly #views = new Map<string, string>()

  constructor(policy: LoadedPolicy, resolve: Resolve, isDropped: (name: string) => boolean) {
    this.#policy = policy
    this.#resolve = resolve
    this.#isDropped = isDropped
  }

  check(request: VectorRequest, verdict: Verdict): string[] {
    if (verdict.bypass !== '') return []
    const broken: string[] = []
    // The key is what memcached, Nginx and people can read: printable, and no % that Nginx would rewrite.
    if (!/^[!-$&-~]+$/.test(verdict.key) || verdict.key.length > MAX_KEY_BYTES) broken.push('the key has a byte that it must not have, or too many')
    if (!/^\/[!-~]*$/.test(verdict.forward)) broken.push('the forwarded target is none')

    // What the app is shown leads to the same verdict.
    const again = this.#resolve({ ...request, target: verdict.forward, host: verdict.host, scheme: verdict.scheme })
    if (JSON.stringify(again) !== JSON.stringify(verdict)) broken.push(`the canonical request has another verdict: ${JSON.stringify(again)}`)

    // One key, one view of the app.
    const view = [verdict.scheme, verdict.host, verdict.forward, verdict.variants].join(' ')
    const known = this.#views.get(verdict.key)
    if (known === undefined) this.#views.set(verdict.key, view)
    else if (known !== view) broken.push(`its key is also that of ${known}`)

    return broken.concat(this.#changes(request, verdict))
  }

  /** What an app that reads URLs by the URL Standard could see between the client's target and the forwarded one. */
  #changes(request: VectorRequest, verdict: Verdict): string[] {
    const broken: string[] = []
    const [sentPath, sentQuery] = splitTarget(request.target)
    const [shownPath, shownQuery] = splitTarget(verdict.forward)
    if (decoded(sentPath) !== decoded(shownPath)) broken.push(`the path became another one: ${verdict.forward}`)
    // The parser itself resolves dot segments and backslashes, so it can judge only where those are refused.
    if (this.#policy.allowedAmbiguities.length === 0 && decoded(new URL('http://h' + sentPath).pathname) !== decoded(shownPath)) {
      broken.push(`the URL Standard reads another path than ${verdict.forward}`)
    }
    const sent = this.#arguments(sentQuery, true)
    const shown = this.#arguments(shownQuery, false)
    if (sent !== shown) broken.push(`the arguments became others: ${sent} ${shown}`)
    return broken
  }

  /** The decoded arguments as an app compares them: in order, or grouped by name with the values in order. */
  #arguments(query: string, drop: boolean): string {
    // The ampersand, because the constructor takes a first '?' away.
    const pairs = [...new URLSearchParams('&' + keepBytes(query))].filter(([name]) => !drop || !this.#isDropped(name))
    if (this.#policy.query.sort) pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    return JSON.stringify(pairs)
  }
}

function splitTarget(target: string): [path: string, query: string] {
  const rooted = target.startsWith('?') ? '/' + target : target
  const mark = rooted.indexOf('?')
  return mark < 0 ? [rooted, ''] : [rooted.slice(0, mark), rooted.slice(mark + 1)]
}

/** Bytes beyond ASCII each as a character of its own: the parser would read all that are no UTF-8 as one U+FFFD. */
function keepBytes(query: string): string {
  return query.replace(/%[89A-Fa-f][0-9A-Fa-f]/g, (escape) => encodeURIComponent(String.fromCharCode(parseInt(escape.slice(1), 16))))
}

/** The bytes of a path as an app that decodes once sees them, one character a byte; a bad escape is itself. */
function decoded(path: string): string {
  return path.replace(/%([0-9A-Fa-f]{2})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 16)))
}

/** Which decoded names a policy drops, by its document alone. */
export function droppedNames(policy: LoadedPolicy, defaults: readonly string[]): (name: string) => boolean {
  const { only, ignore, ignoreDefaults } = policy.document.query
  if (only !== undefined && only.length > 0) return (name) => !only.some((pattern) => fits(pattern, name))
  const all = [...(ignore ?? []), ...(ignoreDefaults === false ? [] : defaults)]
  return (name) => all.some((pattern) => fits(pattern, name))
}

function fits(pattern: string, name: string): boolean {
  const bytes = Buffer.from(pattern).toString('latin1')
  return bytes.endsWith('*') ? name.startsWith(bytes.slice(0, -1)) : bytes === name
}
