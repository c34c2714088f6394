// The portable grammar: what is accepted, what is refused and in which words, and that nothing accepted can be slow.

import { describe, expect, it } from 'vitest'
import { anchoredRegex, MAX_STEPS, parsePattern, RegexProblem, searchingRegex } from '../../node-writer/policy/regex.js'
import type { Pattern } from '../../node-writer/policy/types.js'
import { patternsFrom, slowTexts } from './policy_random_patterns.js'
import { countSteps } from './policy_step_counter.js'

const TARGET = { maxLength: 2048, anchored: true, mayBeEmpty: false }
const TEXT = { maxLength: 1024, anchored: false, mayBeEmpty: false }

function problemOf(pattern: Pattern, use = TARGET): string {
  try {
    parsePattern(pattern, use)
  } catch (error) {
    if (error instanceof RegexProblem) return error.message
    throw error
  }
  return 'accepted'
}

describe('accepted patterns match from the start of the target', () => {
  const cases: { id: string; pattern: Pattern; matches: string[]; not: string[] }[] = [
    { id: 'a prefix', pattern: '/admin', matches: ['/admin', '/Administration', '/admin?x'], not: ['/en/admin', '/adm'] },
    { id: 'a leading ^ says nothing new', pattern: '^/admin', matches: ['/admin'], not: ['/x/admin'] },
    { id: 'a ^ in each alternative', pattern: '^/a|^/b', matches: ['/a', '/b'], not: ['/c/a'] },
    { id: 'case-sensitive', pattern: { pattern: '/Files', caseSensitive: true }, matches: ['/Files/a'], not: ['/files/a'] },
    { id: 'alternatives stay together', pattern: '/a|/b', matches: ['/b/x'], not: ['/x/b'] },
    { id: 'the end', pattern: '/x(?:/|$|\\?)', matches: ['/x', '/x/y', '/x?z'], not: ['/xy'] },
    { id: 'an extension', pattern: '.*\\.php$', matches: ['/a/b.php', '/.PHP'], not: ['/a.php5', '/aphp'] },
    { id: 'segments', pattern: '/[^/]+/edit/[^/]+', matches: ['/7/edit/9'], not: ['/7/8/edit/9', '/7/edit/'] },
    { id: 'repeated segments', pattern: '(?:/[a-z]+)*/x', matches: ['/x', '/a/b/x'], not: ['/1/x'] },
    { id: 'a capturing group', pattern: '/(a|b)(c)', matches: ['/ac', '/bc'], not: ['/c'] },
    { id: 'escapes', pattern: '/\\d\\w\\D\\W\\.\\-\\/\\{\\}\\]\\[', matches: ['/1_a-.-/{}]['], not: ['/a'] },
    { id: 'a word edge', pattern: '/ab\\b', matches: ['/ab', '/ab-c'], not: ['/abc'] },
    { id: 'no word edge', pattern: '/ab\\B', matches: ['/abc'], not: ['/ab', '/ab/'] },
    { id: 'hyphens that are only hyphens', pattern: '/[-a][a-][^-a][\\w-][a\\-z]', matches: ['/--b--', '/aacza'], not: ['/---z-'] },
    { id: 'punctuation in a class', pattern: '/[.+*?(){}|$\\]\\[^"\'<>]{3}', matches: ['/.$^', '/[]{'], not: ['/a..'] },
    { id: 'counts', pattern: '/a{2}b{2,}c{0,2}$', matches: ['/aabb', '/aabbbbcc'], not: ['/aab', '/aabbccc'] },
    { id: 'lazy', pattern: '/a+?b', matches: ['/aab'], not: ['/a'] },
    { id: 'a query', pattern: '/search\\?(?:[^&]*&)*print=1', matches: ['/search?a=1&print=1'], not: ['/search?reprint=1'] },
    { id: 'encoded UTF-8', pattern: '/caf%C3%A9', matches: ['/caf%C3%A9'], not: ['/cafe'] },
    { id: 'a trailing .* costs nothing', pattern: '.*/edit/.*', matches: ['/1/edit/2'], not: ['/edit'] },
    { id: 'an empty alternative in a group', pattern: '/a(?:|/b)$', matches: ['/a', '/a/b'], not: ['/ab'] }
  ]
  it.each(cases)('$id: $pattern', ({ pattern, matches, not }) => {
    const regex = anchoredRegex([parsePattern(pattern, TARGET)])
    expect(matches.filter((text) => !regex.test(text)), 'should match').toEqual([])
    expect(not.filter((text) => regex.test(text)), 'should not match').toEqual([])
  })

  it('captures nothing', () => {
    expect(anchoredRegex([parsePattern('/(a|(b))\\(c', TARGET)]).exec('/b(c')).toHaveLength(1)
  })
})

