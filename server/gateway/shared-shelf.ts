// A shelf that several instances fill together, through Redis: what one puts there the others see, since they look for
// what is new of a tenant before they read from their own. Redis holds what memory would: sealed, per tenant, bounded,
// and no longer than it is kept there.
// Invariants: the request path waits for one answer at most; without Redis each instance has what it put there itself.
import { type Redis, RedisAway } from '../database/redis.ts'
import { createUlid } from '../kernel/ids.ts'
import type { StateShelf } from './state-shelf.ts'

export interface SharedShelf<Value> extends StateShelf<Value> {
  /** Takes over what other instances put there of this tenant; null where nothing is shared now. */
  refresh(tenant: string): Promise<void> | null
}

const PREFIX = 'uniroute:state:'
const MOST_PER_TENANT = 1_000
/** At the first look of an instance: the latest ones, since that look is waited for. */
const FIRST_LOOK = 250
const MOST_AT_A_LOOK = 1_000
const LARGEST_BYTES = 64 * 1024
const MOST_TENANTS = 50_000

export function createSharedShelf<Value>(options: {
  shelf: StateShelf<Value>
  redis: Pick<Redis, 'isUp' | 'send'>
  keptMs: number
}): SharedShelf<Value> {
  const { shelf, redis, keptMs } = options
  const self = createUlid(Date.now())
  /** How far each tenant's entries were read. */
  const readTo = new Map<string, string>()

  async function share(tenant: string, name: string, value: Value, bytes: number): Promise<void> {
    const key = PREFIX + tenant
    const entry = ['from', self, 'name', name, 'bytes', String(bytes), 'value', JSON.stringify(value)]
    try {
      await redis.send(['XADD', key, 'MAXLEN', '~', String(MOST_PER_TENANT), '*', ...entry])
      await redis.send(['PEXPIRE', key, String(keptMs)])
    } catch (error) {
      // Those who come to another instance go on without it, as clients do that drop it.
      if (!(error instanceof RedisAway)) throw error
    }
  }

  async function look(tenant: string): Promise<void> {
    const key = PREFIX + tenant
    const from = readTo.get(tenant)
    const command = from
      ? ['XRANGE', key, `(${from}`, '+', 'COUNT', String(MOST_AT_A_LOOK)]
      : ['XREVRANGE', key, '+', '-', 'COUNT', String(FIRST_LOOK)]
    try {
      const found = (await redis.send(command)) as readonly [id: string, fields: readonly string[]][]
      for (const [id, fields] of from ? found : found.toReversed()) take(tenant, id, readFields(fields))
    } catch (error) {
      if (!(error instanceof RedisAway)) throw error
    }
  }

  function take(tenant: string, id: string, { from, name, bytes, value }: Record<string, string>): void {
    readTo.delete(tenant)
    readTo.set(tenant, id)
    if (readTo.size > MOST_TENANTS) readTo.delete(readTo.keys().next().value!)
    if (from === self || name === undefined || value === undefined) return
    shelf.put(tenant, name, JSON.parse(value) as Value, Number(bytes))
  }

  return {
    get: shelf.get,
    put(tenant, name, value, bytes) {
      shelf.put(tenant, name, value, bytes)
      if (redis.isUp && bytes <= LARGEST_BYTES) void share(tenant, name, value, bytes)
    },
    holdsFor: shelf.holdsFor,
    refresh: (tenant) => (redis.isUp ? look(tenant) : null),
    get size() {
      return shelf.size
    },
    get bytes() {
      return shelf.bytes
    },
  }
}

function readFields(fields: readonly string[]): Record<string, string> {
  const read: Record<string, string> = Object.create(null)
  for (let at = 0; at + 1 < fields.length; at += 2) read[fields[at]!] = fields[at + 1]!
  return read
}
