// A key that is read back says the page that it was made of.

import { describe, expect, test } from 'vitest'
import { besideKeyOf } from '../../node-writer/invalidation/claim.js'
import { keyOf as leaseKeyOf } from '../../node-writer/invalidation/lease.js'
import { pagesOfUrl, sha256Hex } from '../../node-writer/key.js'
import { readKey } from '../../node-writer/listing/key_text.js'
import { loadPolicy } from '../../node-writer/policy/load.js'
import { searchRuleKey } from '../../njs/core/key.js'
import { variantKeyOf } from '../../njs/core/vary.js'

const policy = loadPolicy({})
const inTwo = loadPolicy({ variants: [{ name: 'lang', cookie: 'lang', values: ['en', 'de'] }, { name: 'money', cookie: 'money', values: ['EUR', 'USD'] }] })

const keyOf = (url: string, of = policy): string => pagesOfUrl(url, of)[0]?.key as string

test.each([
  'http://example.org/',
  'https://example.org:8443/a?b=1&a=2',
  'http://example.org/a%20b?c=%C3%A9',
  'http://example.org/a^41?b=^^',
  'http://example.org/?b=%',
  'http://[::1]:8080/a:b'
])('%s', (url) => {
  const [page] = pagesOfUrl(url, policy)
  const { key, scheme, host, target } = page as NonNullable<typeof page>
  expect(readKey(key, policy)).toEqual({ role: 'page', url: `${scheme}://${host}${target}`, isWhole: true, variants: '' })
})

test('every combination of variants', () => {
  const pages = pagesOfUrl('http://example.org/a', inTwo)
  expect(pages.map(({ key }) => readKey(key, inTwo))).toEqual(pages.map(({ variants }) => ({ role: 'page', url: 'http://example.org/a', isWhole: true, variants })))
})

describe('what belongs to a page', () => {
  for (const url of ['http://example.org/a?b', `http://example.org/${'x'.repeat(300)}`]) {
    const key = keyOf(url)
    const isWhole = url.length < 100
    test.each([
      { role: 'page', of: key },
      { role: 'second', of: variantKeyOf(key, 'AbCdEfGhI-_0', '0'.repeat(32)) },
      { role: 'lease', of: leaseKeyOf(variantKeyOf(key, '', '0'.repeat(32))) },
      { role: 'claim', of: besideKeyOf(key) },
      { role: 'lease', of: leaseKeyOf(key) },
      { role: 'unknown', of: `${key}#later` }
    ])(`$role of a ${isWhole ? 'whole' : 'shortened'} key`, ({ role, of }) => {
      const read = readKey(of, policy)
      expect(read).toMatchObject({ role, isWhole, variants: '' })
      expect(url.startsWith(read?.url as string)).toBe(true)
      expect(read?.url === url).toBe(isWhole)
    })
  }
  test('the rule of a path', () => {
    expect(readKey(searchRuleKey('http', 'example.org', '/a?b', policy, sha256Hex), policy)).toMatchObject({ role: 'rule', url: 'http://example.org/a' })
  })
})

test('items of the whole policy have no page', () => {
  expect(readKey(`${policy.keyHead}#bans`, policy)).toMatchObject({ role: 'bans', url: '' })
  expect(readKey(`${policy.keyHead}#b:abc`, policy)).toMatchObject({ role: 'body', url: '' })
  expect(readKey(`${policy.keyHead}whatever`, policy)).toMatchObject({ role: 'unknown' })
})

test("another policy's key is none of this one", () => {
  expect(readKey(keyOf('http://example.org/', inTwo), policy)).toBeNull()
})
