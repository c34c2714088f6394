// Random patterns, mostly of the portable grammar, and texts that make a backtracking engine try everything.

export type Random = () => number

/** The same numbers for the same seed (Numerical Recipes' LCG: enough to choose, and nothing to install). */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

const ATOMS = ['a', 'b', 'c', '/', '[ab]', '[^/]', '.', '\\w', '[^a]', 'A', '\\.', '[a-c/]', '\\d', '[\\w.]', '-', '[+-]', '\\?']
const QUANTIFIERS = ['*', '+', '?', '{2}', '{1,3}', '*?', '+?', '{2,}', '??']

export function* patternsFrom(seed: number, count: number): Generator<{ pattern: string; random: Random }> {
  const random = randomFrom(seed)
  for (let i = 0; i < count; i++) yield { pattern: alternatives(random, 0), random }
}

function alternatives(random: Random, depth: number): string {
  let text = sequence(random, depth)
  while (random() < 0.25) text += '|' + sequence(random, depth)
  return random() < 0.1 ? text + '$' : text
}

function sequence(random: Random, depth: number): string {
  let text = ''
  for (let left = 1 + Math.floor(random() * 4); left > 0; left--) text += piece(random, depth)
  return text
}

function piece(random: Random, depth: number): string {
  const kind = random()
  if (kind < 0.05) return pick(random, ['\\b', '\\B'])
  const atom = kind < 0.65 || depth > 3 ? pick(random, ATOMS) : `(?:${alternatives(random, depth + 1)})`
  return random() < 0.5 ? atom : atom + pick(random, QUANTIFIERS)
}

/** One word over and over, up to `length`, and then something else, so that the engine comes back. */
export function* slowTexts(random: Random, length: number, count: number): Generator<string> {
  for (let i = 0; i < count; i++) {
    let word = ''
    for (let left = 1 + Math.floor(random() * 4); left > 0; left--) word += pick(random, [...'abcab/A.1'])
    const text = word.repeat(length).slice(0, length - Math.floor(random() * 3))
    yield random() < 0.6 ? text.slice(0, -1) + pick(random, [...'!/bc']) : text
  }
}

function pick<Item>(random: Random, items: Item[]): Item {
  return items[Math.floor(random() * items.length)] as Item
}

const SOUP = [...Array.from({ length: 95 }, (_, index) => String.fromCharCode(0x20 + index)), '[', ']', '[^', '-', '-', '\\', '(', ')', '(?:', '|', '*', '+', '?', '{1,2}', '^', '$', '\\d', '\\w', '\\b', '[:', ':]', 'a-', 'a', 'b']

/** Any characters at all, most of it no pattern; every other one in the brackets of a class. */
export function* soupFrom(seed: number, count: number): Generator<string> {
  const random = randomFrom(seed)
  for (let i = 0; i < count; i++) {
    let text = ''
    for (let left = 1 + Math.floor(random() * 6); left > 0; left--) text += pick(random, SOUP)
    yield i % 2 === 0 ? text : `[${text}]`
  }
}
