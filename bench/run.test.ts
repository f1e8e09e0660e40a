// The benchmark must not be fooled: a fast target that answers wrongly, or serves what nobody asked for, has no
// figures.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { direct, measureLatency } from './latency.ts'
import { runScenario, type TargetResult } from './run.ts'
import { findScenario } from './scenarios.ts'
import type { Target } from './target.ts'
import { nodeProxy, nullProxy } from './targets/proxies.ts'

const scenario = findScenario('json')

function run(targets: readonly Target[], rounds = 1): Promise<TargetResult[]> {
  return runScenario({ scenario, targets, rounds, warmUpMs: 50, windowMs: 50, profileFolder: null, say: () => {} })
}

/** A target that lives in this process and answers by itself. */
function createLocalTarget(status: number, body: Buffer): Target {
  return {
    id: 'local',
    summary: 'answers by itself',
    async start() {
      const server: Server = createServer((request, response) => {
        request.resume()
        request.on('end', () => response.writeHead(status, { 'content-length': body.length }).end(body))
      })
      await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
      return {
        pid: process.pid,
        port: (server.address() as AddressInfo).port,
        credential: 'Bearer x',
        stop: async () => {
          server.closeAllConnections()
          server.close()
        },
      }
    },
  }
}

const onLinux = describe.skipIf(process.platform !== 'linux')

onLinux('a run of the benchmark', () => {
  test('measures every target in every round, and every request is in the books', async () => {
    const results = await run([nullProxy, nodeProxy], 2)
    expect(results.map(({ target }) => target.id)).toEqual(['null-proxy', 'node-proxy'])
    for (const { measurements, requests } of results) {
      expect(measurements).toHaveLength(2)
      expect(requests).toBeGreaterThan(measurements[0]!.requests + measurements[1]!.requests)
    }
  })

  test('at a fixed rate every request that was due is made, and counted in the books', async () => {
    const setting = { scenario, targets: [direct, nullProxy], rounds: 2, warmUpMs: 50, windowMs: 200 }
    const results = await measureLatency({ ...setting, perSecond: 50, profileFolder: null, say: () => {} })
    expect(results.map(({ target }) => target.id)).toEqual(['direct', 'null-proxy'])
    expect(results.map(({ added }) => added === null)).toEqual([true, false])
    for (const { requests, p50, p99 } of results) {
      expect(requests).toBeGreaterThanOrEqual(2 * 10)
      expect(p99.median).toBeGreaterThanOrEqual(p50.median)
    }
    await expect(
      measureLatency({
        ...setting,
        targets: [createLocalTarget(500, scenario.answer.pieces[0]!)],
        perSecond: 50,
        profileFolder: null,
        say: () => {},
      }),
    ).rejects.toThrow(/local: .*status 500/)
  })

  test('refuses figures of a target that answers with an error', async () => {
    await expect(run([createLocalTarget(500, scenario.answer.pieces[0]!)])).rejects.toThrow(/local: .*status 500/)
  })

  test('refuses figures of a target that changes a byte', async () => {
    const body = Buffer.from(scenario.answer.pieces[0]!)
    body[body.length - 1]! ^= 1
    await expect(run([createLocalTarget(200, body)])).rejects.toThrow(/the answer's body differs/)
  })

  test('refuses figures of a target that never asked the provider', async () => {
    await expect(run([createLocalTarget(200, scenario.answer.pieces[0]!)])).rejects.toThrow(
      /the provider served 0 requests/,
    )
  })

  test("refuses figures of a target whose own books are wrong, or that sends another's key", async () => {
    const withBooks: Target = {
      ...nullProxy,
      start: async (setting) => ({ ...(await nullProxy.start(setting)), checkBooks: async () => 'one row is missing' }),
    }
    await expect(run([withBooks])).rejects.toThrow('null-proxy: one row is missing.')
    const withoutKey: Target = {
      ...nullProxy,
      start: async (setting) => ({ ...(await nullProxy.start(setting)), credential: 'Bearer other' }),
    }
    await expect(run([withoutKey])).rejects.toThrow(/served 0 requests with its key/)
  })
})
