// The shape of a policy: schema.json is the one description of it, and what Ajv finds is said in words that tell
// where, what was found, and what is allowed.

import { Ajv, type ErrorObject } from 'ajv'
import { nearest, type PolicyProblem, show } from './problems.js'
import schema from './schema.json' with { type: 'json' }
import type { FilledDocument } from './types.js'

// Patterns and values are a text or an object, which strict mode would call a mistake.
const options = { allErrors: true, verbose: true, strict: true, allowUnionTypes: true }
const check = new Ajv(options).compile(schema)
// By itself, so that a message shows what was written and not what was filled in.
const fill = new Ajv({ ...options, useDefaults: true }).compile(schema)

/** What is wrong with the shape of a document; nothing when it is a PolicyDocument. */
export function validateShape(document: unknown): PolicyProblem[] {
  return check(document) ? [] : (check.errors ?? []).map(problemOf)
}

/** Fills in every default, in place. */
export function fillDefaults(document: unknown): FilledDocument {
  fill(document)
  return document as FilledDocument
}

function problemOf(error: ErrorObject): PolicyProblem {
  const path = jsonPath(error.instancePath)
  const parent = error.parentSchema as { $comment?: string; properties?: object; type?: string | string[] }
  const params = error.params as Record<string, unknown>
  switch (error.keyword) {
    case 'additionalProperties': {
      const name = params['additionalProperty'] as string
      const known = Object.keys(parent.properties ?? {})
      const near = nearest(name, known)
      return { path: jsonPath(`${error.instancePath}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`), message: `unknown; ${near === null ? `known are ${known.join(', ')}` : `did you mean "${near}"?`}` }
    }
    case 'required':
      return { path, message: `found ${show(error.data)}, where "${String(params['missingProperty'])}" is missing` }
    case 'uniqueItems':
      return { path, message: `items ${String(params['j'])} and ${String(params['i'])} are the same, found ${show((error.data as unknown[])[params['i'] as number])} twice` }
    case 'enum':
      return { path, message: `found ${show(error.data)}, allowed: ${(params['allowedValues'] as unknown[]).map(show).join(', ')}` }
    case 'minItems':
    case 'maxItems':
      return { path, message: `found ${(error.data as unknown[]).length} items, allowed: ${error.keyword === 'minItems' ? 'at least' : 'at most'} ${String(params['limit'])}` }
    case 'type':
      return { path, message: `found ${show(error.data)}, allowed: ${parent.$comment ?? nameOfType(parent.type)}` }
    case 'minLength':
    case 'maxLength':
      return { path, message: `found ${show(error.data)}, allowed: ${error.keyword === 'minLength' ? 'at least' : 'at most'} ${String(params['limit'])} characters` }
    default:
      return { path, message: `found ${show(error.data)}, allowed: ${parent.$comment ?? error.message ?? error.keyword}` }
  }
}

function nameOfType(type: string | string[] | undefined): string {
  const names: Record<string, string> = { string: 'a text', array: 'a list', object: 'an object', boolean: 'true or false', integer: 'a whole number' }
  return [type ?? []].flat().map((each) => names[each] ?? each).join(' or ')
}

/** RFC 6901 `/query/only/3` as `$.query.only[3]`. */
function jsonPath(pointer: string): string {
  const steps = pointer.split('/').slice(1).map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
  return steps.reduce((path, step) => (/^[0-9]+$/.test(step) ? `${path}[${step}]` : /^[$A-Za-z_][$\w]*$/.test(step) ? `${path}.${step}` : `${path}[${JSON.stringify(step)}]`), '$')
}
