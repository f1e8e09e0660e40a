// The peers' own reader of HTTP: if it misread an answer, a wrong target would look right.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HttpReader, readHeader, type Message } from './http-reader.ts'

function writeMessage({ body, chunks }: { body: string; chunks: number | null }): Buffer {
  const bytes = Buffer.from(body)
  const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n'
  if (chunks === null) return Buffer.concat([Buffer.from(`${head}Content-Length: ${bytes.length}\r\n\r\n`), bytes])
  const pieces: Buffer[] = [Buffer.from(`${head}Transfer-Encoding: chunked\r\n\r\n`)]
  for (let at = 0; at < bytes.length; at += chunks) {
    const piece = bytes.subarray(at, at + chunks)
    pieces.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'))
  }
  return Buffer.concat([...pieces, Buffer.from('0\r\n\r\n')])
}

function readAll(bytes: Buffer, cuts: readonly number[]): { messages: Message[]; inside: boolean } {
  const messages: Message[] = []
  const reader = new HttpReader((message) => messages.push(message))
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]
  for (let i = 1; i < places.length; i++) reader.push(bytes.subarray(places[i - 1], places[i]))
  return { messages, inside: reader.inside }
}

describe('the reader of HTTP messages', () => {
  const message = fc.record({
    body: fc.string({ unit: 'binary', maxLength: 300 }),
    chunks: fc.option(fc.integer({ min: 1, max: 90 })),
  })

  test('reads the same messages however the bytes are split', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 5 }), fc.array(fc.nat(4000)), (sent, cuts) => {
        const { messages, inside } = readAll(Buffer.concat(sent.map(writeMessage)), cuts)
        expect(messages.map(({ body }) => body.toString())).toEqual(
          sent.map(({ body }) => Buffer.from(body).toString()),
        )
        expect(inside).toBe(false)
      }),
    )
  })

  test('knows that a message is not over', () => {
    const bytes = writeMessage({ body: 'four', chunks: 3 })
    for (let end = 1; end < bytes.length; end++) {
      expect(readAll(bytes.subarray(0, end), [])).toEqual({ messages: [], inside: true })
    }
  })

  test.each(['Transfer-Encoding: gzip', 'Content-Length: x', 'Content-Length: 1\r\nTransfer-Encoding: chunked'])(
    'refuses %s rather than guess',
    (line) => {
      expect(() => readAll(Buffer.from(`HTTP/1.1 200 OK\r\n${line}\r\n\r\n`), [])).toThrow()
    },
  )

  test('finds a header by its whole name, in any case', () => {
    const head = 'GET / HTTP/1.1\r\nx-host: a\r\nHOST:  b \r\nlast:c'
    expect(readHeader(head, 'host')).toBe('b')
    expect(readHeader(head, 'last')).toBe('c')
    expect(readHeader(head, 'ost')).toBeNull()
  })
})
