// What an answer may cost whoever reads it: addresses are also of clients' choosing, and so is who answers there.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, expect, test, vi } from 'vitest'
import { ResponseReader } from './response-reader.ts'

afterEach(() => vi.restoreAllMocks())

function readWhole(text: string): ResponseReader {
  const reader = new ResponseReader()
  const bytes = Buffer.from(text, 'latin1')
  reader.read(bytes, bytes.length)
  return reader
}

test('a head that comes byte by byte is looked at once, not anew with every byte', () => {
  const decode = Buffer.prototype.toString
  let decoded = 0
  vi.spyOn(Buffer.prototype, 'toString').mockImplementation(function (this: Buffer, ...how) {
    const text = decode.apply(this, how)
    decoded += text.length
    return text
  })
  const head = `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(10_000)}\r\nContent-Length: 0\r\n\r\n`
  const reader = new ResponseReader()
  const shared = Buffer.alloc(64)
  for (const character of head) {
    shared[0] = character.charCodeAt(0)
    reader.read(shared, 1)
  }
  expect(reader).toMatchObject({ isDone: true, isMalformed: false, head: { status: 200 } })
  expect(decoded).toBeLessThan(16 * head.length)
})

test('names of fields that others make up do not stay in memory', () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const used = (): number => {
    collect()
    return process.memoryUsage().heapUsed
  }
  const answer = (name: string): string => `HTTP/1.1 200 OK\r\n${name}: 1\r\nContent-Length: 0\r\n\r\n`
  const before = used()
  for (let count = 0; count < 512; count++) {
    const name = `x${count}${'x'.repeat(60_000)}`
    expect(readWhole(answer(name.toUpperCase())).head?.headers).toHaveProperty(name, '1')
  }
  expect(used() - before).toBeLessThan(8 * 1024 * 1024)
})
