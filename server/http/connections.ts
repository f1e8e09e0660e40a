// Which sockets are open, from where, and what is being answered on them. It caps connections per address, and it knows
// when a drain is done. When an address is at its cap its longest idle connection goes first, a new one is refused only
// where none is idle.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { normaliseAddress } from './forwarded.ts'

export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

export interface Connections {
  /** Registers a new socket; false means it was refused and destroyed. */
  open(socket: Socket): boolean
  /** Registers a request until its response closes. */
  begin(exchange: Exchange): void
  /** The exchange a socket is busy with. */
  exchangeOn(socket: Socket): Exchange | undefined
  readonly inFlight: number
  readonly exchanges: Iterable<Exchange>
  /** Resolves as soon as nothing is in flight. */
  waitUntilIdle(): Promise<void>
}

export function createConnections(options: {
  capPerAddress: number
  /** Proxies and this machine speak for many people. */
  isExempt: (address: string) => boolean
}): Connections {
  const byAddress = new Map<string, Set<Socket>>()
  const busy = new Map<Socket, Set<Exchange>>()
  const exchanges = new Set<Exchange>()
  let waiting: (() => void)[] = []

  function end(exchange: Exchange, socket: Socket): void {
    exchanges.delete(exchange)
    const onSocket = busy.get(socket)
    onSocket?.delete(exchange)
    if (onSocket?.size === 0) busy.delete(socket)
    // Sockets stand in the order in which they last finished something: the first idle one is the one to go.
    const sockets = byAddress.get(addressOf(socket))
    if (sockets?.delete(socket)) sockets.add(socket)
    if (exchanges.size > 0) return
    for (const resolve of waiting) resolve()
    waiting = []
  }

  return {
    open(socket) {
      const address = addressOf(socket)
      if (address === '' || options.isExempt(address)) return true
      const sockets = byAddress.get(address) ?? new Set<Socket>()
      byAddress.set(address, sockets)
      if (sockets.size >= options.capPerAddress) {
        const idle = [...sockets].find((candidate) => !busy.has(candidate))
        if (!idle) {
          socket.destroy()
          return false
        }
        sockets.delete(idle)
        idle.destroy()
      }
      sockets.add(socket)
      socket.once('close', () => {
        sockets.delete(socket)
        if (sockets.size === 0 && byAddress.get(address) === sockets) byAddress.delete(address)
      })
      return true
    },
    begin(exchange) {
      const { socket } = exchange.request
      exchanges.add(exchange)
      const onSocket = busy.get(socket) ?? new Set<Exchange>()
      busy.set(socket, onSocket.add(exchange))
      exchange.response.once('close', () => end(exchange, socket))
    },
    exchangeOn: (socket) => busy.get(socket)?.values().next().value,
    get inFlight() {
      return exchanges.size
    },
    exchanges,
    waitUntilIdle: () =>
      exchanges.size === 0 ? Promise.resolve() : new Promise((resolve) => void waiting.push(resolve)),
  }
}

const addresses = new WeakMap<Socket, string>()

/** A socket forgets its peer's address once it is closed; we do not. */
function addressOf(socket: Socket): string {
  const known = addresses.get(socket)
  if (known !== undefined) return known
  const address = normaliseAddress(socket.remoteAddress ?? '')
  addresses.set(socket, address)
  return address
}
