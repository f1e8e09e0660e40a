// HTTP as bytes: requests that no library would send, and streams that can be left at any moment.
import { once } from 'node:events'
import { request, type ClientRequest, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'

export interface RawReply {
  readonly status: number
  readonly text: string
}

/** Sends exactly these lines and reads until the server closes. */
export async function sendRaw(url: string, lines: readonly string[]): Promise<RawReply> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.write(lines.join('\r\n'))
  let text = ''
  for await (const chunk of socket.setEncoding('utf8')) text += chunk
  return { status: Number(text.split(' ')[1]), text }
}

export interface OpenStream {
  readonly request: ClientRequest
  readonly response: IncomingMessage
  /** Everything so far. */
  text(): string
  /** Waits until the text so far satisfies the question, or the stream ends. */
  until(question: (text: string) => boolean): Promise<string>
  /** The whole answer; `broken` when the connection was cut instead of ended. */
  end(): Promise<{ text: string; bytes: Buffer; broken: boolean }>
  /** The client goes away. */
  leave(): void
}

/** A POST whose answer arrives piece by piece. */
export async function openStream(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: unknown,
): Promise<OpenStream> {
  const sent = request(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    agent: false,
  })
  sent.end(JSON.stringify(body))
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  let broken = false
  response.on('data', (chunk: Buffer) => chunks.push(chunk))
  response.on('error', () => (broken = true))
  sent.on('error', () => (broken = true))
  const closed = once(response, 'close')
  const text = (): string => Buffer.concat(chunks).toString()
  return {
    request: sent,
    response,
    text,
    async until(question) {
      while (!question(text()) && !response.closed) {
        await Promise.race([once(response, 'data').catch(() => undefined), closed])
      }
      return text()
    },
    async end() {
      if (!response.closed) await closed
      return { text: text(), bytes: Buffer.concat(chunks), broken: broken || !response.complete }
    },
    leave: () => sent.destroy(),
  }
}
