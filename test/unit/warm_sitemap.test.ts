// A sitemap is read whatever its form, and within bounds.

import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { MAX_BYTES, MAX_ENTRIES, readSitemap, type Sitemap } from '../../cli/warm/sitemap.js'

async function* pieces(text: string | Buffer, size: number): AsyncIterable<Uint8Array> {
  const bytes = Buffer.from(text)
  for (let i = 0; i < bytes.length; i += size) yield bytes.subarray(i, i + size)
}

const read = (text: string | Buffer, size = 65536): Promise<Sitemap> => readSitemap(pieces(text, size))

const URLSET = `<?xml version="1.0" encoding="UTF-8"?>
<!-- <url><loc>http://h/comment</loc></url> -->
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">
  <url><loc> http://h/a?b=1&amp;c=2 </loc><lastmod>2026-01-01</lastmod><image:image><image:loc>http://h/image.png</image:loc></image:image></url>
  <url><priority>0.5</priority><loc><![CDATA[http://h/é?x&y]]></loc></url>
  <url></url>
</urlset>`

describe('forms', () => {
  test.each<{ id: string; text: string | Buffer; urls: string[]; sitemaps?: string[] }>([
    { id: 'a urlset: locs of pages only, entities, CDATA', text: URLSET, urls: ['http://h/a?b=1&c=2', 'http://h/é?x&y'] },
    { id: 'gzip', text: gzipSync(URLSET), urls: ['http://h/a?b=1&c=2', 'http://h/é?x&y'] },
    { id: 'a byte order mark', text: '\ufeff' + URLSET, urls: ['http://h/a?b=1&c=2', 'http://h/é?x&y'] },
    { id: 'a prefix of its own', text: '<s:urlset xmlns:s="x"><s:url><s:loc>http://h/a</s:loc></s:url></s:urlset>', urls: ['http://h/a'] },
    { id: 'an index', text: '<sitemapindex><sitemap><loc>http://h/1.xml</loc></sitemap><sitemap><loc>http://h/2.xml.gz</loc></sitemap></sitemapindex>', urls: [], sitemaps: ['http://h/1.xml', 'http://h/2.xml.gz'] },
    { id: 'one URL a line', text: 'http://h/a\r\n\r\n  http://h/b  \nhttp://h/c', urls: ['http://h/a', 'http://h/b', 'http://h/c'] },
    { id: 'nothing', text: '', urls: [] },
    { id: 'blanks', text: ' \n ', urls: [] }
  ])('$id', async ({ text, urls, sitemaps = [] }) => {
    // In one piece, and so that every character and every gzip block is cut.
    for (const size of [65536, 1]) expect(await read(text, size)).toEqual({ urls, sitemaps })
  })
})

describe('bounds and errors', () => {
  const urls = (count: number): string => `<urlset>${'<url><loc>http://h/</loc></url>'.repeat(count)}</urlset>`
  test.each<{ id: string; text: () => string | Buffer; error: RegExp }>([
    { id: 'too many', text: () => urls(MAX_ENTRIES + 1), error: /^more than 50000 entries$/ },
    { id: 'too many bytes out of few', text: () => gzipSync(Buffer.alloc(MAX_BYTES + 1, ' ')), error: /^more than 50 MB$/ },
    { id: 'a long URL', text: () => `http://h/${'a'.repeat(2048)}`, error: /^a URL of 2057 characters/ },
    { id: 'XML that is cut short', text: () => URLSET.slice(0, 400), error: /^no XML: unclosed root tag in line \d+$/ },
    { id: 'an entity of its own', text: () => '<!DOCTYPE u [<!ENTITY x "http://h/">]>\n<urlset><url><loc>&x;</loc></url></urlset>', error: /^no XML: invalid character entity in line 2$/ },
    { id: 'a page', text: () => '<!DOCTYPE html><html><body>', error: /^no sitemap: it begins with <html>$/ },
    { id: 'gzip that is cut short', text: () => gzipSync(URLSET).subarray(0, 60), error: /unexpected end of file/ }
  ])('$id', async ({ text, error }) => {
    await expect(read(text())).rejects.toThrow(error)
  })
  test('as many as allowed', async () => {
    expect((await read(urls(MAX_ENTRIES))).urls.length).toBe(MAX_ENTRIES)
  })
})
