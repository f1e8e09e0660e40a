// A streamed call in a test's hands: read piece by piece, left at any moment.
import { once } from 'node:events'
import { request, type ClientRequest, type IncomingMessage } from 'node:http'

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
