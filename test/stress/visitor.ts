// A visitor with one keep-alive connection, as light as can be: the machine is to be busy with the servers.

import { connect, type Socket } from 'node:net'
import { monotonic } from './messages.js'

export interface Answer {
  /** 0 when the connection was closed before the answer was complete. */
  status: number
  /** Lower-case head, one character a byte. */
  head: string
  body: string
  began: number
  ended: number
}

export class Visitor {
  #socket: Socket | undefined
  #received = ''
  #settle: ((answer: Answer) => void) | undefined
  #began = 0

  constructor(private readonly port: number, private readonly timeoutMs = 15_000) {}

  /** Sends a whole request, and never rejects. */
  ask(request: string): Promise<Answer> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#fail(), this.timeoutMs)
      this.#settle = (answer) => {
        clearTimeout(timer)
        this.#settle = undefined
        resolve(answer)
      }
      const socket = (this.#socket ??= this.#connect())
      this.#received = ''
      this.#began = monotonic()
      socket.write(request, 'latin1')
    })
  }

  close(): void {
    this.#socket?.destroy()
    this.#socket = undefined
  }

  #connect(): Socket {
    const socket = connect({ port: this.port, host: '127.0.0.1', noDelay: true })
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      this.#received = this.#received === '' ? text : this.#received + text
      this.#read()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      if (this.#socket === socket) this.#fail()
    })
    return socket
  }

  #fail(): void {
    this.close()
    this.#settle?.({ status: 0, head: '', body: '', began: this.#began, ended: monotonic() })
  }

  #read(): void {
    const text = this.#received
    const end = text.indexOf('\r\n\r\n')
    if (end < 0) return
    const head = text.slice(0, end).toLowerCase()
    const status = Number(head.slice(9, 12))
    const body = status === 204 || status === 304 ? '' : bodyOf(text, end + 4, head)
    if (body === undefined) return
    if (head.includes('\r\nconnection: close')) this.close()
    this.#settle?.({ status, head, body, began: this.#began, ended: monotonic() })
  }
}

/** undefined while more is to come. */
function bodyOf(text: string, from: number, head: string): string | undefined {
  const length = /\r\ncontent-length: (\d+)/.exec(head)?.[1]
  if (length !== undefined) return text.length - from >= Number(length) ? text.slice(from) : undefined
  // Chunked; where nothing follows the last chunk, no more than its end needs to be looked at.
  if (!text.endsWith('0\r\n\r\n')) return undefined
  let body = ''
  for (let at = from; ;) {
    const lineEnd = text.indexOf('\r\n', at)
    if (lineEnd < 0) return undefined
    const size = Number.parseInt(text.slice(at, lineEnd), 16)
    if (size === 0) return body
    if (lineEnd + 2 + size > text.length) return undefined
    body += text.slice(lineEnd + 2, lineEnd + 2 + size)
    at = lineEnd + 4 + size
  }
}

export function fieldOf(head: string, name: string): string {
  const start = head.indexOf(`\r\n${name}: `)
  if (start < 0) return ''
  const from = start + name.length + 4
  const end = head.indexOf('\r\n', from)
  return head.slice(from, end < 0 ? undefined : end)
}
