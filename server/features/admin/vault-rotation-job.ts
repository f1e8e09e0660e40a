// The work of changing the master key: one instance at a time walks over all sealed values and puts each data key under
// the new master key, while everything goes on being served. Values themselves are never opened.
// Invariants: at every instant each value opens with the old and the new secret together; whatever happens to the
// process, the next one that takes the lease goes on, since what is done shows in the rows themselves; a value that
// somebody replaces meanwhile is theirs.
import type { Log } from '../../kernel/log.ts'
import { rewrapValue } from '../../vault/cipher.ts'
import type { Keyring } from '../../vault/keyring.ts'
import type { LocalKeyWrapper } from '../../vault/key-wrapper.ts'
import { VaultError } from '../../vault/vault-error.ts'
import { SEALED_TABLES, type SealedTable, type VaultRegistry } from './vault-registry.ts'
import type {
  Lease,
  RewrappedRow,
  RotationFailure,
  RotationRun,
  RotationStore,
  SealedRow,
} from './vault-rotation-store.ts'

export interface RotationJob {
  /** Looks for work from now on, at once and then now and then. */
  start(): void
  /** There is work now. */
  wake(): void
  /** Stops after the batch in hand. */
  close(): Promise<void>
}

export interface RotationJobOptions {
  readonly store: RotationStore
  readonly registry: VaultRegistry
  readonly keyring: Keyring
  readonly instanceId: string
  readonly log: Log
  /** Told when a run has ended. */
  readonly onFinished: (run: RotationRun, outcome: { done: boolean; failed: number }) => Promise<void>
  readonly pollMs?: number
  /** How often instances that still seal under another key are looked for. */
  readonly waitMs?: number
}

const POLL_MS = 5_000
const WAIT_MS = 1_000
const HELD_PAUSE_MS = 100

interface PassSums {
  seen: number
  moved: number
  failed: number
}

/** Work under way: whose lease, which run, which pass. */
interface Walk {
  readonly lease: Lease
  readonly run: RotationRun
  readonly target: LocalKeyWrapper
}

export function createRotationJob(options: RotationJobOptions): RotationJob {
  const { store, registry, keyring, instanceId, log, onFinished, pollMs = POLL_MS, waitMs = WAIT_MS } = options
  let timer: NodeJS.Timeout | undefined
  let working: Promise<void> | undefined
  let wakeAgain = false
  let closed = false
  let lookedAt = -Infinity
  let interruptWait: () => void = () => {}

  function schedule(): void {
    clearTimeout(timer)
    if (!closed) timer = setTimeout(wake, pollMs).unref()
  }

  function wake(): void {
    if (closed) return
    wakeAgain = working !== undefined
    working ??= work()
      .catch((error: unknown) => log.warn({ err: error }, 'the change of the master key paused; it is tried again'))
      .finally(() => {
        working = undefined
        if (wakeAgain) wake()
        else schedule()
      })
  }

  async function work(): Promise<void> {
    const run = await store.read()
    if (run?.state !== 'running') return
    const target = keyring.find(run.to_kid)
    // Another instance has it; this one would have been stopped at its start, had it been active then.
    if (target === undefined) return
    const lease = await store.takeLease(instanceId)
    if (lease === undefined) return
    lookedAt = -Infinity
    try {
      while (await walkOnce({ lease, run, target }));
    } finally {
      await store.releaseLease(lease)
    }
  }

  /** One pass over everything; false when there is nothing more to do here. */
  async function walkOnce(walk: Walk): Promise<boolean> {
    const pass = await store.beginPass(walk.lease, walk.run.run)
    if (pass === undefined) return false
    const sums: PassSums = { seen: 0, moved: 0, failed: 0 }
    for (const table of SEALED_TABLES) {
      if (!(await walkTable(walk, pass, table, sums))) return false
    }
    if (sums.seen > sums.failed) {
      // Somebody holds what is left.
      if (sums.moved === 0) await pauseFor(HELD_PAUSE_MS)
      return true
    }
    const state = sums.failed === 0 ? 'done' : 'done_with_failures'
    if (!(await store.finish(walk.lease, walk.run.run, pass, state))) return false
    log.info({ to: walk.run.to_kid, failed: sums.failed }, 'the change of the master key is finished')
    await onFinished(walk.run, { done: state === 'done', failed: sums.failed })
    return false
  }

  async function walkTable(walk: Walk, pass: number, table: SealedTable, sums: PassSums): Promise<boolean> {
    const { lease, run, target } = walk
    for (let after = ''; ;) {
      if (!(await waitForInstances(walk))) return false
      const batch = await store.readBatch(table, run.to_kid, after)
      if (batch.length === 0) return true
      const { rows, failures } = rewrapBatch(keyring, target, table, batch)
      const moved = await store.writeBatch({ lease, run: run.run, pass, table, to: run.to_kid, rows, failures })
      if (moved === undefined) return false
      sums.seen += batch.length
      sums.moved += moved
      sums.failed += failures.length
      after = batch.at(-1)!.id
    }
  }

  function pauseFor(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const pause = setTimeout(resolve, milliseconds)
      interruptWait = () => {
        clearTimeout(pause)
        resolve()
      }
    })
  }

  /** Waits while a living instance seals under another key; false if the work is to end. */
  async function waitForInstances({ lease, run }: Walk): Promise<boolean> {
    for (;;) {
      if (closed) return false
      if (performance.now() - lookedAt < waitMs) return true
      const alive = await registry.listAlive()
      if (alive.every((instance) => instance.activeKid === run.to_kid)) {
        lookedAt = performance.now()
        return true
      }
      await pauseFor(waitMs)
      if (closed || !(await store.keepLease(lease, run.run))) return false
    }
  }

  return {
    start: wake,
    wake,
    async close() {
      closed = true
      clearTimeout(timer)
      interruptWait()
      await working
    },
  }
}

/** The batch under the new master key, and what does not come out of the old one. */
function rewrapBatch(
  keyring: Keyring,
  target: LocalKeyWrapper,
  { ownerType }: SealedTable,
  batch: readonly SealedRow[],
): { rows: RewrappedRow[]; failures: RotationFailure[] } {
  const rows: RewrappedRow[] = []
  const failures: RotationFailure[] = []
  for (const { id, ownerId, kid, sealed } of batch) {
    try {
      const after = rewrapValue(keyring, target, { ownerType, ownerId, recordId: id }, sealed, kid)
      rows.push({ id, before: sealed, after })
    } catch (error) {
      if (!(error instanceof VaultError)) throw error
      failures.push({ recordId: id, reason: error.code })
    }
  }
  return { rows, failures }
}
