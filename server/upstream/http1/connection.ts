// A socket and the one call it carries at a time. Its listeners are put on once, for all calls that come.
// Invariants: a call's answer is read from its first byte on this socket and from no earlier one; whatever comes while
// no call waits for it destroys the socket, and so do an abort, a malformed answer, and bytes behind the end of one.
import type { Socket } from 'node:net'
import { UpstreamFailure } from '../upstream.ts'
import type { Call, Carrying } from './call.ts'
import { isUsual, sizeOf } from './request-head.ts'
import { ResponseReader } from './response-reader.ts'

/** What sockets read into, all of them: every read is taken up before the next one comes. */
const READ_BUFFER = Buffer.allocUnsafeSlow(64 * 1024)
/** A request of so many bytes goes out as one buffer, a larger one as the pieces it came in. */
const SMALL = 8 * 1024

/** Where a connection goes when it is free again, or never will be. */
export interface Home {
  takeBack(connection: Connection, idleSeconds: number | null): void
  forget(connection: Connection): void
}

interface OwnSocket extends Socket {
  /** Whose it is; absent before it is connected. */
  connection?: Connection
}

/** What a connector has to know so that its sockets read without a buffer of their own. */
export const READING = {
  onread: {
    buffer: READ_BUFFER,
    callback(this: OwnSocket, length: number): boolean {
      if (this.connection) this.connection.read(length)
      else this.destroy()
      return true
    },
  },
}

export class Connection implements Carrying {
  readonly #socket: OwnSocket
  readonly #home: Home
  #call: Call | null = null
  /** null: no answer is waited for. */
  #reader: ResponseReader | null = null
  #isPaused = false
  #isUsual = true
  /** While it is idle: when it is too old to be used again (monotonic milliseconds). */
  goodUntil = 0

  constructor(socket: Socket, home: Home) {
    this.#socket = socket
    this.#home = home
    this.#socket.connection = this
    socket.on('error', onError)
    socket.on('end', onEnd)
    socket.on('close', onClose)
  }

  get isAlive(): boolean {
    return !this.#socket.destroyed && this.#socket.errored === null
  }

  /** Sends what the call asks. False where the system took not a byte of it: then it may be sent another way. */
  carry(call: Call): boolean {
    this.#call = call
    this.#reader = new ResponseReader()
    call.carriedBy = this
    this.#write(call)
    // Only a socket without TLS tells at once whether its first write was refused.
    if (this.#socket.errored !== null && !('encrypted' in this.#socket)) {
      this.#call = call.carriedBy = this.#reader = null
      return false
    }
    call.forgetRequest()
    return true
  }

  read(length: number): void {
    const call = this.#call
    const reader = this.#reader
    if (call === null || reader === null) return this.destroy()
    const hadHead = reader.head !== null
    // Nothing is read from the common buffer after this: those who hear of it may cause other reads.
    const body = reader.read(READ_BUFFER, length)
    try {
      if (!hadHead && reader.head !== null) call.begin(reader.head)
      if (body !== null) call.push(body)
      if (reader.isMalformed) this.#breakOff('malformed', 'the answer is not HTTP/1.1')
      else if (reader.isDone && this.#call === call) this.#finish(call, reader)
    } catch (error) {
      // Of whoever listens: its call is lost, nobody else's.
      this.destroy()
      call.fail(new UpstreamFailure('reset', true, error))
    }
  }

  /** The other side says nothing more. */
  end(): void {
    const call = this.#call
    if (call !== null && this.#reader!.finish()) {
      this.destroy()
      call.complete()
    } else this.#breakOff('reset', 'the other side closed the connection')
  }

  lose(error: unknown): void {
    this.#breakOff('reset', error)
  }

  abandon(call: Call): void {
    if (this.#call === call) this.destroy()
  }

  pause(): void {
    this.#isPaused = true
    this.#socket.pause()
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#socket.resume()
  }

  /** Whether the process may end although this connection is open. */
  hold(isHeld: boolean): void {
    if (isHeld) this.#socket.ref()
    else this.#socket.unref()
  }

  destroy(): void {
    this.#call = null
    this.#reader = null
    this.#socket.destroy()
    this.#home.forget(this)
  }

  #write({ head, request }: Call): void {
    const { body } = request!
    const socket = this.#socket
    this.#isUsual = isUsual(request!)
    if (body === null) return void socket.write(head, 'latin1')
    const size = head.length + sizeOf(body)
    if (size > SMALL) {
      socket.cork()
      socket.write(head, 'latin1')
      for (const piece of body) socket.write(piece)
      return socket.uncork()
    }
    const whole = Buffer.allocUnsafe(size)
    let at = whole.write(head, 'latin1')
    for (const piece of body) {
      whole.set(piece, at)
      at += piece.length
    }
    socket.write(whole)
  }

  #finish(call: Call, reader: ResponseReader): void {
    const { isPersistent, idleSeconds } = reader.head!
    // An answer before the end of the request leaves half a request on the wire.
    const isClean = isPersistent && !reader.hasExtra && this.#isUsual && this.#socket.writableLength === 0
    this.#call = null
    this.#reader = null
    this.resume()
    if (isClean && this.isAlive) this.#home.takeBack(this, idleSeconds)
    else this.destroy()
    call.complete()
  }

  #breakOff(kind: 'reset' | 'malformed', cause: unknown): void {
    const call = this.#call
    this.destroy()
    call?.fail(new UpstreamFailure(kind, true, cause))
  }
}

function onError(this: OwnSocket, error: Error): void {
  this.connection!.lose(error)
}

function onEnd(this: OwnSocket): void {
  this.connection!.end()
}

function onClose(this: OwnSocket): void {
  this.connection!.lose('the connection was closed')
}
