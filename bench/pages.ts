// The pages that are measured, the same for every subject and for the app that renders them.
import { createHash } from 'node:crypto'
import { seeded } from '../test/fuzz/random.js'

export const HOST = 'bench.example'

export interface Page {
  id: string
  /** As it is asked for. */
  target: string
  body: Buffer
}

export function page(id: string, target: string): Page {
  return { id, target, body: render(target) }
}

/** What the app answers to a target: two targets have one body exactly when they are one page. */
export function render(target: string): Buffer {
  const one = identity(target)
  return html(bytesOf(one), one)
}

/** Arguments that a tracker added do not make another page, and neither does their order. */
function identity(target: string): string {
  const [path, query = ''] = target.split('?') as [string, string?]
  const kept = query.split('&').filter((pair) => pair !== '' && !/^(?:utm_\w*|fbclid|gclid|msclkid|mc_eid)(?:=|$)/.test(pair))
  return [path, ...kept.sort()].join('&')
}

/** What a purge may name a page by; `/articles/12k/tags-20` has as many as its name says, any other page one of SECTIONS. */
export function tagsOf(target: string): string[] {
  const count = /\/tags-(\d+)/.exec(target)?.[1]
  if (count !== undefined) return Array.from({ length: Number(count) }, (_, i) => `topic-${i}`)
  return [`section-${createHash('sha256').update(identity(target)).digest().readUInt16BE(0) % SECTIONS}`]
}

export const SECTIONS = 100

const KILOBYTE = 1024
/** A site's pages: many short ones, few long ones. */
const SIZES = [1.5, 3, 4, 6, 8, 8, 12, 12, 16, 40].map((kilobytes) => kilobytes * KILOBYTE)

/** `/articles/150k` has its size in its name, any other page one of SIZES. */
function bytesOf(one: string): number {
  const named = /^\/articles\/([\d.]+)k/.exec(one)?.[1]
  return named === undefined ? SIZES[createHash('sha256').update(one).digest().readUInt16BE(0) % SIZES.length] as number : Number(named) * KILOBYTE
}

const WORDS = 'a and as at by city day do early far for from go half her in is it its late light little long many me more most near new no of old on one only open or our over page part people place read river see so some still such than that the them there this time to town under up was we were when which with year you'.split(' ')

const LONGEST = 2 * KILOBYTE * KILOBYTE
const text = words(LONGEST + 64 * KILOBYTE)

/** Another stretch of the same text for every page: cheap to render, and it compresses like a page of text. */
function html(bytes: number, one: string): Buffer {
  const head = `<!doctype html><title>${one}</title>\n`
  const from = createHash('sha256').update(one).digest().readUInt16BE(0)
  return Buffer.from((head + text.slice(from, from + bytes)).slice(0, bytes))
}

function words(bytes: number): string {
  const random = seeded(1)
  let paragraphs = ''
  while (paragraphs.length < bytes) paragraphs += `<p>${Array.from({ length: 60 }, () => random.pick(WORDS)).join(' ')}.</p>\n`
  return paragraphs
}
