// A client that sends exactly the bytes it is given, for tests of what no well-behaved client can send.
import { connect, type Socket } from 'node:net'

export interface RawAnswer {
  readonly status: number
  readonly headers: Record<string, string>
  readonly body: string
  /** Did the server close the connection after it? */
  readonly closed: boolean
  readonly text: string
}

/** Opens a connection to this machine. */
export function openSocket(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket))
    socket.once('error', reject)
    socket.on('error', () => {})
  })
}

/** Sends bytes (text is Latin-1) and reads the first answer; resolves when the answer is whole and closed, or whole. */
export async function sendRaw(port: number, bytes: string | Buffer): Promise<RawAnswer> {
  const socket = await openSocket(port)
  socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  return readAnswer(socket)
}

/** Reads one answer off a socket, then waits a moment of its own choosing: until close where the answer says close. */
export function readAnswer(socket: Socket): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    let text = ''
    const finish = (closed: boolean): void => {
      socket.off('data', onData).off('close', onClose)
      const answer = parseAnswer(text)
      if (!answer) return reject(new Error(`no answer, but: ${JSON.stringify(text.slice(0, 200))}`))
      if (!closed) socket.destroy()
      resolve({ ...answer, closed, text })
    }
    const onData = (chunk: Buffer): void => {
      text += chunk.toString('latin1')
      const answer = parseAnswer(text)
      if (answer && answer.headers['connection'] !== 'close') finish(false)
    }
    const onClose = (): void => finish(true)
    socket.on('data', onData).on('close', onClose)
  })
}

function parseAnswer(text: string): Omit<RawAnswer, 'closed' | 'text'> | undefined {
  const gap = text.indexOf('\r\n\r\n')
  if (gap === -1) return undefined
  const [start = '', ...lines] = text.slice(0, gap).split('\r\n')
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const colon = line.indexOf(':')
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim()
  }
  const body = text.slice(gap + 4)
  const length = Number(headers['content-length'] ?? 0)
  if (body.length < length) return undefined
  return { status: Number(start.split(' ')[1]), headers, body: body.slice(0, length) }
}
