// The least a proxy can do: bytes from one TCP connection to another, unread. The limit to compare with where nginx is
// not installed. Started as `null-proxy.ts <port of the upstream>`.
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { serveParent } from './peers/parent.ts'

const upstreamPort = Number(process.argv[2])

const server = createServer({ noDelay: true }, (client) => {
  const upstream = connect({ port: upstreamPort, host: '127.0.0.1', noDelay: true })
  forward(client, upstream)
  forward(upstream, client)
})
server.listen(0, '127.0.0.1', () => serveParent({ start: () => ({ port: (server.address() as AddressInfo).port }) }))

function forward(from: Socket, to: Socket): void {
  from.on('data', (chunk) => {
    if (to.write(chunk)) return
    from.pause()
    to.once('drain', () => from.resume())
  })
  from.on('end', () => to.end())
  from.on('error', () => to.destroy())
  from.on('close', () => to.destroy())
}