describe('refused patterns: construct, offset, carets, advice', () => {
  // Each one is read differently by PCRE and V8, or only by one of them, unless it says otherwise.
  const cases: { pattern: string; message: string }[] = [
    { pattern: '/x(?=a)', message: 'a lookahead at offset 2: the engines differ; write several patterns, or a class such as [^/]\n    /x(?=a)\n      ^^^^^' },
    { pattern: '/x(?!a)', message: 'a lookahead at offset 2' },
    { pattern: '(?<=a)b', message: 'a lookbehind at offset 0' },
    { pattern: '(?<!a+)b', message: 'a lookbehind at offset 0' },
    { pattern: '(x)\\1', message: 'the back-reference \\1 at offset 3: the engines differ; write out what it stands for' },
    { pattern: '(?<n>x)\\k<n>', message: 'a named group at offset 0: write (?:...)' },
    { pattern: '\\k<a>', message: 'the escape \\k at offset 0' },
    { pattern: '\\8', message: 'the escape \\8 at offset 0' },
    { pattern: '\\1', message: 'the escape \\1 at offset 0' },
    { pattern: '(?P<n>x)', message: 'a special group at offset 0: the engines differ; write (?:...)' },
    { pattern: '(?i)x', message: 'a special group at offset 0' },
    { pattern: '(?i:x)', message: 'inline flags at offset 0: use {"pattern": "...", "caseSensitive": true}' },
    { pattern: '/(?>a)', message: 'a special group at offset 1' },
    { pattern: '(?#note)x', message: 'a special group at offset 0' },
    { pattern: '(?R)', message: 'a special group at offset 0' },
    { pattern: '(?|a|b)', message: 'a special group at offset 0' },
    { pattern: '(*ACCEPT)', message: 'no valid regex at offset 1: nothing to repeat' },
    { pattern: 'a*+b', message: 'no valid regex at offset 2: nothing to repeat' },
    { pattern: '/[[:alpha:]]', message: 'a bare [ in a class at offset 2: PCRE may read a POSIX class such as [:alpha:]; write \\[, or a-z for letters\n    /[[:alpha:]]\n      ^' },
    { pattern: '[[.a.]]', message: 'a bare [ in a class at offset 1' },
    { pattern: '/[:a:]', message: 'the class [:a:] at offset 1: PCRE reads it as a POSIX class; put another character than : first' },
    { pattern: '[.a.]', message: 'the class [.a.] at offset 0' },
    { pattern: '[=a\\=]', message: 'the class [=a\\=] at offset 0' },
    { pattern: '[\\w-.]', message: 'a hyphen beside an escape or a range at offset 1: write \\- or put it last in the class\n    [\\w-.]\n     ^^^^' },
    { pattern: '[a-\\d]', message: 'a hyphen beside an escape or a range at offset 1' },
    { pattern: '[a-c-e]', message: 'a hyphen beside an escape or a range at offset 1' },
    { pattern: '[]a]', message: 'the class [] at offset 0: PCRE reads the ] as a character; write \\] for it' },
    { pattern: '[^]', message: 'the class [^] at offset 0' },
    { pattern: '[\\b]', message: 'the escape \\b in a class at offset 1' },
    { pattern: 'a{,2}', message: 'a bare { at offset 1: PCRE may read it as part of a count or class; write \\{' },
    { pattern: 'a{', message: 'a bare { at offset 1' },
    { pattern: 'a}', message: 'a bare } at offset 1' },
    { pattern: 'a]', message: 'a bare ] at offset 1' },
    { pattern: '\\h', message: 'the escape \\h at offset 0: only punctuation, d, w, s and b follow a backslash; write h' },
    { pattern: '\\R', message: 'the escape \\R at offset 0' },
    { pattern: '\\K', message: 'the escape \\K at offset 0' },
    { pattern: '\\N', message: 'the escape \\N at offset 0' },
    { pattern: '\\G', message: 'the escape \\G at offset 0' },
    { pattern: '\\Q.\\E', message: 'the escape \\Q at offset 0' },
    { pattern: '\\e', message: 'the escape \\e at offset 0' },
    { pattern: '\\a', message: 'the escape \\a at offset 0' },
    { pattern: '\\A/x', message: 'the escape \\A at offset 0' },
    { pattern: '/x\\z', message: 'the escape \\z at offset 2' },
    { pattern: '\\p{L}', message: 'the escape \\p at offset 0' },
    { pattern: '\\x41', message: 'the escape \\x41 at offset 0: only punctuation, d, w, s and b follow a backslash; write A' },
    { pattern: '\\u0041', message: 'the escape \\u0041 at offset 0' },
    { pattern: '\\101', message: 'the escape \\101 at offset 0' },
    { pattern: '\\cA', message: 'the escape \\cA at offset 0: only punctuation, d, w, s and b follow a backslash; a canonical target has no such character' },
    { pattern: '\\n', message: 'the escape \\n at offset 0' },
    { pattern: '\\0', message: 'the escape \\0 at offset 0' },
    { pattern: '/caf\u00e9', message: 'the character "\u00e9" at offset 4: a pattern has only printable ASCII, because a canonical target has; write %C3%A9' },
    { pattern: '/\u{1f600}', message: 'the character "\u{1f600}" at offset 1: a pattern has only printable ASCII, because a canonical target has; write %F0%9F%98%80' },
    { pattern: '/a\tb', message: 'the character "\\t" at offset 2' },
    { pattern: '/a^b', message: 'a ^ that is not at the start at offset 2: remove it, or write \\^ for the character' },
    { pattern: '(?:^/a)', message: 'a ^ that is not at the start at offset 3' },
    { pattern: '/a$b', message: 'a $ that is not at the end at offset 2: remove it, or write \\$ for the character' },
    { pattern: '(a', message: 'no valid regex at offset 2: unterminated group' },
    { pattern: '[b-a]', message: 'no valid regex at offset 3: range out of order in character class' },
    { pattern: 'a{3,2}', message: 'no valid regex at offset 5: numbers out of order in {} quantifier' },
    { pattern: '\\', message: 'no valid regex at offset 0: \\ at end of pattern' },
    { pattern: '(?:a*)*', message: 'a repetition of something that can be empty at offset 0' },
    { pattern: '(?:a|$)+', message: 'a repetition of something that can be empty at offset 0' },
    { pattern: 'a{1001}', message: 'a large count at offset 0: write at most 1000, or + or *' },
    { pattern: '('.repeat(21) + 'a' + ')'.repeat(21), message: 'a deeply nested group at offset 20: nest at most 20 groups' },
    { pattern: '/a{0}', message: 'a count of zero at offset 1' },
    // These mean the same everywhere, and the same as no pattern at all.
    { pattern: '.*', message: 'a pattern that can match nothing at offset 0' },
    { pattern: '/a|', message: 'a pattern that can match nothing at offset 0' }
  ]
  it.each(cases)('$pattern', ({ pattern, message }) => {
    const found = problemOf(pattern)
    // A message without its excerpt is compared as far as it goes.
    expect(found.slice(0, message.length)).toBe(message)
    expect(found).toMatch(/at offset \d+: .+\n {4}.+\n {4} *\^+$/)
  })

  it('shows only the neighbourhood of a place in a long pattern', () => {
    const lines = problemOf('/' + 'x'.repeat(300) + '\\h' + 'y'.repeat(300)).split('\n')
    expect(lines[1]).toHaveLength(64)
    expect(lines[2]).toBe('    ' + ' '.repeat(20) + '^^')
    expect(lines[1]?.slice(24, 26)).toBe('\\h')
  })
})

