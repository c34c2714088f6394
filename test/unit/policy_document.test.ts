// docs/policy.md says what schema.json says, and what the decision really does.

import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { policyMarkdown } from '../../node-writer/policy/document.js'
import { loadPolicy } from '../../node-writer/policy/load.js'
import schema from '../../node-writer/policy/schema.json' with { type: 'json' }
import type { PolicyDocument } from '../../node-writer/policy/types.js'

it('docs/policy.md is up to date: npx tsx node-writer/policy/document.ts', () => {
  expect(readFileSync(new URL('../../docs/policy.md', import.meta.url), 'utf8')).toBe(policyMarkdown())
})

interface Field { title?: string; description?: string; examples?: unknown[]; allOf?: unknown; $ref?: string; properties?: Record<string, Field>; items?: Field; additionalProperties?: boolean }

function fieldsOf(field: Field, path: string): [string, Field][] {
  return [[path, field] as [string, Field], ...Object.entries(field.properties ?? {}).flatMap(([name, child]) => fieldsOf(child, `${path}.${name}`)), ...(field.items === undefined ? [] : fieldsOf(field.items, path + '[]'))]
}

it.each(fieldsOf(schema as Field, '$').concat(fieldsOf(schema.definitions.pattern as Field, 'pattern')).filter(([, field]) => field.$ref === undefined))('%s has what an editor shows', (_, field) => {
  expect(field.title).toBeTruthy()
  expect(field.description).toMatch(/[.`]$/)
  expect(field.examples?.length).toBeGreaterThan(0)
  if (field.properties !== undefined) expect(field.additionalProperties).toBe(false)
})

const examples = Object.entries(schema.properties as Record<string, { examples: unknown[] }>).flatMap(([name, field]) => field.examples.map((example): [string, PolicyDocument] => [`${name}: ${JSON.stringify(example)}`, { [name]: example }]))

it.each(examples)('the example %s can be loaded', (_, document) => {
  expect(loadPolicy(document).keyHead).toContain(':1')
})
