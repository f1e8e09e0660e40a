// A bare proxy on the parts UniRoute stands on, node:http and undici, with one map from client keys to provider keys
// and nothing else: what Node costs before the product does anything. Started as
// `node-proxy.ts <port of the upstream> <client's credential> <provider's credential>`.
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Pool, type Dispatcher } from 'undici'
import { serveParent } from './peers/parent.ts'

const [upstreamPort, clientCredential = '', providerCredential = ''] = process.argv.slice(2)
const credentials = new Map([[clientCredential, providerCredential]])
const pool = new Pool(`http://127.0.0.1:${upstreamPort}`, { connections: null, pipelining: 1, allowH2: false })

class Relay implements Dispatcher.DispatchHandler {
  readonly #response: ServerResponse
  constructor(response: ServerResponse) {
    this.#response = response
  }
  onRequestStart(): void {}
  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    const kept: Record<string, string> = { 'content-type': headers['content-type'] ?? 'application/octet-stream' }
    if (headers['content-length'] !== undefined) kept['content-length'] = headers['content-length']
    this.#response.writeHead(status, kept)
  }
  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#response.write(chunk)) return
    controller.pause()
    this.#response.once('drain', () => controller.resume())
  }
  onResponseEnd(): void {
    this.#response.end()
  }
  onResponseError(): void {
    this.#response.destroy()
  }
}

const server = createServer((request, response) => {
  const credential = credentials.get(request.headers.authorization ?? '')
  if (credential === undefined) return void response.writeHead(401).end()
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    pool.dispatch(
      {
        path: request.url ?? '/',
        method: 'POST',
        headers: ['content-type', 'application/json', 'accept', '*/*', 'authorization', credential],
        body: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks),
      },
      new Relay(response),
    )
  })
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => serveParent({ start: () => ({ port: (server.address() as AddressInfo).port }) }))
