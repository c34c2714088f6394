// The canonical target of a request with a plain query (njs/core/plain.ts), made by Nginx's own maps: docs/key-format.md
// §5 as expressions, one map a step. What they are not made for is left to JavaScript; nothing is made otherwise than there.
// Each expression is linear in the target; only the beginnings of names are compared again and again, and names are short.

import {
  DROPPED_CHARACTER, PLAIN_NAME_CHARACTER, PLAIN_PATH_CHARACTER, PLAIN_PATH_ESCAPE, PLAIN_VALUE_CHARACTER, PLAIN_VALUE_ESCAPE
} from '../njs/core/plain.js'
import type { Policy, QueryPolicy } from '../njs/core/policy.js'
import { MAX_PARAMETER_BYTES, quote, unanchored } from './conf_text.js'

/**
 * How many arguments may be kept. Each more multiplies the orders that they can stand in, and Nginx has no more than $9 for
 * what is said of each two. JavaScript has no limit.
 */
const MOST_KEPT = 4

/** How many characters their names may have: how long names begin alike is found character by character, for each two. */
const LONGEST_NAME = 40

/** Where in the rows of a map a text stands that is no target: JavaScript is to make it. */
const NOT_PLAIN = '" "'

/** Maps that set $samekey_target to the canonical target, or to a text with a space in it where JavaScript must make it. */
export function targetMaps(policy: Policy): string {
  const limit = `(?!.{${policy.maxTargetBytes + 1}})`
  const split = splitExpression(policy.query, limit)
  // A list of names that is too long for Nginx: every query is left to JavaScript.
  const possible = quote(split).length <= MAX_PARAMETER_BYTES
  const queryRow = `    # A query is split into the arguments that are kept; (?1) is a name that is dropped.
    ${quote(`~${split}`)} "$samekey_path$samekey_query";
`
  return `# The canonical target, or a text with a space in it: JavaScript must make it.
map $request_uri $samekey_target {
    ${quote(`~^${limit}${PATH}$`)} $request_uri;
${possible ? queryRow : ''}    default ${NOT_PLAIN};
}
${!possible ? '' : policy.query.sort ? orderMaps() : UNSORTED_MAP}`
}

// ------------------------------------------------------------------------------------------------------ what is kept

const PATH = `(?=\\/)(?:\\/(?!\\.)(?:${PLAIN_PATH_CHARACTER.source}++|${PLAIN_PATH_ESCAPE.source})++)*+\\/?+`
const NAME = PLAIN_NAME_CHARACTER.source
const VALUE = `${PLAIN_VALUE_CHARACTER.source}*+(?:${PLAIN_VALUE_ESCAPE.source}${PLAIN_VALUE_CHARACTER.source}*+)*+`
const DROPPED = DROPPED_CHARACTER.source

/**
 * Sets $samekey_path, and for each kept argument, in the order in which they came, the & before it, its name, and all of
 * it. Names of variables are short: Nginx warns when its table of them gets crowded.
 */
function splitExpression(query: QueryPolicy, limit: string): string {
  const dropped = `(?:(?1)(?:=${DROPPED}*+)?+)?+`
  const kept = (number: number): string =>
    `(?<samekey_pair_${number}>(?!(?1))(?<samekey_name_${number}>${NAME}{1,${LONGEST_NAME}}+)(?:=${VALUE})?+)(?=&|$)`
  const lines = [`(?(DEFINE)(${droppedName(query)}))`, `^${limit}(?<samekey_path>${PATH})\\?`]
  lines.push(`(?:${dropped}(?:&|$))*+(?:${kept(1)})?+`)
  for (let i = 2; i <= MOST_KEPT; i++) lines.push(`(?:&${dropped}(?=&|$))*+(?:(?<samekey_and_${i}>&)${kept(i)})?+`)
  lines.push(`(?:&${dropped}(?=&|$))*+$`)
  return extended(lines)
}

/** The name, from its start to its end, of an argument that is no part of the page. */
function droppedName({ drop, keep }: QueryPolicy): string {
  const ends = '(?=[=&]|$)'
  const names: string[] = []
  if (drop !== null) names.push(inQuery(drop) + ends)
  // Of a name that is not plain nothing can be said.
  if (keep !== null) names.push(`(?!${inQuery(keep)}${ends})${NAME}*+${ends}`)
  return names.length === 0 ? '(?!)' : names.join('|')
}

