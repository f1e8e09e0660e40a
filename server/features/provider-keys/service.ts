// A user's provider keys: bring one, look at it, replace it, arrange it, test it, destroy it.
// Invariants: everything is the caller's own, and a key of somebody else is one that does not exist; a secret that came
// in is sealed in the same call and kept nowhere else; a replaced or deleted ciphertext is destroyed at once and for
// good.
import type { Instead } from '../../../contract/impact.ts'
import type {
  AddProviderKeyBody,
  KeyUsageQuery,
  EditProviderKeyBody,
  PROVIDER_KEY_EXTRAS,
  ProviderKey,
  ProviderKeyImpact,
  ProviderKeyList,
  ProviderKeyStandIn,
  ProviderKeyTest,
  ProviderKeyUsage,
  ReplaceProviderKeyBody,
  TestProviderKeyBody,
} from '../../../contract/provider-keys.ts'
import { GatewayError } from '../../kernel/errors.ts'
import type { KeyActor, KeyContext, ProviderKeysOptions, TestKey } from './context.ts'
import { createKeyCare, type KeyCare } from './care.ts'
import { findKey, findKeyOrNothing, readDestination } from './find-key.ts'
import { describeImpact, explainUsage, IMPACT_WINDOW_MS, type Without } from './impact.ts'
import { writeFinding } from './key-finding.ts'
import { createKeyStates, type KeyStates } from './key-states.ts'
import { createLeaving } from './leaving.ts'
import type { Leaving } from '../accounts/deletion.ts'
import { withCapHealth } from './cap-health.ts'
import { describeProviderKey } from './metadata.ts'
import { withModelHealth } from './model-health.ts'
import { readPastedKey } from './pasted-key.ts'
import type { StoredProviderKey } from './record.ts'
import type { ServedPart } from './served-part.ts'
import { createShredder } from './shredder.ts'
import { describeStandIn } from './stand-in.ts'
import { createProviderKeyStore } from './store.ts'
import { editKey, insertKey, removeKey, replaceSecret } from './write-key.ts'

/** What the gateway uses of a user's keys. */
type GatewaySide = Pick<
  KeyStates,
  | 'chainFor'
  | 'openCredential'
  | 'opens'
  | 'markStatus'
  | 'markModel'
  | 'claimProbe'
  | 'releaseProbe'
  | 'listsModel'
  | 'invalidate'
  | 'forget'
  | 'flush'
>

export interface ProviderKeyService extends GatewaySide {
  addProviderKey(actor: KeyActor, input: AddProviderKeyBody): Promise<ProviderKey>
  listProviderKeys(userId: string): Promise<ProviderKey[]>
  /** The list, with what else a page shows beside it. */
  listWith(userId: string, extras: readonly (typeof PROVIDER_KEY_EXTRAS)[number][]): Promise<ProviderKeyList>
  /** `ref` is a provider's name (the first key in order) or a public key id. */
  getProviderKey(userId: string, ref: string): Promise<ProviderKey>
  /** A new secret for the key; a provider without a key gets one. */
  updateProviderKey(
    actor: KeyActor,
    ref: string,
    input: ReplaceProviderKeyBody,
  ): Promise<{ created: boolean; key: ProviderKey }>
  /** Everything but the secret. */
  editProviderKey(actor: KeyActor, ref: string, input: EditProviderKeyBody): Promise<ProviderKey>
  deleteProviderKey(actor: KeyActor, ref: string): Promise<{ provider: string }>
  testProviderKey(userId: string, ref: string): Promise<ProviderKeyTest>
  testUnsavedKey(input: TestProviderKeyBody): Promise<ProviderKeyTest>
  previewImpact(userId: string, ref: string): Promise<ProviderKeyImpact>
  /** What requests would get without some keys or leases; `viewer` learns of keys of their own only. */
  explainInstead(parts: readonly ServedPart[], without: Without, viewer: string): Promise<Instead>
  /** What the server paid for in the place of a key that stopped serving. */
  readStandIn(userId: string, ref: string): Promise<ProviderKeyStandIn>
  /** What one key paid for: by day, model and payer, its borrowers' requests included. */
  readUsage(userId: string, ref: string, query: KeyUsageQuery): Promise<ProviderKeyUsage>
  /** For whoever deletes their account. */
  readonly leaving: Leaving
  readonly care: Pick<KeyCare, 'runOnce'>
  /** Erases what an earlier run deleted but could not erase, and begins to look after the keys. */
  start(): Promise<void>
  close(): Promise<void>
}

/** Changes that somebody else was faster at are tried this often. */
const TRIES = 3

