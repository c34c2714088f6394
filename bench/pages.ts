// The pages that are measured, the same for every subject.
import { createHash } from 'node:crypto'

export const HOST = 'bench.example'

export interface Page {
  id: string
  /** As it is asked for. */
  target: string
  body: Buffer
}

/** Text like a page's: words, so that it can be compressed, but not to nothing. `seed` makes different pages different. */
export function html(bytes: number, seed: string): Buffer {
  const head = `<!doctype html><title>${seed}</title>`
  let text = head
  for (let i = 0; text.length < bytes; i++) text += `<p>${createHash('sha256').update(`${seed}${i}`).digest('base64url').match(/.{1,7}/g)?.join(' ')}</p>\n`
  return Buffer.from(text.slice(0, bytes))
}

export function page(id: string, target: string, bytes: number): Page {
  return { id, target, body: html(bytes, target) }
}