/** A list of names in which [!-~]* stands for any rest of a name; within a query that rest ends sooner. */
function inQuery(names: RegExp): string {
  return `(?-x:${unanchored(names).replaceAll('[!-~]*', '[!"$-%\'-<>-~]*')})`
}

const UNSORTED_MAP = `map $samekey_pair_1 $samekey_query {
    "" "";
    default "?$samekey_pair_1${numbersFrom(2).map((i) => `$samekey_and_${i}$samekey_pair_${i}`).join('')}";
}
`

// ------------------------------------------------------------------------------------------------------------- order

function orderMaps(): string {
  return `# None, one, or several that may have to be sorted.
map "$samekey_name_1&$samekey_name_2" $samekey_query {
    "&" "";
    "~&$" "?$samekey_pair_1";
    default $samekey_sorted;
}
# Each two names are compared, by byte: an & where they are in order. (?1) is a pair that is.
map "${PAIRS.map(([i, j]) => `$samekey_name_${i}&$samekey_name_${j}`).join(' ')}" $samekey_order {
    ${quote(`~${orderExpression()}`)} "${PAIRS.map((_, index) => `$${3 + index}`).join(',')}";
    default ${NOT_PLAIN};
}
# How many there are, as their &, and which are in order: the order of all. Arguments of one name keep theirs.
map "${numbersFrom(2).map((i) => `$samekey_and_${i}`).join('')} $samekey_order" $samekey_sorted {
${orderRows()}    default ${NOT_PLAIN};
}
`
}

function numbersFrom(first: number): number[] {
  return Array.from({ length: MOST_KEPT + 1 - first }, (_, index) => first + index)
}

const PAIRS = numbersFrom(1).flatMap((i) => numbersFrom(i + 1).map((j) => [i, j] as const))

/** Over `name&name` for each pair; of one that there is not, the name is empty. */
function orderExpression(): string {
  // Both begin alike (2); then the first name ends, or its next character is the lesser.
  const lines = [`(?(DEFINE)(([^&]*?)(?=[^&]*+&\\2)(?:&|${lesserCharacter('[^&]*+&\\2')})))^`]
  lines.push(PAIRS.map(() => '(?:(?=(?1))[^&]*+(&))?+[^ ]*+').join('[ ]') + '$')
  return extended(lines)
}

/** A character of the first name that is less than the one behind `between`. By groups: alternatives are tried one by one. */
function lesserCharacter(between: string): string {
  // Nothing is greater than a ~.
  const printable = Array.from({ length: 0x7e - 0x21 }, (_, index) => 0x21 + index)
  const codes = printable.filter((code) => PLAIN_NAME_CHARACTER.test(String.fromCharCode(code)))
  const groups: string[] = []
  for (let from = 0; from < codes.length; from += 12) {
    const group = codes.slice(from, from + 12)
    const alternatives = group.map((code) => `${literal(code)}${between}[${literal(code + 1)}-~]`)
    const range = `[${literal(group[0] as number)}-${literal(group[group.length - 1] as number)}]`
    groups.push(`(?=${range})(?:${alternatives.join('|')})`)
  }
  return groups.join('|')
}

function literal(code: number): string {
  const character = String.fromCharCode(code)
  return /[0-9A-Za-z~]/.test(character) ? character : `\\x${code.toString(16)}`
}

function orderRows(): string {
  let rows = ''
  for (let count = 2; count <= MOST_KEPT; count++) {
    for (const places of permutations(count)) {
      const inOrder = PAIRS.map(([i, j]) => (isInOrder(places[i - 1], places[j - 1]) ? '&' : '')).join(',')
      const sorted = places.map((_, place) => `$samekey_pair_${places.indexOf(place) + 1}`).join('&')
      rows += `    "${'&'.repeat(count - 1)} ${inOrder}" "?${sorted}";\n`
    }
  }
  return rows
}

/** An argument that there is not has the least name. */
function isInOrder(place: number | undefined, other: number | undefined): boolean {
  return place === undefined || (other !== undefined && place < other)
}

/** The places, from 0, of the first argument, the second, and so on. */
function permutations(count: number): number[][] {
  if (count === 0) return [[]]
  return permutations(count - 1).flatMap((fewer) =>
    Array.from({ length: count }, (_, at) => [...fewer.slice(0, at), count - 1, ...fewer.slice(at)]))
}

/** White space does not count. */
function extended(lines: string[]): string {
  return `(?x)${lines.map((line) => '\n        ' + line).join('')}`
}
