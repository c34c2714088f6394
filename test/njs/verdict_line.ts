// A verdict as one text, the same in every engine; also in the njs subset.
import type { Verdict } from '../../njs/core/resolve.js'

export function verdictLine(verdict: Verdict): string {
  return [verdict.bypass, verdict.detail, verdict.key, verdict.scheme, verdict.host, verdict.forward, verdict.variants].join(' ') + '\n'
}
