// A target that loses a stream has no figure of what streams cost.
import { connect, createServer, type AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import type { Target } from '../target.ts'
import { nullProxy } from '../targets/proxies.ts'
import { listIncreases } from './curves.ts'
import { measureStreams } from './idle-streams.ts'

/** Passes bytes on, and breaks off some streams once they have begun. */
const forgetful: Target = {
  id: 'forgetful',
  summary: 'loses one stream in a hundred',
  async start({ upstreamPort, providerKey }) {
    let count = 0
    const server = createServer((client) => {
      const upstream = connect(upstreamPort, '127.0.0.1')
      const isLost = ++count % 100 === 0
      client.pipe(upstream)
      upstream.on('data', (chunk) => client.write(chunk, () => isLost && client.destroy()))
      client.on('error', () => upstream.destroy())
      client.on('close', () => upstream.destroy())
      upstream.on('error', () => client.destroy())
    })
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    return {
      pid: process.pid,
      port,
      credential: `Bearer ${providerKey}`,
      stop: async () => void server.close(),
    }
  },
}

test('what further streams take is not lowered by memory that lay ready', () => {
  const each = 40
  const ready = 8_000
  const memories = [1_000, 3_000, 9_000].map((streams) => ({
    streams,
    kilobytesEach: (streams * each - ready) / streams,
  }))
  expect(listIncreases(memories)).toEqual([each, each])
})

describe.skipIf(process.platform !== 'linux')(
  'idle streams (memory of another process is told by /proc on Linux)',
  () => {
    test('are measured at each count, in one process, and all come whole', async () => {
      const memories = await measureStreams(nullProxy, [200, 600], 100)
      expect(memories.map(({ streams }) => streams)).toEqual([200, 600])
      for (const { kilobytesEach, atRest } of memories) {
        expect(kilobytesEach).toBeGreaterThan(0)
        expect(kilobytesEach * 600).toBeLessThan(atRest * 1024 * 10)
      }
    })

    test('refuses figures of a target that loses some', async () => {
      await expect(measureStreams(forgetful, [100], 100)).rejects.toThrow(/forgetful: 5 of 500 answers were wrong/)
    })
  },
)