describe('patterns that could be slow are refused, with the two places that compete', () => {
  const cases: { pattern: string; message: string }[] = [
    { pattern: '(a+)+', message: '"a+" at 1 competes with its own next round for "a": it could take more than 9,007,199,254,740,991 steps' },
    { pattern: '(a+)+$', message: '"a+" at 1 competes with its own next round for "a"' },
    { pattern: '(?:[a-z]+/?)*x', message: '"[a-z]+" at 3 competes with its own next round' },
    { pattern: '.*.*=', message: '".*" at 2 and "=" at 4 compete for "="' },
    { pattern: '.*a.*b', message: '".*" at 3 and "b" at 5 compete for "b"' },
    { pattern: 'a?'.repeat(30) + 'b', message: 'compete for "a"' },
    { pattern: '(?:a|ab)*c', message: '"a" at 3 and "ab" at 5 compete for "a"' },
    { pattern: '(?:a|a)*b', message: '"a" at 3 and "a" at 5 compete for "a"' },
    { pattern: '(?:.*/)*x', message: '".*" at 3 and "/" at 5 compete for "/"' },
    { pattern: '[aA]*a*b', message: '"[aA]*" at 0 and "a*" at 5 compete for "a"' },
    { pattern: '\\w*\\d*[0-9_]*x', message: 'compete for' }
  ]
  it.each(cases)('$pattern', ({ pattern, message }) => expect(problemOf(pattern)).toContain(message))

  it('case-insensitivity makes letters compete', () => {
    expect(parsePattern({ pattern: 'a*b*A*/', caseSensitive: true }, TARGET).steps).toBeLessThan(20_000)
    expect(problemOf('a*b*A*/')).toContain('compete for')
  })

  it.each(['Mobile|iPhone', 'Android.*Mobile', 'Windows.*Phone', '^de\\b'])('what tells devices apart is possible: %s', (pattern) => {
    expect(searchingRegex(parsePattern(pattern, TEXT))).toBeInstanceOf(RegExp)
  })

  it('a search that begins with .* is refused: it is a search already', () => {
    expect(problemOf('.*Mobile', TEXT)).toContain('".*" at 0 and "M" at 2 compete')
  })
})

