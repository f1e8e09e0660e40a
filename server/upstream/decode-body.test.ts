// Answers that come compressed: what a few bytes of them may claim is bounded.
import { expect, test } from 'vitest'
import { createDecoder } from './decode-body.ts'

/** A frame of two bytes that names the window it may need. */
const frame = (windowLog: number): Buffer =>
  Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, (windowLog - 10) << 3, 0x11, 0x00, 0x00, 0x7b, 0x7d])

function decode(bytes: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const decoder = createDecoder('zstd', {
      data: (chunk) => (text += chunk.toString()),
      end: () => resolve(text),
      failed: reject,
    })
    decoder?.write(bytes)
    decoder?.end()
  })
}

test('zstd may need a window of 8 MiB and no more', async () => {
  await expect(decode(frame(23))).resolves.toBe('{}')
  for (const windowLog of [24, 27]) await expect(decode(frame(windowLog))).rejects.toThrow(/too much memory/)
})
