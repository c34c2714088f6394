// A sitemap (https://www.sitemaps.org/protocol.html) read as it arrives: XML or one URL a line, plain or gzip. It comes
// from outside, so it is bounded by the limits of its own protocol.

import { createGunzip } from 'node:zlib'
import { Readable } from 'node:stream'
import sax from 'sax'

export interface Sitemap {
  urls: string[]
  /** Of an index: the sitemaps that it names. */
  sitemaps: string[]
}

export const MAX_BYTES = 50 * 1024 * 1024
export const MAX_ENTRIES = 50_000
const MAX_URL_LENGTH = 2048

/** Rejects with an Error that says what is wrong and where. */
export async function readSitemap(source: AsyncIterable<Uint8Array>): Promise<Sitemap> {
  const found: Sitemap = { urls: [], sitemaps: [] }
  const add = (list: string[], text: string): void => {
    const url = text.trim()
    if (url === '') return
    if (url.length > MAX_URL_LENGTH) throw new Error(`a URL of ${url.length} characters, at most ${MAX_URL_LENGTH} are allowed`)
    if (list.length >= MAX_ENTRIES) throw new Error(`more than ${MAX_ENTRIES} entries`)
    list.push(url)
  }
  const decoder = new TextDecoder('utf-8')
  let reader: TextReader | undefined
  let bytes = 0
  for await (const chunk of await inflated(source)) {
    bytes += chunk.length
    if (bytes > MAX_BYTES) throw new Error(`more than ${MAX_BYTES / 1024 / 1024} MB`)
    const text = decoder.decode(chunk, { stream: true })
    // An XML document begins with '<'.
    if (reader === undefined && text.trim() !== '') reader = text.trimStart().startsWith('<') ? xmlReader(found, add) : lineReader(found, add)
    reader?.write(text)
  }
  reader?.end()
  return found
}

interface TextReader {
  write(text: string): void
  end(): void
}

type Add = (list: string[], text: string) => void

function lineReader({ urls }: Sitemap, add: Add): TextReader {
  let rest = ''
  return {
    write(text) {
      const lines = (rest + text).split(/\r?\n/)
      rest = lines.pop() as string
      for (const line of lines) add(urls, line)
    },
    end: () => add(urls, rest)
  }
}

function xmlReader(found: Sitemap, add: Add): TextReader {
  const parser = sax.parser(true, { trim: true })
  const open: string[] = []
  let text = ''
  // Whatever the prefix of the namespace; images and videos have a loc of their own, in other elements.
  const local = (name: string): string => name.slice(name.indexOf(':') + 1)
  parser.onerror = (error) => {
    throw new Error(`no XML: ${(error.message.split('\n')[0] as string).toLowerCase()} in line ${parser.line + 1}`)
  }
  parser.onopentag = ({ name }) => {
    if (open.length === 0 && !['urlset', 'sitemapindex'].includes(local(name))) throw new Error(`no sitemap: it begins with <${name.slice(0, 40)}>`)
    open.push(local(name))
    text = ''
  }
  parser.ontext = parser.oncdata = (part) => {
    if (open.at(-1) === 'loc') text += part
  }
  parser.onclosetag = () => {
    const name = open.pop()
    if (name === 'loc' && open.length === 2 && open[1] === 'url') add(found.urls, text)
    if (name === 'loc' && open.length === 2 && open[1] === 'sitemap') add(found.sitemaps, text)
  }
  return { write: (part) => void parser.write(part), end: () => void parser.close() }
}

/** By its first bytes, whatever its name or its fields say. */
async function inflated(source: AsyncIterable<Uint8Array>): Promise<AsyncIterable<Uint8Array>> {
  const iterator = source[Symbol.asyncIterator]()
  let first: Buffer = Buffer.alloc(0)
  let ended = false
  while (first.length < 2 && !ended) {
    const { value, done } = await iterator.next()
    if (done === true) ended = true
    else first = Buffer.concat([first, value as Uint8Array])
  }
  const whole = Readable.from((async function* () {
    yield first
    while (!ended) {
      const { value, done } = await iterator.next()
      if (done === true) return
      yield value as Uint8Array
    }
  })())
  if (first[0] !== 0x1f || first[1] !== 0x8b) return whole as AsyncIterable<Uint8Array>
  const gunzip = createGunzip()
  whole.on('error', (error) => gunzip.destroy(error))
  return whole.pipe(gunzip)
}
