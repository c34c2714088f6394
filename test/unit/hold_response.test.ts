// What waits, for how long, and in which order it then goes out, on a real connection.

import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { holdResponse } from '../../node-writer/hold_response.js'

interface Case {
  id: string
  answer: (res: ServerResponse) => void
  expected: string
}

const cases: Case[] = [
  { id: 'an end alone', answer: (res) => void res.end('whole'), expected: '200 whole' },
  { id: 'a head of its own', answer: (res) => void res.writeHead(201).end('made'), expected: '201 made' },
  { id: 'several writes', answer: (res) => { res.write('a'); res.write('b'); res.end('c') }, expected: '200 abc' },
  { id: 'with a length', answer: (res) => { res.setHeader('Content-Length', '2'); res.write('a'); res.write('b'); res.end() }, expected: '200 ab' },
  { id: 'an app that pauses', answer: (res) => { if (!res.write('a')) res.once('drain', () => res.end('b')) }, expected: '200 ab' },
  { id: 'an app that does not', answer: (res) => { res.once('drain', () => res.end('c')); res.write('a'); res.write('b') }, expected: '200 abc' },
  { id: 'no body', answer: (res) => void res.writeHead(204).end(), expected: '204 ' },
]

/** The answer, and whether any of it had come before the event. */
async function exchange(answer: Case['answer'], event: Promise<void> | undefined, happen: () => void): Promise<{ text: string; early: boolean }> {
  const server = createServer((_, res) => {
    const { socket } = res
    holdResponse(res, () => event)
    answer(res)
    // After all that could be sent has been.
    setImmediate(() => setImmediate(() => { looked((socket?.bytesWritten ?? 0) > 0); happen() }))
  })
  let looked: (sent: boolean) => void = () => {}
  const early = new Promise<boolean>((resolve) => { looked = resolve })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    return { text: `${response.status} ${await response.text()}`, early: await early }
  } finally {
    server.close()
    server.closeAllConnections()
  }
}

test.each(cases)('$id: held', async ({ answer, expected }) => {
  let happen: () => void = () => {}
  const event = new Promise<void>((resolve) => { happen = resolve })
  expect(await exchange(answer, event, () => happen())).toEqual({ text: expected, early: false })
})

test.each(cases.filter(({ id }) => id !== 'an app that does not' && id !== 'an app that pauses'))('$id: nothing to wait for', async ({ answer, expected }) => {
  expect(await exchange(answer, undefined, () => {})).toEqual({ text: expected, early: true })
})
