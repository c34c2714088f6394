// The fields by which a client would get each variant of a page.

import type { Variant } from '../../njs/core/policy.js'
import { selectVariants } from '../../njs/core/variant.js'
import type { LoadedPolicy } from '../../node-writer/policy/types.js'
import { usageError } from '../io.js'

type Field = readonly [name: string, value: string]

/** One list of fields for every combination. Throws a CliError for a value that only a pattern selects, and no text known here. */
export function variantFields(policy: LoadedPolicy): Field[][] {
  return [...fieldsByVariants(policy).values()]
}

/** The same by the selected values as they stand in a key, joined by ','; '' when the policy declares none. */
export function fieldsByVariants(policy: LoadedPolicy): Map<string, Field[]> {
  const combinations = policy.variants.reduce<{ variant: Variant; value: string; text: string }[][]>(
    (before, variant) => before.flatMap((chosen) => variant.values.map(({ value }, i) => [...chosen, { variant, value, text: textOf(variant, i, policy) }])),
    [[]]
  )
  return new Map(combinations.map((chosen) => [chosen.map(({ value }) => value).join(','), fieldsOf(chosen)]))
}

function fieldsOf(chosen: { variant: Variant; text: string }[]): Field[] {
  const cookies = chosen.filter(({ variant }) => variant.source === 'cookie').map(({ variant, text }) => `${variant.field}=${text}`)
  const headers = chosen.filter(({ variant }) => variant.source === 'header').map(({ variant, text }): Field => [variant.field, text])
  return [...(cookies.length === 0 ? [] : [['Cookie', cookies.join('; ')] as const]), ...headers]
}

/** What a client sends to get the i-th value; the key function itself has the last word. */
function textOf(variant: Variant, i: number, policy: LoadedPolicy): string {
  const wanted = variant.values[i] as Variant['values'][number]
  const text = [wanted.forward, wanted.value].find((candidate) => {
    const request = { method: 'GET', target: '/', host: '', scheme: '', guarded: '', cookie: variant.source === 'cookie' ? `${variant.field}=${candidate}` : '', header: () => candidate }
    return selectVariants(request, { ...policy, variants: [variant] }) === wanted.value
  })
  if (text === undefined) {
    throw usageError(`--all-variants: ${variant.name}=${wanted.value} is selected by a pattern, and neither "${wanted.forward}" nor "${wanted.value}" matches it; give -H with a ${variant.field} that does`)
  }
  return text
}
