// What would happen without a key: which API keys lived on it in the last seven days, and what their requests would use
// instead. Shown before deleting, disabling or unsharing.
import type { Instead } from '../../../contract/impact.ts'
import type { ProviderKeyImpact } from '../../../contract/provider-keys.ts'
import { toPublicId } from '../../kernel/ids.ts'
import type { ProviderKeyRecord } from './record.ts'
import type { ServedPart } from './served-part.ts'
import type { UsageByKey } from './store.ts'

export const IMPACT_WINDOW_MS = 7 * 86_400_000
/** More combinations of API key, model and dialect than this are not explained one by one. */
const MOST_EXPLAINED = 50

/** What is imagined to be gone; bare ids. */
export interface Without {
  readonly keyId?: string
  readonly leaseIds?: readonly string[]
}

/** A request that one of the keys served. */
export interface InsteadOf {
  readonly userId: string
  readonly apiKeyId: string | null
  readonly provider: string
  /** As the provider knows it. */
  readonly model: string
  /** As the client wrote it, in which dialect. */
  readonly requestedModel: string
  readonly dialect: string
  readonly without: Without
}

/** What a request would get without one of the keys; handed in by the gateway. */
export type ExplainWithout = (request: InsteadOf) => Promise<{
  decision: 'serve' | 'refuse'
  billedTo: 'user' | 'team' | 'server' | null
  providerKeyId: string | null
  code: string | null
  /** Where it would be served by another model of those its name stands for. */
  otherModel: { readonly provider: string; readonly model: string } | null
}>

type ImpactedKey = Pick<ProviderKeyRecord, 'id' | 'userId' | 'provider'>

export async function describeImpact(
  key: ImpactedKey,
  { usage, borrowed }: { usage: readonly UsageByKey[]; borrowed: readonly ServedPart[] },
  window: { from: number; to: number },
  explain: ExplainWithout | undefined,
): Promise<ProviderKeyImpact> {
  const toPart = (part: UsageByKey): ServedPart => ({ ...part, userId: key.userId, provider: key.provider })
  return {
    from: new Date(window.from).toISOString(),
    to: new Date(window.to).toISOString(),
    requests: sumRequests(usage),
    borrowed: {
      requests: sumRequests(borrowed),
      people: new Set(borrowed.map(({ userId }) => userId)).size,
      instead: explain ? await explainUsage(borrowed, { keyId: key.id }, key.userId, explain) : null,
    },
    api_keys: sumByApiKey(usage),
    instead: explain ? await explainUsage(usage.map(toPart), { keyId: key.id }, key.userId, explain) : null,
  }
}

function sumByApiKey(usage: readonly UsageByKey[]): ProviderKeyImpact['api_keys'] {
  const sums = new Map<string | null, { name: string | null; requests: number; lastAt: number }>()
  for (const { apiKeyId, apiKeyName, requests, lastAt } of usage) {
    const sum = sums.get(apiKeyId) ?? { name: apiKeyName, requests: 0, lastAt: 0 }
    sum.requests += requests
    sum.lastAt = Math.max(sum.lastAt, lastAt)
    sums.set(apiKeyId, sum)
  }
  return [...sums]
    .map(([id, { name, requests, lastAt }]) => ({
      id: id === null ? null : toPublicId('ak', id),
      name,
      requests,
      last_used_at: new Date(lastAt).toISOString(),
    }))
    .toSorted((a, b) => b.requests - a.requests)
}

function sumRequests(parts: readonly { readonly requests: number }[]): number {
  return parts.reduce((total, { requests }) => total + requests, 0)
}

/** Of keys that are not the viewer's no more is told than who would pay. */
export async function explainUsage(
  usage: readonly ServedPart[],
  without: Without,
  viewer: string,
  explain: ExplainWithout,
): Promise<Instead> {
  const results = new Map<string, Instead[number]>()
  const parts = usage.filter(({ model }) => model !== null).toSorted((a, b) => b.requests - a.requests)
  for (const { userId, apiKeyId, provider, model, requestedModel, dialect, requests } of parts.slice(
    0,
    MOST_EXPLAINED,
  )) {
    const found = await explain({
      userId,
      apiKeyId,
      provider,
      model: model!,
      requestedModel: requestedModel ?? model!,
      dialect,
      without,
    })
    const isOwn = userId === viewer && found.providerKeyId !== null
    const instead: Instead[number] = {
      decision: found.decision,
      billed_to: found.billedTo,
      provider_key_id: isOwn ? toPublicId('pk', found.providerKeyId!) : null,
      code: found.code,
      ...found.otherModel,
      requests: 0,
    }
    const name = JSON.stringify(instead)
    const sum = results.get(name) ?? instead
    sum.requests += requests
    results.set(name, sum)
  }
  return [...results.values()].toSorted((a, b) => b.requests - a.requests)
}
