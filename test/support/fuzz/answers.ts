// The reader of providers' answers: bytes of a socket, at any split. What it takes for the head, the body and the end
// is the same however they are cut, and none of it is longer than what came.
import { isDeepStrictEqual } from 'node:util'
import { ResponseReader } from '../../../server/upstream/http1/response-reader.ts'
import { type FuzzTarget, promise } from './target.ts'

const PIECES = [1, 2, 3, 7] as const

interface Heard {
  readonly head: unknown
  readonly body: string
  readonly end: 'done' | 'malformed' | 'open'
  /** Bytes behind the end of the answer. */
  readonly extra: boolean
}

function read(input: Buffer, length: number): Heard {
  const reader = new ResponseReader()
  const body: Buffer[] = []
  // One buffer for all reads, as sockets share one.
  const shared = Buffer.alloc(length)
  let at = 0
  while (at < input.length && !reader.isDone && !reader.isMalformed) {
    const size = input.copy(shared, 0, at, at + length)
    const piece = reader.read(shared, size)
    if (piece) body.push(piece)
    at += size
  }
  const whole = Buffer.concat(body)
  promise(whole.length <= input.length, 'a body is longer than the answer')
  promise(!(reader.isDone && reader.isMalformed), 'an answer is whole and malformed')
  const { head } = reader
  promise(head === null || Object.getPrototypeOf(head.headers) === null, 'fields have a prototype')
  if (reader.isDone && head?.framing === 'length') promise(whole.length === head.length, 'a body has another length')
  return {
    head,
    body: whole.toString('latin1'),
    end: reader.isMalformed ? 'malformed' : reader.isDone || reader.finish() ? 'done' : 'open',
    extra: reader.hasExtra || (reader.isDone && at < input.length),
  }
}

function checkAnswer(input: Buffer): void {
  const whole = read(input, Math.max(1, input.length))
  for (const length of PIECES) {
    const pieces = read(input, length)
    promise(isDeepStrictEqual(pieces, whole), `an answer differs when read ${length} bytes at a time`)
  }
}

export const ANSWER_TARGETS: readonly FuzzTarget[] = [
  {
    name: 'http-answer',
    kind: 'bytes',
    words: [
      'HTTP/1.1 200 OK\r\n',
      'HTTP/1.0 200 OK\r\n',
      'HTTP/1.1 100 Continue\r\n\r\n',
      'content-length: 5\r\n',
      'transfer-encoding: chunked\r\n',
      'connection: close\r\n',
      '\r\n\r\n',
      '5\r\nhello\r\n',
      '5;a=b\r\n',
      '0\r\n\r\n',
      '0\r\na: b\r\n\r\n',
      '\r',
      '\n',
      '__proto__: x\r\n',
    ],
    check: checkAnswer,
  },
]
