// Real Nginx on every njs engine obeys the ban list: each of two nodes with two workers within its second, and never
// serves what the list does not vouch for.
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { build } from 'esbuild'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { formatHead } from '../../njs/core/entry.js'
import { BanLists } from '../../node-writer/invalidation/ban_list.js'
import { Claims } from '../../node-writer/invalidation/claim.js'
import type { Purge } from '../../node-writer/invalidation/compact.js'
import { loadPolicy } from '../../node-writer/policy/load.js'
import { policyModuleSource } from '../../node-writer/policy/module_source.js'
import { engines, type Engine } from '../support/engines.js'
import { startMemcached, type Memcached } from '../support/memcached.js'
import { sendRaw } from '../support/raw_http.js'
import { until } from '../support/until.js'
import { connectItems, type Items } from './invalidation_items.js'
import { showLogsOnFailure, startLocalStack, type Place, type Stack } from './stack.js'

const HEAD = 'test:1:'
const HOST = 'example.org'
/** Milliseconds after the acknowledgement of a purge, as docs/invalidation.md promises. */
const BOUND = 1000

const template = (name: string) => readFileSync(new URL(`../../nginx/${name}`, import.meta.url), 'utf8')

async function njsModule(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [new URL('invalidation_page.njs.mjs', import.meta.url).pathname], bundle: true, format: 'esm', target: 'esnext', external: ['fs', 'samekey_policy.js'], write: false,
    supported: { destructuring: false, 'for-of': false, 'default-argument': false, class: false, 'optional-chain': false, 'array-spread': false, 'optional-catch-binding': false }
  })
  return outputFiles[0]!.text.replace(/export \{\n {2}(\w+) as default\n\};\n$/, 'export default $1;\n')
}

/** As generate.ts fills it in. */
function conf({ folder, listen, module, engineDirective }: Place, { memcached, engine }: { memcached: string; engine: Engine }): string {
  const hasZones = engine.id !== 'njs-0.7.9'
  const places: Record<string, string> = {
    directory: folder, scheme: '$scheme', bansKey: `${HEAD}#bans`,
    bansCopy: hasZones ? 'js_shared_dict_zone zone=samekey_bans:1m;' : `map "" $samekey_bans_folder {\n    default "${folder}/bans";\n}`,
    bansFolder: hasZones ? '' : `client_body_temp_path ${folder}/bans;\n`
  }
  const fill = (name: string) => template(name).replace(/\{\{(\w+)\}\}/g, (_, place: string) => places[place] as string)
  return `
    load_module ${module};
    # The tests' folder may be root's own.
    ${process.getuid?.() === 0 ? 'user root;' : ''}
    worker_processes 2;
    events { worker_connections 1024; }
    error_log logs/error.log info;
    http {
      client_body_temp_path temp; proxy_temp_path temp; fastcgi_temp_path temp; uwsgi_temp_path temp; scgi_temp_path temp;
      access_log off;
      ${engineDirective}
      js_path ${folder};
      js_import samekey from samekey.js;
      map "" $samekey_host { default $http_host; }
      map "" $samekey_forward { default $request_uri; }
      map "" $samekey_key { default "${HEAD}http://$http_host$request_uri"; }
      ${fill('bans.http.conf')}
      upstream samekey_memcached { server ${memcached}; keepalive 4; }
      server {
        listen ${listen} reuseport;
        ${fill('bans.server.conf')}
        location = /.samekey/entry { internal; set $memcached_key $samekey_key; subrequest_output_buffer_size 1m; memcached_pass samekey_memcached; }
        location / { js_content samekey.page; }
      }
    }`
}

