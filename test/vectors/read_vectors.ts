// The vector files, typed, with their policies loaded as a site's would be.

import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { EntryHead } from '../../njs/core/entry.js'
import type { Verdict } from '../../njs/core/resolve.js'
import { loadPolicy } from '../../node-writer/policy/load.js'
import type { LoadedPolicy } from '../../node-writer/policy/types.js'
import type { VectorRequest } from './to_request.js'
import type { HttpInput } from './to_result.js'

export interface Vector {
  id: string
  why: string
  spec?: string
  policy: string
  in: VectorRequest
  /** What is not named here is not compared; `page` is the key without the policy's key head. */
  out: Partial<Verdict> & { page?: string }
}

export interface Group {
  id: string
  why: string
  policy: string
  same?: VectorRequest[]
  distinct?: VectorRequest[]
}

export interface GoldenKey {
  id: string
  why: string
  policy: string
  in: VectorRequest
  key: string
}

export interface EntryVector {
  id: string
  why: string
  in: { head: string; itemBytes: number }
  out: EntryHead | null
}

/** A condition, date, range, vary marker or request directive, and what the core makes of it (to_result.ts). */
export interface HttpVector {
  id: string
  why: string
  spec?: string
  in: HttpInput
  out: string
}

export interface WireVector {
  id: string
  why: string
  policy: string
  /** The bytes of the request, one character a byte. */
  raw: string
  out: { status: 400 } | { bypass: string } | { page: string; forward?: string; host?: string }
  /** What Node makes of the same bytes, where that is not the same. */
  node?: { status: 400 } | { bypass: string } | { page: string }
  /** What Node answers when Nginx hands the request on, where it refuses that. */
  app?: 400
}

const folder = fileURLToPath(new URL('.', import.meta.url))

export function readFile<Rows>(name: string): Rows {
  return JSON.parse(readFileSync(join(folder, name), 'utf8')) as Rows
}

/** The files whose vectors are a request and what resolve() makes of it. */
export const resolveFiles = ['normalise.json', 'decide.json', 'variant.json', 'key.json'] as const

export const resolveVectors: Vector[] = resolveFiles.flatMap((name) => readFile<Vector[]>(name))
export const groups = readFile<Group[]>('groups.json')

export const policyNames = readdirSync(join(folder, 'policies')).map((file) => basename(file, '.json'))

const policies = new Map(policyNames.map((name) => [name, loadPolicy(join(folder, 'policies', `${name}.json`))]))

export function policyOf(name: string): LoadedPolicy {
  const policy = policies.get(name)
  if (policy === undefined) throw new Error(`test/vectors/policies has no ${name}.json`)
  return policy
}
