// What becomes of the tags of a response: all of them, or it is not stored.

import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import type { Fields } from '../../node-writer/http/fields.js'
import { loadPolicy } from '../../node-writer/policy/load.js'
import { offerTags, tagsOf, withoutTagFields } from '../../node-writer/tags.js'
import '../../node-writer/page_cache.js'

const policy = loadPolicy({})
const page = { scheme: 'https', host: 'a.example' }
const response = (...tags: (string | string[])[]): ServerResponse => {
  const res = new ServerResponse(new IncomingMessage(new Socket()))
  offerTags(res)
  return res.samekeyTags(...tags)
}
const long = (length: number) => 'x'.repeat(length)
const many = (count: number) => Array.from({ length: count }, (_, i) => `tag${i}`)

describe('tags of a response', () => {
  test.each<{ id: string; fields?: Fields; given?: (string | string[])[]; kept?: string[]; tags: string[] }>([
    { id: 'none', tags: [] },
    { id: 'Cache-Tag: commas', fields: [['Cache-Tag', 'a, b,,c ']], tags: ['a', 'b', 'c'] },
    { id: 'Surrogate-Key: spaces', fields: [['surrogate-key', 'a  b\tc']], tags: ['a', 'b', 'c'] },
    { id: 'both, repeated, each once', fields: [['Cache-Tag', 'a'], ['Cache-Tag', 'b'], ['Surrogate-Key', 'b c']], tags: ['a', 'b', 'c'] },
    { id: 'from code', given: ['a', ['b', 'c'], 'a'], tags: ['a', 'b', 'c'] },
    { id: 'from the field and from code', fields: [['Cache-Tag', 'a']], given: ['b'], tags: ['a', 'b'] },
    { id: 'case counts', given: ['a', 'A'], tags: ['a', 'A'] },
    { id: 'groups belong to their origin', fields: [['Cache-Groups', '"x y", "z"']], tags: ['g:https://a.example/x%20y', 'g:https://a.example/z'] },
    { id: 'a field that is no List of Strings has no groups', fields: [['Cache-Groups', 'x']], tags: [] },
    { id: 'a page that was confirmed keeps its tags, and has the groups of the new header', fields: [['Cache-Groups', '"new"']], kept: ['a', 'g:https://a.example/old'], given: ['b'], tags: ['a', 'b', 'g:https://a.example/new'] },
    { id: 'the most and the longest', given: [...many(49), long(128)], tags: [...many(49), long(128)] },
    { id: 'as many groups as there may be', fields: [['Cache-Groups', many(64).map((tag) => `"${tag}"`).join()]], tags: many(64).map((tag) => `g:https://a.example/${tag}`) }
  ])('$id', ({ fields = [], given = [], kept = [], tags }) => {
    expect(tagsOf(fields, response(...given), page, policy, kept)).toEqual({ tags })
  })

  test.each<{ id: string; fields?: Fields; given?: string[]; kept?: string[]; unusable: RegExp }>([
    { id: 'a space', given: ['a b'], unusable: /"a b"/ },
    { id: 'a comma', given: ['a,b'], unusable: /"a,b"/ },
    { id: 'nothing', given: [''], unusable: /""/ },
    { id: 'beyond ASCII', given: ['ä'], unusable: /"ä"/ },
    { id: 'a line end', given: ['a\nb'], unusable: /"a\\nb"/ },
    { id: 'too long', fields: [['Cache-Tag', long(129)]], unusable: /129 characters/ },
    { id: 'too many', given: many(51), unusable: /more than 50/ },
    { id: 'too many together with those that were kept', given: many(50), kept: ['old'], unusable: /more than 50/ },
    { id: 'without end', given: many(1e4), unusable: /more than 50/ },
    { id: 'too many groups', fields: [['Cache-Groups', many(65).map((tag) => `"${tag}"`).join()]], unusable: /cache-groups/ },
    { id: 'a group that is too long', fields: [['Cache-Groups', `"${long(129)}"`]], unusable: /cache-groups/ }
  ])('$id: none of them, so that the page is not stored', ({ fields = [], given = [], kept = [], unusable }) => {
    expect(tagsOf(fields, response(...given), page, policy, kept)).toEqual({ unusable: expect.stringMatching(unusable) })
  })

  test('raw entries have none', () => {
    expect(tagsOf([['Cache-Tag', 'a b c'], ['Cache-Groups', '"x"']], response('ä'), page, loadPolicy({ mode: 'raw' }))).toEqual({ tags: [] })
  })

  test('the fields that the policy names, and those alone', () => {
    const own = loadPolicy({ responses: { tagHeaders: ['X-Tags'] } })
    expect(tagsOf([['Cache-Tag', 'a'], ['x-tags', 'b']], response(), page, own)).toEqual({ tags: ['b'] })
  })

  test('are not shown, unless the policy says so', () => {
    const fields: Fields = [['Cache-Tag', 'a'], ['SURROGATE-KEY', 'b'], ['ETag', '"x"'], ['Cache-Groups', '"c"']]
    expect(withoutTagFields(fields, policy)).toEqual([['ETag', '"x"'], ['Cache-Groups', '"c"']])
    expect(withoutTagFields(fields, loadPolicy({ responses: { showTags: true } }))).toEqual(fields)
  })
})
