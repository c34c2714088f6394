// What moves keys, and what must not: a line that goes red here empties every deployed cache, or lets two sides with
// different policies meet under one key.

import { describe, expect, it } from 'vitest'
import { TRACKING_ARGUMENTS } from '../../node-writer/policy/defaults.js'
import { loadPolicy } from '../../node-writer/policy/load.js'
import type { PolicyDocument, VariantDocument } from '../../node-writer/policy/types.js'

const device: VariantDocument = { name: 'device', header: 'user-agent', values: [{ value: 'phone', pattern: 'Mobile', forward: 'Mobile' }, 'desktop'], default: 'desktop' }
const head = (document: PolicyDocument): string => loadPolicy(document).keyHead

describe('moves keys', () => {
  const cases: { id: string; a: PolicyDocument; b: PolicyDocument }[] = [
    { id: 'the form of entries', a: {}, b: { mode: 'raw' } },
    { id: 'a fixed scheme', a: {}, b: { scheme: 'https' } },
    { id: 'the other scheme', a: { scheme: 'http' }, b: { scheme: 'https' } },
    { id: 'an ignored argument', a: {}, b: { query: { ignore: ['x'] } } },
    { id: 'the default list', a: {}, b: { query: { ignoreDefaults: false } } },
    { id: 'only some arguments', a: {}, b: { query: { only: ['x'] } } },
    { id: 'only no argument', a: { query: { ignoreDefaults: false } }, b: { query: { only: [] } } },
    { id: 'sorting', a: {}, b: { query: { sort: false } } },
    { id: 'an allowed ambiguity', a: {}, b: { allowAmbiguous: ['semicolon'] } },
    { id: 'a dimension', a: {}, b: { variants: [device] } },
    { id: 'a value\'s pattern', a: { variants: [device] }, b: { variants: [{ ...device, values: [{ value: 'phone', pattern: 'Mob', forward: 'Mobile' }, 'desktop'] }] } },
    { id: 'a pattern\'s case', a: { variants: [device] }, b: { variants: [{ ...device, values: [{ value: 'phone', pattern: { pattern: 'Mobile', caseSensitive: true }, forward: 'Mobile' }, 'desktop'] }] } },
    { id: 'what the app is shown', a: { variants: [device] }, b: { variants: [{ ...device, values: [{ value: 'phone', pattern: 'Mobile', forward: 'Mobile 2' }, 'desktop'] }] } },
    { id: 'the default value', a: { variants: [device] }, b: { variants: [{ ...device, default: 'phone' }] } },
    { id: 'where a dimension is read', a: { variants: [{ name: 'c', cookie: 'c', values: ['a', 'b'] }] }, b: { variants: [{ name: 'c', header: 'c', values: ['a', 'b'] }] } },
    { id: 'the prefix', a: {}, b: { prefix: 'other' } }
  ]
  it.each(cases)('$id', ({ a, b }) => expect(head(a)).not.toBe(head(b)))
})

describe('moves no keys', () => {
  const cases: { id: string; a: PolicyDocument; b: PolicyDocument }[] = [
    { id: 'what is never cached', a: {}, b: { ignore: ['/x'] } },
    { id: 'which hosts are served', a: {}, b: { hosts: ['example.org'] } },
    { id: 'which cookies are sessions', a: {}, b: { cookies: { session: ['x'], sessionDefaults: false, except: ['y'] } } },
    { id: 'how long pages are kept', a: {}, b: { routes: [{ match: '/', ttl: 60, type: 'text/plain' }] } },
    { id: 'which fields are removed', a: {}, b: { headers: { unkeyed: ['x'], unkeyedDefaults: false } } },
    { id: 'the longest target', a: {}, b: { maxTargetBytes: 100 } },
    { id: 'what becomes of responses', a: {}, b: { responses: { dropCookies: ['x'], tagHeaders: [], showTags: true, makeEtag: true, revalidateFor: 0, maxTtl: 60, heuristic: {}, stale: { max: 1, ifError: 1 } } } },
    { id: 'reloads', a: {}, b: { requestNoCache: true } },
    { id: 'the schema for the editor', a: {}, b: { $schema: './x.json' } },
    { id: 'a default written out', a: {}, b: { mode: 'full', query: { sort: true, ignore: [], ignoreDefaults: true } } },
    { id: 'the default list written out', a: {}, b: { query: { ignoreDefaults: false, ignore: [...TRACKING_ARGUMENTS] } } },
    { id: 'the order of a list', a: { query: { ignore: ['a', 'b'] } }, b: { query: { ignore: ['b', 'a'] } } },
    { id: 'the case of a field name', a: { variants: [device] }, b: { variants: [{ ...device, header: 'User-Agent' }] } }
  ]
  it.each(cases)('$id', ({ a, b }) => expect(head(a)).toBe(head(b)))
})
