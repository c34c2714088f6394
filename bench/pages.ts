// The pages that are measured, the same for every subject and for the app that renders them.
import { createHash } from 'node:crypto'

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

const KILOBYTE = 1024
/** A site's pages: many short ones, few long ones. */
const SIZES = [1.5, 3, 4, 6, 8, 8, 12, 12, 16, 40].map((kilobytes) => kilobytes * KILOBYTE)

/** `/articles/150k` has its size in its name, any other page one of SIZES. */
function bytesOf(one: string): number {
  const named = /^\/articles\/([\d.]+)k/.exec(one)?.[1]
  return named === undefined ? SIZES[createHash('sha256').update(one).digest().readUInt16BE(0) % SIZES.length] as number : Number(named) * KILOBYTE
}

const WORDS = 'a and as at by city day do early far for from go half her in is it its late light little long many me more most near new no of old on one only open or our over page part people place read river see so some still such than that the them there this time to town under up was we were when which with year you'.split(' ')

/** Words in an order that `seed` decides: compresses like a page of text. */
function html(bytes: number, seed: string): Buffer {
  let text = `<!doctype html><title>${seed}</title>\n`
  for (let i = 0; text.length < bytes; i++) text += `<p>${Array.from(createHash('sha256').update(`${seed} ${i}`).digest(), (byte) => WORDS[byte % WORDS.length]).join(' ')}.</p>\n`
  return Buffer.from(text.slice(0, bytes))
}
