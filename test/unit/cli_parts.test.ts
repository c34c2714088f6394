// The parts of `samekey up` that need no server: log lines, install commands.

import { describe, expect, test } from 'vitest'
import { type AccessRecord, formatRecord, parseRecord } from '../../cli/access_log.js'
import { createNotes, nginxTrouble } from '../../cli/notes.js'
import { missingMessage } from '../../cli/programs.js'

const record: AccessRecord = { time: '', method: 'GET', uri: '/a', status: 200, cache: '', bypass: '', key: '', bytes: 1, seconds: 0.0124 }

test.each([
  { id: 'hit', change: { cache: 'samekey; hit', key: 'k' }, line: 'HIT    GET /a 200 12 ms' },
  { id: 'hit that lasts', change: { cache: 'samekey; hit; ttl=3', key: 'k' }, line: 'HIT    GET /a 200 12 ms' },
  { id: 'miss', change: { cache: 'samekey; fwd=uri-miss', key: 'k' }, line: 'MISS   GET /a 200 12 ms' },
  { id: 'bypass', change: { cache: 'samekey; fwd=bypass; detail=cookie', bypass: 'cookie' }, line: 'BYPASS cookie GET /a 200 12 ms' },
  { id: 'method', change: { method: 'POST', cache: 'samekey; fwd=method; detail=method', bypass: 'method' }, line: 'BYPASS method POST /a 200 12 ms' },
  { id: 'what Nginx refused', change: { method: '', uri: '', status: 400 }, line: 'NONE   - - 400 12 ms' },
  { id: 'control characters', change: { uri: '/\u001b[2J', cache: 'samekey; hit' }, line: 'HIT    GET /\\x1b[2J 200 12 ms' }
])('$id', ({ change, line }) => {
  expect(formatRecord({ ...record, ...change })).toBe(line)
})

test('a record is what follows the head of a syslog message; anything else is nothing', () => {
  expect(parseRecord(`<190>Nov 24 13:00:00 samekey: ${JSON.stringify(record)}`)).toEqual(record)
  expect(parseRecord('<190>Nov 24 13:00:00 samekey: {"cut')).toBeUndefined()
  expect(parseRecord('')).toBeUndefined()
})

describe('what is missing gets the command of this system', () => {
  const become = process.getuid?.() === 0 ? '' : 'sudo '
  test.each([
    { id: 'Debian', os: 'PRETTY_NAME="Debian"\nID=debian\n', command: `${become}apt-get install --no-install-recommends nginx libnginx-mod-http-js memcached` },
    { id: 'Ubuntu', os: 'ID=ubuntu\nID_LIKE=debian\n', command: `${become}apt-get install --no-install-recommends nginx libnginx-mod-http-js memcached` },
    { id: 'Alpine', os: 'NAME="Alpine Linux"\nID=alpine\n', command: `${become}apk add nginx nginx-mod-http-js memcached` },
    { id: 'Rocky', os: 'ID="rocky"\nID_LIKE="rhel centos fedora"\n', command: `${become}dnf install nginx nginx-module-njs memcached` },
    { id: 'another', os: 'ID=plan9\n', command: 'https://nginx.org/en/docs/njs/install.html' }
  ])('$id', ({ os, command }) => {
    const message = missingMessage(['nginx', 'njs', 'memcached'], os)
    expect(message).toMatch(/^not found: nginx, Nginx's JavaScript module \(njs\), memcached\. /)
    expect(message).toContain(command)
  })

  test('only what is missing', () => {
    expect(missingMessage(['memcached'], 'ID=debian\n')).toBe(`not found: memcached. Install with:\n  ${become}apt-get install --no-install-recommends memcached`)
  })
})

test('the same trouble is told once a second, with how often it came', () => {
  let now = 0
  const told: string[] = []
  const note = createNotes((text) => told.push(text), () => now)
  for (const [time, kind] of [[0, 'a'], [10, 'a'], [20, 'b'], [999, 'a'], [1000, 'a'], [2000, 'a']] as const) {
    now = time
    note(kind, `${kind} at ${time}`)
  }
  expect(told).toEqual(['a at 0', 'b at 20', 'a at 1000 (and 2 more like it)', 'a at 2000'])
})

test.each([
  { line: '2026/11/24 13:48:41 [error] 30559#30559: *1064 upstream timed out (110: Connection timed out) while connecting to upstream, client: 127.0.0.1', trouble: 'upstream timed out (110: Connection timed out)' },
  { line: '2026/11/24 13:48:41 [error] 30559#30559: *12 js: samekey: Error: x, client: 127.0.0.1, server: ', trouble: 'js: samekey: Error: x' },
  { line: '2026/11/24 13:48:41 [emerg] 1#1: bind() to 127.0.0.1:80 failed (98: Address already in use)', trouble: 'bind() to 127.0.0.1:80 failed (98: Address already in use)' },
  { line: '2026/11/24 13:34:09 [warn] 12619#12619: *8 a client request body is buffered to a temporary file', trouble: undefined },
  { line: 'anything else', trouble: undefined }
])('trouble in $line', ({ line, trouble }) => expect(nginxTrouble(line)).toBe(trouble))
