// Many requests over one connection without waiting for each answer. A server closes after a request that it refuses,
// and forgets those behind it: they are sent again on the next connection.

import { connect } from 'node:net'

export interface Answer {
  /** 0 when the server closed without an answer. */
  status: number
  /** The field Verdict, '' without one; one character a byte. */
  verdict: string
}

const AT_ONCE = 50

export async function sendMany(port: number, requests: string[]): Promise<Answer[]> {
  const answers: Answer[] = []
  while (answers.length < requests.length) {
    const before = answers.length
    await sendUntilClosed(port, requests, answers)
    // Nothing at all came for the first one: that is its answer.
    if (answers.length === before) answers.push({ status: 0, verdict: '' })
  }
  return answers
}

function sendUntilClosed(port: number, requests: string[], answers: Answer[]): Promise<void> {
  return new Promise((resolve, reject) => {
    let received = ''
    let sent = answers.length
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const timer = setTimeout(() => reject(new Error(`no answer on port ${port} to ${JSON.stringify(requests[answers.length])}`)), 60_000)

    function finish(): void {
      clearTimeout(timer)
      socket.destroy()
      resolve()
    }
    function sendMore(): void {
      const until = Math.min(answers.length + AT_ONCE, requests.length)
      // Half empty before it is filled again: fewer, larger writes.
      if (sent >= requests.length || sent - answers.length > AT_ONCE / 2) return
      socket.write(requests.slice(sent, until).join(''), 'latin1')
      sent = until
    }
    function take(): void {
      for (let end = received.indexOf('\r\n\r\n'); end >= 0; end = received.indexOf('\r\n\r\n')) {
        const head = received.slice(0, end)
        const status = Number(head.slice(9, 12))
        answers.push({ status, verdict: /\r\nVerdict: ([^\r]*)/.exec(head)?.[1] ?? '' })
        received = received.slice(end + 4)
        // Only a refusal has a body, and nothing follows it.
        if (status !== 200 || answers.length === requests.length) return finish()
      }
      sendMore()
    }
    socket.setEncoding('latin1')
    socket.on('connect', sendMore)
    socket.on('data', (text: string) => { received += text; take() })
    socket.on('close', finish)
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET' || error.code === 'EPIPE') return finish()
      clearTimeout(timer)
      reject(error)
    })
  })
}