describe.each(engines)('$id', (engine) => {
  let memcached: Memcached
  let items: Items
  let nodes: Stack[] = []
  let lists: BanLists
  let claims: Claims

  beforeAll(async () => {
    memcached = await startMemcached()
    items = connectItems(memcached.address)
    lists = new BanLists(items.atomic, { key: `${HEAD}#bans`, longestLifeSeconds: 3600, holdMs: 0 })
    claims = new Claims(items.atomic, 60)
    const source = await njsModule()
    const start = () => startLocalStack({
      suite: engine.suite, engine: engine.engine, memcacheds: 0,
      configure: async (place) => {
        await writeFile(join(place.folder, 'samekey.js'), source)
        await writeFile(join(place.folder, 'samekey_policy.js'), policyModuleSource(loadPolicy({})))
        await writeFile(join(place.folder, 'nginx.conf'), conf(place, { memcached: memcached.address, engine }))
      }
    })
    nodes = await Promise.all([start(), start()])
  })
  afterAll(async () => {
    items?.close()
    await Promise.all(nodes.map((node) => node.stop()))
    await memcached?.stop()
  })
  showLogsOnFailure(() => nodes[0])

  let path = ''
  let paths = 0
  beforeEach(() => { path = `/blog/${++paths}` })

  /** As the writer is to do it; what is done before `render` happens before its render begins. */
  async function render(tags: string[] = [], { before = async () => {}, during = async () => {} } = {}): Promise<boolean> {
    const key = `${HEAD}http://${HOST}${path}`
    await before()
    const [clock, claim] = await Promise.all([lists.clock(), claims.begin(key)])
    await during()
    const body = `page of ${clock}`
    const head = formatHead({
      status: 200, bodyBytes: body.length, storedAt: 0, initialAge: 0, freshUntil: 0, refreshUntil: 0, errorUntil: 0, bodyKey: '', clock, rule: '', tags, headers: []
    })
    return claim !== null && claims.store(claim, Buffer.from(head + body), { ttlSeconds: 60 })
  }

  const ask = async (node: Stack, target = path) => (await sendRaw(node.port, `GET ${target} HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`)).body.toString()
  const isServed = async (node: Stack) => (await ask(node)).startsWith('page of ')

  /** Asks both nodes without pause until a while after the bound. */
  async function stopsInTime(acknowledged: number): Promise<void> {
    const tooLate: number[] = []
    await Promise.all(nodes.map(async (node) => {
      while (performance.now() < acknowledged + 1.3 * BOUND) {
        const sent = performance.now()
        // Whatever the machine is busy with: Nginx got this request after the bound, so it must not serve the page.
        if (await isServed(node) && sent > acknowledged + BOUND) tooLate.push(sent - acknowledged)
      }
    }))
    expect(tooLate).toEqual([])
  }

  test.each<{ id: string; purge: Purge; covered: boolean }>([
    { id: 'a tag', purge: { kind: 'tag', tags: ['other', 'news'] }, covered: true },
    { id: 'another tag', purge: { kind: 'tag', tags: ['new'] }, covered: false },
    { id: 'a prefix', purge: { kind: 'prefix', prefixes: [`http://${HOST}/blog/`] }, covered: true },
    { id: 'the prefix of another host', purge: { kind: 'prefix', prefixes: ['http://www.example.org/blog/'] }, covered: false },
    { id: 'a pattern', purge: { kind: 'pattern', pattern: '/BLOG/\\d+', caseSensitive: false }, covered: true },
    { id: 'a case-sensitive pattern', purge: { kind: 'pattern', pattern: '/BLOG/\\d+', caseSensitive: true }, covered: false },
    { id: 'everything', purge: { kind: 'all' }, covered: true }
  ])('a purge of $id', async ({ purge, covered }) => {
    expect(await render(['a', 'news'])).toBe(true)
    for (const node of nodes) expect(await isServed(node)).toBe(true)
    await lists.append(purge)
    if (covered) await stopsInTime(performance.now())
    for (const node of nodes) expect(await isServed(node)).toBe(!covered)
    // The next render is served at once, by nodes that still have an older copy as well.
    if (covered) expect(await render(['a', 'news'])).toBe(true)
    for (const node of nodes) expect(await isServed(node)).toBe(true)
  })

  test('a render that was under way during a purge is never served after its bound', async () => {
    let acknowledged = 0
    await render(['news'], { during: async () => {
      await lists.append({ kind: 'tag', tags: ['news'] })
      acknowledged = performance.now()
    } })
    await stopsInTime(acknowledged)
  })

  test('a purge of the URL is obeyed at once', async () => {
    await render()
    for (const node of nodes) expect(await isServed(node)).toBe(true)
    await items.atomic.delete((await items.atomic.get(`${HEAD}http://${HOST}${path}`))!)
    for (const node of nodes) expect(await ask(node)).toBe('no entry')
  })

  test('a claim is no entry', async () => {
    await claims.begin(`${HEAD}http://${HOST}${path}`)
    for (const node of nodes) expect(await ask(node)).toBe('no entry')
  })

  test('when the list is lost, nothing older is served, and what is rendered next is', async () => {
    await render()
    for (const node of nodes) expect(await isServed(node)).toBe(true)
    await items.atomic.delete((await items.atomic.get(`${HEAD}#bans`))!)
    await stopsInTime(performance.now())
    await lists.clock()
    for (const node of nodes) expect(await ask(node)).toBe('stale')
    expect(await render()).toBe(true)
    for (const node of nodes) expect(await isServed(node)).toBe(true)
  })

  test('a long list is read in full', async () => {
    await lists.append({ kind: 'tag', tags: Array.from({ length: 1200 }, (_, i) => `product:${i}`) })
    await render(['product:7', 'product:1199', 'x'])
    const keep = path
    path = `${keep}/other`
    await render(['y'])
    await lists.append({ kind: 'tag', tags: ['x'] })
    await until('the first page is stale', async () => ((await ask(nodes[0]!, keep)) === 'stale' ? true : undefined))
    expect(await ask(nodes[0]!, path)).toMatch(/^page of /)
  })

  test('an entry without a clock is not served', async () => {
    const head = formatHead({ status: 200, bodyBytes: 1, storedAt: 0, initialAge: 0, freshUntil: 0, refreshUntil: 0, errorUntil: 0, bodyKey: '', clock: '', rule: '', tags: [], headers: [] })
    await items.atomic.add(`${HEAD}http://${HOST}${path}`, Buffer.from(`${head}x`), { ttlSeconds: 60 })
    expect(await ask(nodes[0]!)).toBe('stale')
  })

  test('the node keeps its copy: not every hit asks for the list', async () => {
    await render()
    const hits = 50
    const before = await getsOf(memcached.port)
    for (let i = 0; i < hits; i++) expect(await isServed(nodes[0]!)).toBe(true)
    // One for each entry, and one a second for the list.
    expect(await getsOf(memcached.port) - before).toBeLessThan(hits * 1.5)
    for (const node of nodes) expect(await node.errorLog()).not.toMatch(/cannot be kept|exception/)
  })
})

/** How many look-ups a memcached has answered. */
async function getsOf(port: number): Promise<number> {
  const socket = connect(port, '127.0.0.1')
  socket.write('stats\r\nquit\r\n')
  const stats = await text(socket)
  return Number(/STAT cmd_get (\d+)/.exec(stats)?.[1])
}
