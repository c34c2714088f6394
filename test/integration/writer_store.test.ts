// memcached as it really answers, and memjs's traps: every call settles, and nothing is written that Nginx could not find.
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { freePort } from '../support/free_port.js'
import { describe, expect, test } from 'vitest'
import { keyOf as leaseKeyOf } from '../../node-writer/invalidation/lease.js'
import { Store } from '../../node-writer/store.js'
import { startMemcached } from '../support/memcached.js'
import { memcached, store } from '../support/memcached_of_file.js'
import { until } from '../support/until.js'

const value = Buffer.from('value')
const minute = { ttlSeconds: 60 }

/** A memcached in the test's hands. */
async function startServer(onSocket: (socket: Socket) => void): Promise<{ address: string; sockets: Set<Socket>; stop(): Promise<void> }> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    // Read, or its end would not be seen.
    socket.resume()
    onSocket(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    sockets,
    async stop() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

describe('values', () => {
  test('what is set is what is got, with the flag of Nginx', async () => {
    await store.set('plain', value, minute)
    await store.set('zipped', value, { ...minute, gzip: true })
    expect(await store.get('plain')).toEqual({ value, gzip: false })
    expect(await store.get('zipped')).toEqual({ value, gzip: true })
  })

  test('an empty value is a value', async () => {
    await store.set('empty', Buffer.alloc(0), minute)
    expect(await store.get('empty')).toEqual({ value: Buffer.alloc(0), gzip: false })
  })

  test('a miss is null', async () => {
    expect(await store.get('never')).toBeNull()
  })

  test('add does not overwrite, delete says whether there was anything', async () => {
    expect(await store.add('once', value, minute)).toBe(true)
    expect(await store.add('once', Buffer.from('other'), minute)).toBe(false)
    expect((await store.get('once'))?.value).toEqual(value)
    expect(await store.delete('once')).toBe(true)
    expect(await store.delete('once')).toBe(false)
  })
})

describe('keys that memcached or Nginx would not take', () => {
  test.each([
    ['empty', ''], ['251 characters', 'k'.repeat(251)], ['space', 'a b'], ['line break', 'a\r\nb'], ['percent, which Nginx escapes', 'a%20b'], ['beyond ASCII', 'é'], ['control', 'a\x7f'],
  ])('%s', async (_, key) => {
    await expect(store.set(key, value, minute)).rejects.toThrow(TypeError)
    await expect(store.get(key)).rejects.toThrow(TypeError)
    // memjs would have lost the connection, and the next call with it.
    expect(await store.get('never')).toBeNull()
  })

  test('250 characters are a key', async () => {
    await store.set('k'.repeat(250), value, minute)
    expect((await store.get('k'.repeat(250)))?.value).toEqual(value)
  })
})

test('a lease lies with its page', () => {
  const many = new Store({ memcached: '127.0.0.1:1,127.0.0.1:2,127.0.0.1:3' })
  const keys = Array.from({ length: 100 }, (_, i) => `test:1:http://example.org/${i}`)
  expect(keys.map((key) => many.serverOf(leaseKeyOf(key)))).toEqual(keys.map((key) => many.serverOf(key)))
  expect(new Set(keys.map((key) => many.serverOf(key))).size).toBe(3)
})

describe('times to live', () => {
  test.each([0, -1, 0.5, Number.NaN, -Infinity])('%d seconds are refused', async (ttlSeconds) => {
    await expect(store.set('ttl', value, { ttlSeconds })).rejects.toThrow(RangeError)
    expect(await store.get('ttl')).toBeNull()
  })

  const days = 24 * 60 * 60
  test.each([
    ['1 s', 1, 1], ['a fraction', 7.9, 7], ['30 days', 30 * days, 30 * days], ['31 days', 31 * days, 30 * days], ['a year', 365 * days, 30 * days], ['beyond 32 bits', 2 ** 40, 30 * days],
  ])('%s', async (id, ttlSeconds, kept) => {
    const key = `ttl:${id.replace(/ /g, '_')}`
    await store.set(key, value, { ttlSeconds })
    if (ttlSeconds > 1) expect((await store.get(key))?.value).toEqual(value)
    // As memcached itself counts it; it may have counted a second by now.
    const left = await secondsLeft(key)
    expect([kept, kept - 1, kept - 2]).toContain(left)
  })

  /** The meta command `mg KEY t`: the seconds that an item has left, -1 for ever. */
  async function secondsLeft(key: string): Promise<number> {
    const { connect } = await import('node:net')
    const socket = connect(memcached.port, '127.0.0.1', () => socket.write(`mg ${key} t\r\n`))
    const [answer] = (await once(socket, 'data')) as [Buffer]
    socket.destroy()
    // A second may have been all it had.
    return answer.toString() === 'EN\r\n' ? 0 : Number(/^HD t(-?\d+)\r\n$/.exec(answer.toString())?.[1])
  }
})

describe('values over the item limit', () => {
  test('are not sent, and what was there before is deleted', async () => {
    await store.set('big', value, minute)
    await expect(store.set('big', Buffer.alloc(1024 * 1024), minute)).rejects.toMatchObject({ code: 'too-large' })
    expect(await store.get('big')).toBeNull()
  })

  test.each([1, 100, 250])('with a key of %d characters, the largest that we send is taken', async (length) => {
    const key = 'b'.repeat(length)
    await store.set(key, Buffer.alloc(1024 * 1024 - 64 - length), minute)
    expect((await store.get(key))?.value.length).toBe(1024 * 1024 - 64 - length)
  })

  test('a smaller limit of the server is found out, and the connection stays', async () => {
    const small = await startMemcached(['-I', '512k'])
    const own = new Store({ memcached: small.address })
    try {
      await own.set('big', value, minute)
      await expect(own.set('big', Buffer.alloc(600 * 1024), minute)).rejects.toMatchObject({ code: 'too-large' })
      expect(await own.get('big')).toBeNull()
      await own.set('big', value, minute)
    } finally {
      own.close()
      await small.stop()
    }
  })
})

describe('a memcached in trouble', () => {
  test('refused: rejects, then is left alone, but purges try', async () => {
    const own = new Store({ memcached: `127.0.0.1:${await freePort()}` })
    await expect(own.get('k')).rejects.toMatchObject({ code: 'connection' })
    await expect(own.set('k', value, minute)).rejects.toMatchObject({ code: 'down' })
    await expect(own.delete('k')).rejects.toMatchObject({ code: 'down' })
    await expect(own.delete('k', { evenIfDown: true })).rejects.toMatchObject({ code: 'connection' })
    own.close()
  })

  test('silent: every call settles, and no connection is left', async () => {
    const silent = await startServer(() => {})
    const own = new Store({ memcached: silent.address, timeoutMs: 50 })
    try {
      const calls = await Promise.allSettled([own.get('a'), own.set('b', value, minute), own.add('c', value, minute), own.delete('d')])
      for (const call of calls) expect(call).toMatchObject({ status: 'rejected', reason: { code: 'timeout' } })
      await until('the connection is closed', async () => (silent.sockets.size === 0 ? true : undefined))
    } finally {
      own.close()
      await silent.stop()
    }
  })

  test('closes on a question: the calls under way reject at once', async () => {
    const closing = await startServer((socket) => socket.once('data', () => socket.end()))
    const own = new Store({ memcached: closing.address, timeoutMs: 60_000 })
    try {
      const calls = await Promise.allSettled([own.get('a'), own.get('b')])
      for (const call of calls) expect(call).toMatchObject({ status: 'rejected', reason: { code: 'connection' } })
    } finally {
      own.close()
      await closing.stop()
    }
  })

  test('half an answer is not prepended to the next one', async () => {
    // A response header that promises a body which never comes.
    const half = Buffer.from([0x81, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0])
    let connections = 0
    const server = await startServer((socket) => {
      const first = ++connections === 1
      socket.on('data', (request) => {
        if (first) return void socket.write(half)
        // A miss, with the opaque of the question.
        const miss = Buffer.alloc(24)
        miss[0] = 0x81
        miss[7] = 1
        request.copy(miss, 12, 12, 16)
        socket.write(miss)
      })
    })
    const own = new Store({ memcached: server.address, timeoutMs: 1000 })
    try {
      await expect(own.get('a')).rejects.toMatchObject({ code: 'timeout' })
      expect(await own.delete('a', { evenIfDown: true })).toBe(false)
      // Who answered is asked again.
      expect(await own.get('a')).toBeNull()
    } finally {
      own.close()
      await server.stop()
    }
  })

  // Timers come first after a long turn: before the question has been sent, and before an answer that has long been there is read.
  test('an answer that came during a long turn of the app is not late', async () => {
    const own = new Store({ memcached: memcached.address, timeoutMs: 50 })
    try {
      // So that the connection is open, and the turn that follows is one of answers.
      await own.set('turn', value, minute)
      const call = own.get('turn')
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500)
      expect((await call)?.value).toEqual(value)
      const sent = own.get('turn')
      // Past the turn in which it was asked for, so it is under way.
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500)
      expect((await sent)?.value).toEqual(value)
    } finally {
      own.close()
    }
  })

  test('restarted: the next call connects anew', async () => {
    const first = await startMemcached()
    const own = new Store({ memcached: first.address })
    await own.set('k', value, minute)
    await first.stop()
    // Idle connections may go without trouble; one that is refused is trouble.
    await until('the server is seen to be away', () => own.get('k').then(() => undefined, () => true as const))
    const second = await startMemcached([], first.port)
    try {
      expect(await own.delete('k', { evenIfDown: true })).toBe(false)
      await own.set('k', value, minute)
      expect((await own.get('k'))?.value).toEqual(value)
    } finally {
      own.close()
      await second.stop()
    }
  })

  test('what is under way is bounded', async () => {
    const silent = await startServer(() => {})
    const own = new Store({ memcached: silent.address, timeoutMs: 200 })
    try {
      const megabyte = Buffer.alloc(1000 * 1000)
      const calls = await Promise.allSettled(Array.from({ length: 40 }, (_, i) => own.set(`k${i}`, megabyte, minute)))
      const codes = calls.map((call) => (call.status === 'rejected' ? (call.reason as { code: string }).code : 'done'))
      expect(new Set(codes)).toEqual(new Set(['timeout', 'busy']))
      expect(codes.filter((code) => code === 'timeout').length).toBeLessThan(34)
    } finally {
      own.close()
      await silent.stop()
    }
  })

  test('close ends what is under way', async () => {
    const silent = await startServer(() => {})
    const own = new Store({ memcached: silent.address, timeoutMs: 60_000 })
    const call = own.get('a')
    await until('the connection is open', async () => (silent.sockets.size === 1 ? true : undefined))
    own.close()
    await expect(call).rejects.toMatchObject({ code: 'closed' })
    await until('the connection is closed', async () => (silent.sockets.size === 0 ? true : undefined))
    await expect(own.get('a')).rejects.toMatchObject({ code: 'closed' })
    await silent.stop()
  })
})

test('an idle connection keeps no process alive, and a call under way does', () => {
  const script = `
    import { Store } from './node-writer/store.ts'
    const store = new Store({ memcached: '${memcached.address}' })
    await store.set('process', Buffer.from('x'), { ttlSeconds: 60 })
    const { value } = await store.get('process')
    console.log('got', value.toString())`
  const { stdout, stderr, status, signal } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script], { encoding: 'utf8', timeout: 30_000 })
  expect({ stdout, stderr, status, signal }).toEqual({ stdout: 'got x\n', stderr: '', status: 0, signal: null })
})
