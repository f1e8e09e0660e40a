// HTTP/1.1 as a client, of our own: a pool for each origin, and those of users' own origins bounded in number and
// guarded.
import { buildConnector } from 'undici'
import { createGuardedConnect } from '../address-guard.ts'
import { connectFailure, type Upstream, type UpstreamRequest, type UpstreamSink } from '../upstream.ts'
import { Call } from './call.ts'
import { READING } from './connection.ts'
import { Pool, type Connect } from './pool.ts'
import { writeRequestHead } from './request-head.ts'

const MOST_GUARDED_POOLS = 256
const SWEEP_MS = 1_000

export function createHttp1Client(connectTimeoutMs: number): Upstream {
  const options = { ...READING, timeout: connectTimeoutMs, allowH2: false }
  const connect = buildConnector(options as buildConnector.BuildOptions)
  const guardedConnect = createGuardedConnect(options)
  const pools = new Map<string, Pool>()
  const guardedPools = new Map<string, Pool>()
  let sweeper: NodeJS.Timeout | undefined
  let isClosed = false

  function poolFor({ origin, guarded }: UpstreamRequest): Pool {
    const map = guarded ? guardedPools : pools
    let pool = map.get(origin)
    if (!pool) {
      pool = new Pool(origin, (guarded ? guardedConnect : connect) as Connect, startSweeping)
      map.set(origin, pool)
      if (guarded && map.size > MOST_GUARDED_POOLS) retireOldest(map)
    }
    return pool
  }

  function startSweeping(): void {
    sweeper ??= setInterval(sweep, SWEEP_MS).unref()
  }

  function sweep(): void {
    const now = performance.now()
    let isAnyIdle = false
    for (const map of [pools, guardedPools]) for (const pool of map.values()) if (pool.sweep(now)) isAnyIdle = true
    if (!isAnyIdle) stopSweeping()
  }

  function stopSweeping(): void {
    clearInterval(sweeper)
    sweeper = undefined
  }

  return {
    send(request, sink) {
      if (isClosed) return refuse(request, sink, 'the client was closed')
      const pool = poolFor(request)
      try {
        const call = new Call(sink, request, writeRequestHead(request, pool.host))
        pool.send(call)
        return call
      } catch (error) {
        return refuse(request, sink, error)
      }
    },
    close() {
      isClosed = true
      stopSweeping()
      for (const map of [pools, guardedPools]) {
        for (const pool of map.values()) pool.close()
        map.clear()
      }
      return Promise.resolve()
    },
  }
}

/** Nobody expects an answer before `send` has returned. */
function refuse(request: UpstreamRequest, sink: UpstreamSink, error: unknown): Call {
  const call = new Call(sink, request, '')
  process.nextTick(() => call.fail(connectFailure(error)))
  return call
}

function retireOldest(map: Map<string, Pool>): void {
  const [origin, pool] = map.entries().next().value!
  map.delete(origin)
  pool.retire()
}
