// Why a test of the suite fails on purpose: choices.json, by its id, or by what ids begin with and a '*'.

import { readFileSync } from 'node:fs'

export type Choices = Record<string, string>

export function readChoices(): Choices {
  return JSON.parse(readFileSync(new URL('choices.json', import.meta.url), 'utf8')) as Choices
}

/** The reason, or undefined: nobody has decided it. */
export function reasonOf(id: string, choices: Choices): string | undefined {
  const name = Object.keys(choices).find((each) => each === id) ?? Object.keys(choices).find((each) => each.endsWith('*') && id.startsWith(each.slice(0, -1)))
  return name === undefined ? undefined : choices[name]
}