export function createProviderKeyService(options: ProviderKeysOptions): ProviderKeyService {
  const store = createProviderKeyStore(options.database)
  const states = createKeyStates({ ...options, store })
  const context: KeyContext = { ...options, store, states, shredder: createShredder(options) }
  const care = createKeyCare(context)
  const showAll = async (userId: string, keys: readonly StoredProviderKey[]): Promise<ProviderKey[]> => {
    const names = keys.length === 0 ? undefined : await options.namesSharedWith?.(userId)
    const now = options.clock.now()
    const withModels = await store.withModels(keys, now)
    const shown = withModels.map((key) => withModelHealth(states.overlay(key), options.readHealth, now))
    const capped = await Promise.all(shown.map((key) => withCapHealth(key, options.readCap, now)))
    return capped.map((key) => describeProviderKey(key, now, names?.get(key.id) ?? []))
  }
  const show = async (key: StoredProviderKey): Promise<ProviderKey> => (await showAll(key.userId, [key]))[0]!

  return {
    async addProviderKey(actor, input) {
      const key = await insertKey(context, actor, input, false)
      if (key === undefined) throw new GatewayError('version_conflict')
      return show(key)
    },

    listProviderKeys: async (userId) => showAll(userId, await store.list(userId)),

    async listWith(userId, extras) {
      const stored = await store.list(userId)
      const shown = await showAll(userId, stored)
      const describe = async (key: ProviderKey, at: number) => ({
        ...key,
        stand_in: await describeStandIn(states.overlay(stored[at]!), options.countStandIns),
      })
      return {
        keys: extras.includes('stand_in') ? await Promise.all(shown.map(describe)) : shown,
        ...(extras.includes('down') && { down: describeDown(context, userId, stored) }),
        ...(extras.includes('borrowed') && { borrowed: (await options.listBorrowed?.(userId)) ?? [] }),
        ...(extras.includes('ended') && { ended: (await options.listEndedLeases?.(userId)) ?? [] }),
      }
    },

    getProviderKey: async (userId, ref) => show(await findKey(context, userId, ref)),

    async updateProviderKey(actor, ref, input) {
      for (let attempt = 0; attempt < TRIES; attempt++) {
        const existing = await findKeyOrNothing(context, actor.userId, ref)
        const key = existing
          ? await replaceSecret(context, actor, existing, input)
          : await insertKey(context, actor, { provider: ref, ...input }, true)
        if (key !== undefined) return { created: existing === undefined, key: await show(key) }
      }
      throw new GatewayError('version_conflict')
    },

    async editProviderKey(actor, ref, input) {
      for (let attempt = 0; attempt < TRIES; attempt++) {
        const existing = await findKey(context, actor.userId, ref)
        if (input.version !== undefined && input.version !== existing.version) break
        // Nothing to change is no change: the version stays for those who hold it.
        const isChange = Object.entries(input).some(([name, value]) => name !== 'version' && value !== undefined)
        const key = isChange ? await editKey(context, actor, existing, input) : existing
        if (key !== undefined) return show(key)
      }
      throw new GatewayError('version_conflict')
    },

    async deleteProviderKey(actor, ref) {
      const key = await findKey(context, actor.userId, ref)
      await removeKey(context, actor, key)
      return { provider: key.provider }
    },

    testProviderKey: (userId, ref) => testSavedKey(context, userId, ref),

    async testUnsavedKey({ provider, api_key, base_url }) {
      const key = readPastedKey(api_key)
      const baseUrl = readDestination(context, provider, base_url)
      return describeTest(await options.testKey({ provider, baseUrl, key }))
    },

    async previewImpact(userId, ref) {
      const key = await findKey(context, userId, ref)
      const to = options.clock.now()
      const from = to - IMPACT_WINDOW_MS
      const usage = await store.readUsage(userId, key.id, from)
      const borrowed = await store.readBorrowedUsage(userId, key.id, from)
      return describeImpact(key, { usage, borrowed }, { from, to }, options.explain)
    },

    explainInstead: async (parts, without, viewer) =>
      options.explain ? explainUsage(parts, without, viewer, options.explain) : [],

    async readStandIn(userId, ref) {
      return describeStandIn(states.overlay(await findKey(context, userId, ref)), options.countStandIns)
    },

    async readUsage(userId, ref, query) {
      const key = await findKey(context, userId, ref)
      const read = options.readKeyUsage ?? (() => Promise.reject(new GatewayError('not_found')))
      const [days, models, payers] = await Promise.all([
        read(key.id, { ...query, group_by: 'day' }),
        read(key.id, { ...query, group_by: 'model' }),
        read(key.id, { ...query, group_by: 'billed_to' }),
      ])
      const { from, to, time_zone, total } = days
      return { from, to, time_zone, days: days.groups, models: models.groups, payers: payers.groups, total }
    },

    chainFor: states.chainFor,
    openCredential: states.openCredential,
    opens: states.opens,
    markStatus: states.markStatus,
    markModel: states.markModel,
    claimProbe: states.claimProbe,
    releaseProbe: states.releaseProbe,
    listsModel: states.listsModel,
    invalidate: states.invalidate,
    forget: states.forget,
    flush: states.flush,
    leaving: createLeaving(context),
    care,
    async start() {
      await context.shredder.shred()
      care.start()
    },
    async close() {
      await care.close()
      await states.close()
      await context.shredder.close()
    },
  }
}

/** What does not answer is told of the provider; it says nothing of a key. */
function describeDown(
  { listDown, clock }: KeyContext,
  userId: string,
  keys: readonly StoredProviderKey[],
): NonNullable<ProviderKeyList['down']> {
  const baseUrls = keys.flatMap(({ baseUrl }) => baseUrl ?? [])
  const now = clock.now()
  return (listDown?.(userId, baseUrls) ?? []).map(({ provider, model, leftMs }) => ({
    provider,
    model,
    until: new Date(now + leftMs).toISOString(),
  }))
}

async function testSavedKey(context: KeyContext, userId: string, ref: string): Promise<ProviderKeyTest> {
  const { states } = context
  const key = await findKey(context, userId, ref)
  const secret = states.openForTest(key)
  const result = await context.testKey({ provider: key.provider, baseUrl: key.baseUrl, key: secret })
  await writeFinding(context, key, result)
  return describeTest(result)
}

function describeTest(result: Awaited<ReturnType<TestKey>>): ProviderKeyTest {
  return {
    valid: result.valid,
    status: result.status,
    latency_ms: Math.round(result.latencyMs),
    ...(result.models === undefined ? {} : { models: result.models }),
    message: result.message,
  }
}
