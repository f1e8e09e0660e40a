// One running instance among others: says every ten seconds that it is alive and which master keys it has, learns the
// same of the others, and adds up how often each key was used.
// It seals under its configured key only while every living instance can open that; otherwise under the active one,
// which they all have. So no instance ever meets a row it cannot read.
import type { Log } from '../../kernel/log.ts'
import type { Keyring } from '../../vault/keyring.ts'
import type { VaultRegistry } from './vault-registry.ts'

export interface RunningInstance {
  start(): Promise<void>
  readonly chooseSealingKid: () => string
  /** Tells the others now, and looks which key to seal under. */
  readonly report: () => Promise<void>
  /** Adds one use and answers how many there were before. */
  readonly countWrap: (kid: string) => number
  /** How many were alive at the last look, this one included. */
  readonly countInstances: () => number
  readonly stop: () => Promise<void>
}

const HEARTBEAT_MS = 10_000

export function createVaultInstance(options: {
  registry: VaultRegistry
  keyring: Keyring
  instanceId: string
  log: Log
  heartbeatMs?: number
}): RunningInstance {
  const { registry, keyring, instanceId, log, heartbeatMs = HEARTBEAT_MS } = options
  let sealingKid = keyring.configuredKid
  let used = new Map<string, number>()
  let known = new Map<string, number>()
  let timer: NodeJS.Timeout | undefined
  let beating: Promise<void> = Promise.resolve()
  let stopped = false
  let instances = 1

  async function writeWraps(): Promise<void> {
    const counts = used
    used = new Map()
    try {
      await registry.addWraps(counts)
    } catch (error) {
      for (const [kid, count] of counts) used.set(kid, (used.get(kid) ?? 0) + count)
      throw error
    }
  }

  async function beat(): Promise<void> {
    await registry.announce({ id: instanceId, activeKid: sealingKid, kids: keyring.kids })
    await writeWraps()
    const { keys } = await registry.read()
    known = new Map(keys.map((key) => [key.kid, key.wraps]))
    const active = keys.find((key) => key.state === 'active')?.kid
    const alive = await registry.listAlive()
    instances = Math.max(alive.length, 1)
    const isRetired = keys.some((key) => key.kid === keyring.configuredKid && key.state === 'retired')
    const everyoneHas = !isRetired && alive.every((instance) => instance.kids.includes(keyring.configuredKid))
    const chosen = everyoneHas || active === undefined || !keyring.find(active) ? keyring.configuredKid : active
    if (chosen === sealingKid) return
    sealingKid = chosen
    await registry.announce({ id: instanceId, activeKid: sealingKid, kids: keyring.kids })
  }

  /** One after the other, so that an older look does not overwrite a newer one. */
  function beatNext(): Promise<void> {
    const next = beating.then(beat)
    beating = next.catch(() => undefined)
    return next
  }

  function schedule(): void {
    timer = setTimeout(() => {
      void beatNext()
        .catch((error: unknown) => log.warn({ err: error }, 'the vault could not report that it is alive'))
        .finally(() => {
          if (!stopped) schedule()
        })
    }, heartbeatMs).unref()
  }

  return {
    async start() {
      await beatNext()
      schedule()
    },
    report: beatNext,
    countInstances: () => instances,
    chooseSealingKid: () => sealingKid,
    countWrap(kid) {
      const before = used.get(kid) ?? 0
      used.set(kid, before + 1)
      return (known.get(kid) ?? 0) + before
    },
    async stop() {
      stopped = true
      clearTimeout(timer)
      await beating
      await writeWraps()
      await registry.remove(instanceId)
    },
  }
}
