// Bodies are what was written, also in memory that another body was in before.
import { expect, test } from 'vitest'
import { BodyCollector } from '../../node-writer/body_collector.js'
import { BodyMemory } from '../../node-writer/body_memory.js'

const MAX = 1024 * 1024
const LARGE = 100_000
const head = { status: 200, headers: [] }

function collect(memory: BodyMemory, chunks: (string | Uint8Array | [string, BufferEncoding])[], maxBytes = MAX): Buffer | string {
  const collector = new BodyCollector(maxBytes, memory)
  for (const chunk of chunks) {
    if (Array.isArray(chunk)) collector.add(chunk[0], chunk[1])
    else collector.add(chunk, undefined)
  }
  return collector.end(head)
}

/** Gives a region back that is full of somebody else's page. */
function used(): BodyMemory {
  const memory = new BodyMemory(MAX)
  memory.give(collect(memory, [Buffer.alloc(MAX, 'secret ')]) as Buffer)
  return memory
}

test.each<{ id: string; chunks: (string | Uint8Array | [string, BufferEncoding])[]; is: Buffer }>([
  { id: 'bytes', chunks: [Buffer.alloc(LARGE, 'b')], is: Buffer.alloc(LARGE, 'b') },
  { id: 'small parts that become large', chunks: Array.from({ length: 200 }, (_, i) => Buffer.alloc(1000, i)), is: Buffer.concat(Array.from({ length: 200 }, (_, i) => Buffer.alloc(1000, i))) },
  { id: 'letters of more than a byte', chunks: ['é€🔑'.repeat(LARGE / 4), 'ü'], is: Buffer.from('é€🔑'.repeat(LARGE / 4) + 'ü') },
  { id: 'half a letter', chunks: ['\ud83d'.repeat(LARGE), 'x'], is: Buffer.from('\ud83d'.repeat(LARGE) + 'x') },
  { id: 'latin1', chunks: [['é'.repeat(LARGE), 'latin1']], is: Buffer.alloc(LARGE, 0xe9) },
  { id: 'base64 with blanks, which is shorter than it looks', chunks: [[' aGVs\n bG8=', 'base64'], ['YWJj \n'.repeat(LARGE), 'base64']], is: Buffer.concat([Buffer.from('hello'), Buffer.from('YWJj \n'.repeat(LARGE), 'base64')]) },
  { id: 'hex that ends in something else', chunks: [Buffer.alloc(LARGE), ['6162zz'.repeat(9), 'hex'], 'end'], is: Buffer.concat([Buffer.alloc(LARGE), Buffer.from('abend')]) }
])('$id', ({ chunks, is }) => {
  const body = collect(used(), chunks)
  expect(Buffer.isBuffer(body) && body.equals(is)).toBe(true)
})

test('a body has its memory alone until it is given back', () => {
  const memory = new BodyMemory(MAX)
  const bodies = Array.from({ length: 6 }, (_, i) => collect(memory, [Buffer.alloc(LARGE, i)]) as Buffer)
  expect(bodies.map((body) => body.equals(Buffer.alloc(LARGE, body[0])) && body[0])).toEqual([0, 1, 2, 3, 4, 5])
  const [first] = bodies as [Buffer]
  memory.give(first)
  // Again: by then it is somebody else's.
  const other = collect(memory, [Buffer.alloc(LARGE, 9)]) as Buffer
  expect(other.buffer).toBe(first.buffer)
  expect((collect(memory, [Buffer.alloc(LARGE, 8)]) as Buffer).buffer).not.toBe(first.buffer)
  expect(other.every((byte) => byte === 9)).toBe(true)
})

test('the app may use its buffer again', () => {
  const buffer = Buffer.alloc(LARGE, 'a')
  const collector = new BodyCollector(MAX, new BodyMemory(MAX))
  collector.add(buffer, undefined)
  buffer.fill('b')
  expect((collector.end(head) as Buffer).equals(Buffer.alloc(LARGE, 'a'))).toBe(true)
})

test('what is too large gives its memory back', () => {
  const memory = new BodyMemory(MAX)
  for (let i = 0; i < 10; i++) expect(collect(memory, [Buffer.alloc(LARGE), Buffer.alloc(MAX)])).toBe('body-too-large')
  const [one, other] = [collect(memory, [Buffer.alloc(LARGE)]) as Buffer, Buffer.alloc(MAX).buffer.byteLength]
  expect(one.buffer.byteLength).toBe(other)
})
