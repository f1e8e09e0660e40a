// A provider's own model list: the one free call that also shows whether a key works.
import type { Secret } from '../kernel/secret.ts'
import { revealSecret } from '../kernel/secret.ts'
import { asObject, asText, parseJson, type JsonObject } from '../protocols/read.ts'
import { providerPath, type Provider } from '../providers/provider.ts'
import { requestOnce, type OnceResult } from './request-once.ts'
import type { Upstream } from './upstream.ts'

const LIMITS = { timeoutMs: 15_000, maxBytes: 8 * 1024 * 1024 }

/** `guarded`: the address was chosen by a user. */
export function requestModelList(
  upstream: Upstream,
  provider: Provider,
  guarded: boolean,
  credential: Secret | null,
): Promise<OnceResult> {
  const headers = ['accept', 'application/json', 'accept-encoding', 'identity', 'user-agent', 'uniroute']
  for (const [name, value] of Object.entries(provider.defaultHeaders)) headers.push(name, value)
  if (credential) {
    const { name, scheme } = provider.authHeader({})
    headers.push(name, scheme + revealSecret(credential))
  }
  const path = providerPath(provider, null, provider.modelListPath)
  return requestOnce(upstream, { origin: provider.origin, guarded, method: 'GET', path, headers, body: null }, LIMITS)
}

export interface ModelEntry {
  /** Without Google's `models/`. */
  readonly id: string
  readonly raw: JsonObject
}

/** The entries of a list in any vendor's shape; null where it is none. */
export function readModelEntries(text: string): ModelEntry[] | null {
  const parsed = parseJson(text)
  const root = asObject(parsed)
  const list = Array.isArray(parsed) ? parsed : (root?.['data'] ?? root?.['models'])
  if (!Array.isArray(list)) return null
  const entries: ModelEntry[] = []
  for (const item of list as unknown[]) {
    const raw = asObject(item)
    const id = (asText(raw?.['id']) ?? asText(raw?.['name']))?.replace(/^models\//, '')
    if (raw && id) entries.push({ id, raw })
  }
  return entries
}
