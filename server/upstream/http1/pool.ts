// The connections to one origin: one call each at a time, as many as there are calls, the last used first.
// Invariants: a call is written to a connection only after one turn of the loop in which it might have been seen closed
// or talking out of turn; a request goes out a second time only where the system took no byte of it the first time.
import type { Socket } from 'node:net'
import type { buildConnector } from 'undici'
import { connectFailure } from '../upstream.ts'
import type { Call, Carrying } from './call.ts'
import { Connection, type Home } from './connection.ts'

export type Connect = (options: buildConnector.Options, callback: buildConnector.Callback) => unknown

/** As long as undici keeps them, where the other side tells nothing. */
const USUAL_IDLE_MS = 4_000
const LONGEST_IDLE_MS = 600_000
/** Told times are of the other side's clock, and closing takes a while to arrive. */
const IDLE_MARGIN_MS = 2_000

export class Pool implements Home {
  readonly host: string
  readonly #options: buildConnector.Options
  readonly #connect: Connect
  /** The last used is last; some may have been closed meanwhile. */
  #idle: Connection[] = []
  readonly #all = new Set<Connection>()
  readonly #underway = new Set<Underway>()
  readonly #onIdle: () => void
  #isRetired = false
  #isClosed = false

  constructor(origin: string, connect: Connect, onIdle: () => void) {
    const { host, hostname, protocol, port } = new URL(origin)
    this.host = host
    this.#options = { host, hostname: hostname.replace(/^\[|\]$/g, ''), protocol, port }
    this.#connect = connect
    this.#onIdle = onIdle
  }

  send(call: Call): void {
    if (this.#isClosed) return process.nextTick(() => call.fail(connectFailure('the pool was closed')))
    const connection = this.#takeIdle()
    if (connection === null) this.#open(call)
    else new Reuse(this, connection, call)
  }

  /** The turn has passed: the connection is still there, or another has to do. */
  reuse(connection: Connection, call: Call): void {
    if (!connection.isAlive || !connection.carry(call)) this.send(call)
  }

  /** Nothing of the call was sent on it. */
  giveBack(connection: Connection): void {
    if (this.#isRetired) connection.destroy()
    else if (connection.isAlive) this.#rest(connection)
  }

  takeBack(connection: Connection, idleSeconds: number | null): void {
    const told = idleSeconds === null ? USUAL_IDLE_MS : idleSeconds * 1000 - IDLE_MARGIN_MS
    if (told <= 0 || this.#isRetired) return connection.destroy()
    connection.goodUntil = performance.now() + Math.min(told, LONGEST_IDLE_MS)
    this.#rest(connection)
  }

  forget(connection: Connection): void {
    this.#all.delete(connection)
  }

  /** Closes what has been idle for too long. Is anything idle still? */
  sweep(now: number): boolean {
    const idle = this.#idle
    this.#idle = idle.filter((connection) => connection.isAlive && connection.goodUntil > now)
    for (const connection of idle) if (connection.goodUntil <= now) connection.destroy()
    return this.#idle.length > 0
  }

  /** Calls that run are left to end; their connections are not used again. */
  retire(): void {
    this.#isRetired = true
    for (const connection of this.#idle.splice(0)) connection.destroy()
  }

  close(): void {
    this.#isClosed = true
    this.retire()
    for (const connection of this.#all) connection.lose('the pool was closed')
    for (const underway of this.#underway) underway.fail('the pool was closed')
  }

  #rest(connection: Connection): void {
    connection.hold(false)
    this.#idle.push(connection)
    this.#onIdle()
  }

  #takeIdle(): Connection | null {
    const now = performance.now()
    for (;;) {
      const connection = this.#idle.pop()
      if (connection === undefined) return null
      if (connection.isAlive && connection.goodUntil > now) {
        connection.hold(true)
        return connection
      }
      connection.destroy()
    }
  }

  #open(call: Call): void {
    const underway = new Underway(call, () => this.#underway.delete(underway))
    this.#underway.add(underway)
    // A refusal of the guard comes at once, and nobody expects an answer before `send` has returned.
    underway.socket = this.#connect(this.#options, (error, socket) => {
      if (error) return process.nextTick(() => underway.fail(error))
      underway.arrive(new Connection(socket, this), this.#all)
    }) as Socket | undefined
  }
}

/** A call on its way to a connection of its own. */
class Underway implements Carrying {
  readonly #call: Call
  readonly #settle: () => void
  #isSettled = false
  socket: Socket | undefined

  constructor(call: Call, settle: () => void) {
    this.#call = call
    this.#settle = settle
    call.carriedBy = this
  }

  arrive(connection: Connection, all: Set<Connection>): void {
    if (this.#isSettled) return connection.destroy()
    this.#end()
    all.add(connection)
    if (!connection.carry(this.#call)) this.#call.fail(connectFailure('the connection was closed at once'))
  }

  fail(error: unknown): void {
    if (this.#isSettled) return
    this.#end()
    this.socket?.destroy()
    this.#call.fail(connectFailure(error))
  }

  abandon(): void {
    this.#end()
    // With an error, so that the connector lets go of its timer.
    this.socket?.destroy(new Error('aborted'))
  }

  pause(): void {}
  resume(): void {}

  #end(): void {
    this.#isSettled = true
    this.#settle()
  }
}

/** Calls that take over a connection wait for one turn of the loop, all those of a turn together. */
let waiting: Reuse[] = []

class Reuse implements Carrying {
  readonly #pool: Pool
  readonly #connection: Connection
  readonly #call: Call

  constructor(pool: Pool, connection: Connection, call: Call) {
    this.#pool = pool
    this.#connection = connection
    this.#call = call
    call.carriedBy = this
    if (waiting.push(this) === 1) setImmediate(endTurn)
  }

  go(): void {
    if (this.#call.isOver) this.#pool.giveBack(this.#connection)
    else this.#pool.reuse(this.#connection, this.#call)
  }

  // The connection goes back when the turn is over.
  abandon(): void {}
  pause(): void {}
  resume(): void {}
}

function endTurn(): void {
  const ready = waiting
  waiting = []
  for (const reuse of ready) reuse.go()
}
