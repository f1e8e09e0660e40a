// Which sockets are open, from where, and what is being answered on them. It caps connections per address, and it knows
// when a drain is done. When an address is at its cap its longest idle connection goes first, a new one is refused only
// where none is idle.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { createBag } from '../kernel/bag.ts'
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
  /** Somebody who is known has been served on it: those of strangers go before it. */
  vouchFor(socket: Socket): void
  /** Lets go of clients that take nothing of an answer which is written to its end, after twice so long at most. */
  hurryReaders(stalledMs: number): void
  /** The exchange a socket is busy with. */
  exchangeOn(socket: Socket): Exchange | undefined
  readonly inFlight: number
  /** Requests met since the start. */
  readonly met: number
  readonly exchanges: Iterable<Exchange>
  /** Resolves as soon as nothing is in flight. */
  waitUntilIdle(): Promise<void>
}

interface Connection {
  /** A socket forgets its peer's address once it is closed; we do not. */
  readonly address: string
  /** Under way on it, in order of arrival. */
  readonly exchanges: Exchange[]
  /** Grows from one connection that finishes something, or is opened, to the next. */
  lastUse: number
  isVouchedFor: boolean
}

export function createConnections(options: {
  capPerAddress: number
  /** Proxies and this machine speak for many people. */
  isExempt: (address: string) => boolean
}): Connections {
  const known = new WeakMap<Socket, Connection>()
  const byAddress = new Map<string, Set<Socket>>()
  const exchanges = createBag<Exchange>()
  let [uses, met] = [0, 0]
  let waiting: (() => void)[] = []

  function connectionOf(socket: Socket): Connection {
    let connection = known.get(socket)
    if (connection === undefined) {
      connection = {
        address: normaliseAddress(socket.remoteAddress ?? ''),
        exchanges: [],
        lastUse: ++uses,
        isVouchedFor: false,
      }
      known.set(socket, connection)
    }
    return connection
  }

  /** A stranger's, where there is one. */
  function findLongestIdle(sockets: ReadonlySet<Socket>): Socket | undefined {
    let found: { socket: Socket; connection: Connection } | undefined
    for (const socket of sockets) {
      const connection = connectionOf(socket)
      if (connection.exchanges.length === 0 && !(found && goesBefore(found.connection, connection))) {
        found = { socket, connection }
      }
    }
    return found?.socket
  }

  function end(exchange: Exchange, connection: Connection, place: number): void {
    exchanges.remove(place)
    connection.exchanges.splice(connection.exchanges.indexOf(exchange), 1)
    connection.lastUse = ++uses
    // The next answer on it may take its time.
    if (connection.exchanges.length > 0) exchange.request.socket.setTimeout(0)
    if (exchanges.size > 0) return
    for (const resolve of waiting) resolve()
    waiting = []
  }

  return {
    open(socket) {
      const { address } = connectionOf(socket)
      if (address === '' || options.isExempt(address)) return true
      const sockets = byAddress.get(address) ?? new Set<Socket>()
      byAddress.set(address, sockets)
      if (sockets.size >= options.capPerAddress) {
        const idle = findLongestIdle(sockets)
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
      met++
      const connection = connectionOf(exchange.request.socket)
      connection.exchanges.push(exchange)
      const place = exchanges.add(exchange)
      exchange.response.once('close', () => end(exchange, connection, place))
    },
    vouchFor(socket) {
      connectionOf(socket).isVouchedFor = true
    },
    hurryReaders(stalledMs) {
      for (const { request, response } of exchanges) {
        const { socket } = request
        const isUnread = response.writableEnded && !response.writableFinished
        // One that was overtaken waits for the answer before it. The socket knows whether anything went out meanwhile.
        if (!isUnread || socket.timeout || connectionOf(socket).exchanges[0]?.response !== response) continue
        socket.setTimeout(stalledMs)
      }
    },
    exchangeOn: (socket) => known.get(socket)?.exchanges[0],
    get inFlight() {
      return exchanges.size
    },
    get met() {
      return met
    },
    exchanges,
    waitUntilIdle: () =>
      exchanges.size === 0 ? Promise.resolve() : new Promise((resolve) => void waiting.push(resolve)),
  }
}

function goesBefore(one: Connection, other: Connection): boolean {
  return one.isVouchedFor === other.isVouchedFor ? one.lastUse < other.lastUse : other.isVouchedFor
}
