// A plain door between an agent and UniRoute: it passes bytes on as they come and writes down what went through, so a
// run can look up its receipts and a failure can be told by the traffic.
import { once } from 'node:events'
import { createServer, request as startRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Passage {
  readonly method: string
  readonly path: string
  readonly requestBody: string
  readonly status: number
  readonly requestId: string | undefined
  readonly warnings: string | undefined
  readonly responseBody: string
}

export interface Door {
  readonly url: string
  readonly passages: Passage[]
  close(): Promise<void>
}

/** `renamed`: a model's name in bodies, and what UniRoute gets instead. */
export async function openDoor(target: string, renamed?: { from: string; to: string }): Promise<Door> {
  const passages: Passage[] = []
  const server = createServer((incoming, outgoing) => {
    pass(target, incoming, outgoing, renamed).then(
      (passage) => void passages.push(passage),
      () => outgoing.destroy(),
    )
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    passages,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

async function pass(
  target: string,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  renamed: { from: string; to: string } | undefined,
): Promise<Passage> {
  const { method = '', url: path = '/' } = incoming
  const sent = await readAll(incoming)
  const requestBody = renamed === undefined ? sent : rename(sent, renamed)
  const { 'content-length': _length, 'transfer-encoding': _encoding, ...headers } = incoming.headers
  const length = requestBody.length === 0 ? {} : { 'content-length': requestBody.length }
  const onward = startRequest(target + path, { method, headers: { ...headers, ...length } })
  outgoing.once('close', () => onward.destroy())
  onward.end(requestBody)
  const [answer] = (await once(onward, 'response')) as [IncomingMessage]
  outgoing.writeHead(answer.statusCode ?? 0, answer.rawHeaders)
  outgoing.flushHeaders()
  const chunks: Buffer[] = []
  for await (const chunk of answer) {
    chunks.push(chunk as Buffer)
    outgoing.write(chunk)
  }
  outgoing.end()
  return {
    method,
    path,
    requestBody: requestBody.toString(),
    status: answer.statusCode ?? 0,
    requestId: textOf(answer.headers['x-request-id']),
    warnings: textOf(answer.headers['x-uniroute-warnings']),
    responseBody: Buffer.concat(chunks).toString(),
  }
}

function rename(body: Buffer, { from, to }: { from: string; to: string }): Buffer {
  return Buffer.from(body.toString().replace(`"model":"${from}"`, `"model":"${to}"`))
}

async function readAll(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

const textOf = (value: string | string[] | undefined): string | undefined => [value].flat()[0]