describe('the bound holds', () => {
  it('for random patterns against the texts that hurt them', () => {
    const length = 48
    let accepted = 0
    let closest = 0
    for (const { pattern, random } of patternsFrom(20261124, 4000)) {
      const anchored = random() < 0.6
      const caseSensitive = random() < 0.5
      if (problemOf({ pattern, caseSensitive }, { maxLength: length, anchored, mayBeEmpty: true }) !== 'accepted') continue
      const { source, steps } = parsePattern({ pattern, caseSensitive }, { maxLength: length, anchored, mayBeEmpty: true })
      accepted++
      // The rest of the way to a million would only be slow to count.
      const limit = steps + 2 * length
      if (limit > 30_000) continue
      for (const text of slowTexts(random, length, 8)) closest = Math.max(closest, countSteps(source, text, { anchored, ignoreCase: !caseSensitive, limit }) / limit)
    }
    expect(accepted).toBeGreaterThan(1000)
    // The bound is not so generous that it would prove nothing.
    expect(closest).toBeGreaterThan(0.4)
  })

  // Each needs one rule of the bound: without it, the count is higher.
  const crafted: { id: string; pattern: string; anchored: boolean; text: string }[] = [
    { id: 'a beginning that overlaps itself is looked for at every position', pattern: 'aaaaaaab', anchored: false, text: 'a'.repeat(24) },
    { id: 'alternatives that begin alike multiply', pattern: '(?:a|aa|aaa|aaaa)(?:a|aa|aaa|aaaa)(?:a|aa|aaa|aaaa)b', anchored: true, text: 'a'.repeat(24) },
    { id: 'letters of both cases compete', pattern: 'a*A*a*A*b', anchored: true, text: 'aA'.repeat(12) },
    { id: 'a repetition competes with what follows its group', pattern: '(?:x|a*)a*a*b', anchored: true, text: 'a'.repeat(24) },
    { id: 'rounds multiply', pattern: '(?:a|aa){6}b', anchored: true, text: 'a'.repeat(24) },
    { id: 'a search is tried at every position', pattern: 'a*b', anchored: false, text: 'a'.repeat(24) }
  ]
  it.each(crafted)('$id', ({ pattern, anchored, text }) => {
    const { source, steps } = parsePattern(pattern, { maxLength: text.length, anchored, mayBeEmpty: true })
    const limit = steps + 2 * text.length
    expect(countSteps(source, text, { anchored, ignoreCase: true, limit })).toBeGreaterThan(limit / 40)
  })

  it.each(['/[^/]+/edit/[^/]+', '.*\\.php$', '(?:/[a-z]+)*/x', '.*\\.(?:jpg|jpeg|gif|png|css|js)$'])('%s stays below its bound on long targets', (pattern) => {
    expect(parsePattern(pattern, TARGET).steps).toBeLessThan(MAX_STEPS / 10)
    // The counter recurses; the bound is made for the shorter text just as for the longer one.
    const length = 512
    const { source, steps } = parsePattern(pattern, { ...TARGET, maxLength: length })
    for (const word of ['/', '.', '/a', '.p', '.ph', '.jpeg', '/x/', 'a']) {
      countSteps(source, word.repeat(length).slice(0, length - 1) + '!', { anchored: true, ignoreCase: true, limit: steps + 2 * length })
    }
  })
})
