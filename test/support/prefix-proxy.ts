// A proxy as operators put one in front: everything below one path goes to the server, without that path, and the path
// is told in `X-Forwarded-Prefix`. Whatever leaves the path is refused, so nothing can lean on the root.
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'

export interface PrefixProxy {
  /** With the path, without a slash at its end. */
  readonly url: string
  /** Paths that were asked for outside of it. */
  readonly strayed: string[]
  close(): Promise<void>
}

export async function startPrefixProxy(prefix: string, findTarget: () => string): Promise<PrefixProxy> {
  const strayed: string[] = []

  function pass(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const path = incoming.url ?? '/'
    if (!path.startsWith(`${prefix}/`)) {
      strayed.push(path)
      outgoing.writeHead(404).end()
      return
    }
    const headers = { ...incoming.headers, 'x-forwarded-prefix': prefix, 'x-forwarded-for': '192.0.2.7' }
    const target = request(`${findTarget()}${path.slice(prefix.length)}`, { method: incoming.method ?? 'GET', headers })
    target.on('response', (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      // Streams begin at once.
      outgoing.flushHeaders()
      answer.pipe(outgoing)
    })
    target.on('error', () => outgoing.destroy())
    outgoing.on('close', () => target.destroy())
    incoming.pipe(target)
  }

  const server = createServer(pass)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}${prefix}`,
    strayed,
    async close() {
      server.closeAllConnections()
      await once(server.close(), 'close')
    },
  }
}
