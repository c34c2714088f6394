// An HTTP/1 client that sends exactly the given bytes and shows exactly what came back: no client library would send
// the odd requests, or leave untouched the odd responses, that these tests are about.
import { connect } from 'node:net'

export interface RawResponse {
  /** 0 for HTTP/0.9, which has no status line. */
  status: number
  reason: string
  /** In the order and spelling of the wire; a repeated header is there repeatedly. */
  headers: [name: string, value: string][]
  /** Without the framing of chunked coding. */
  body: Buffer
  /** False where the connection ended before the body that was announced. */
  complete: boolean
  /** The value of a header, several joined by ', '; undefined where there is none. */
  header(name: string): string | undefined
}

export interface RawOptions { timeoutMs?: number; host?: string }

/** Sends bytes (a string's characters are bytes, 0x00-0xFF) and reads one response. */
export async function sendRaw(port: number, request: string | Buffer, options: RawOptions = {}): Promise<RawResponse> {
  const bytes = toBytes(request)
  const method = bytes.toString('latin1', 0, 16).split(' ')[0] as string
  const [response] = await sendRawAll(port, bytes, [method], options)
  return response as RawResponse
}

/** Sends the bytes of several requests on one connection; the methods tell how many responses come and which have no body. */
export function sendRawAll(port: number, requests: string | Buffer, methods: readonly string[], { timeoutMs = 10_000, host = '127.0.0.1' }: RawOptions = {}): Promise<RawResponse[]> {
  return new Promise((resolve, reject) => {
    const responses: RawResponse[] = []
    let received: Buffer = Buffer.alloc(0)
    const socket = connect(port, host, () => socket.write(toBytes(requests)))
    const fail = (why: string) => finish(new Error(`${why}; so far: ${JSON.stringify(received.toString('latin1').slice(0, 500))}`))
    const timer = setTimeout(() => fail(`response ${responses.length + 1} of ${methods.length} did not end within ${timeoutMs} ms`), timeoutMs)

    function finish(error?: Error): void {
      clearTimeout(timer)
      socket.destroy()
      if (error) reject(error)
      else resolve(responses)
    }
    function take(closed: boolean): void {
      try {
        while (responses.length < methods.length) {
          const parsed = parseResponse(received, methods[responses.length] as string, closed)
          if (parsed === undefined) break
          received = received.subarray(parsed.length)
          // 100 and 103 announce the response, they are not it.
          if (parsed.response.status < 100 || parsed.response.status > 199 || parsed.response.status === 101) responses.push(parsed.response)
        }
      } catch (error) { return fail((error as Error).message) }
      if (responses.length === methods.length) finish()
      else if (closed) fail(`closed before response ${responses.length + 1} of ${methods.length}`)
    }

    socket.on('data', (chunk) => { received = Buffer.concat([received, chunk]); take(false) })
    socket.on('end', () => take(true))
    // A server that answers 400 before it has read everything resets the connection; what it said still counts.
    socket.on('error', (error: NodeJS.ErrnoException) => { if (error.code === 'ECONNRESET' || error.code === 'EPIPE') take(true); else finish(error) })
  })
}

function toBytes(text: string | Buffer): Buffer {
  return typeof text === 'string' ? Buffer.from(text, 'latin1') : text
}

interface Parsed { response: RawResponse; length: number }

/** The first response in the bytes, or undefined while more is to come. */
function parseResponse(bytes: Buffer, method: string, closed: boolean): Parsed | undefined {
  if (bytes.length === 0) return undefined
  const start = bytes.toString('latin1', 0, 5)
  if (!start.startsWith('HTTP/'.slice(0, start.length))) {
    return closed ? { response: toResponse('', [], bytes, true), length: bytes.length } : undefined
  }
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const [statusLine = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n')
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    if (colon < 1) throw new Error(`not a header: ${JSON.stringify(line)}`)
    return [line.slice(0, colon), line.slice(colon + 1).trim()]
  })
  const framed = readBody(bytes.subarray(end + 4), toResponse(statusLine, headers, Buffer.alloc(0), true), method, closed)
  return framed && { response: toResponse(statusLine, headers, framed.body, framed.complete), length: end + 4 + framed.length }
}

interface Body { body: Buffer; length: number; complete: boolean }

/** RFC 9112 section 6.3: where the body of a response ends. */
function readBody(rest: Buffer, head: RawResponse, method: string, closed: boolean): Body | undefined {
  const none = { body: Buffer.alloc(0), length: 0, complete: true }
  if (method === 'HEAD' || head.status < 200 || head.status === 204 || head.status === 304) return none
  if (head.header('transfer-encoding')?.toLowerCase() === 'chunked') return readChunks(rest, closed)
  const announced = head.header('content-length')
  if (announced === undefined) return closed ? { body: rest, length: rest.length, complete: true } : undefined
  if (!/^\d+$/.test(announced)) throw new Error(`bad content-length: ${announced}`)
  const length = Number(announced)
  if (rest.length >= length) return { body: rest.subarray(0, length), length, complete: true }
  return closed ? { body: rest, length: rest.length, complete: false } : undefined
}

function readChunks(rest: Buffer, closed: boolean): Body | undefined {
  const chunks: Buffer[] = []
  const unfinished = () => (closed ? { body: Buffer.concat(chunks), length: rest.length, complete: false } : undefined)
  for (let at = 0; ;) {
    const lineEnd = rest.indexOf('\r\n', at)
    if (lineEnd < 0) return unfinished()
    const line = rest.toString('latin1', at, lineEnd)
    if (!/^[0-9a-f]+(;.*)?$/i.test(line)) throw new Error(`bad chunk size: ${JSON.stringify(line)}`)
    const size = Number.parseInt(line, 16)
    if (size === 0) {
      // Trailer fields, if any, are dropped: nothing here sends any.
      const end = rest.indexOf('\r\n\r\n', lineEnd)
      return end < 0 ? unfinished() : { body: Buffer.concat(chunks), length: end + 4, complete: true }
    }
    const next = lineEnd + 2 + size + 2
    if (rest.length < next) {
      chunks.push(rest.subarray(lineEnd + 2))
      return unfinished()
    }
    chunks.push(rest.subarray(lineEnd + 2, next - 2))
    at = next
  }
}

function toResponse(statusLine: string, headers: [string, string][], body: Buffer, complete: boolean): RawResponse {
  const [, status = '0', reason = ''] = /^HTTP\/\S+ (\d{3}) ?(.*)$/.exec(statusLine) ?? []
  return {
    status: Number(status), reason, headers, body, complete,
    header(name) {
      const values = headers.filter(([other]) => other.toLowerCase() === name.toLowerCase()).map(([, value]) => value)
      return values.length > 0 ? values.join(', ') : undefined
    },
  }
}
