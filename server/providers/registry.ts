// The providers of this installation: the three vendors always, Ollama and vLLM where the operator gave an address, and
// those of PROVIDERS_FILE. The explicit list; a new one is a file beside this and a line here.
import type { Endpoint } from '../config/endpoint.ts'
import type { Secret } from '../kernel/secret.ts'
import { anthropic } from './anthropic.ts'
import { createCompatibleProvider, factsAt, ollama, vllm } from './compatible.ts'
import { google } from './google.ts'
import { openai } from './openai.ts'
import { findKeyPrefix, type Provider } from './provider.ts'

const DEFAULT_ENDPOINTS = [
  { definition: openai, origin: 'https://api.openai.com' },
  { definition: anthropic, origin: 'https://api.anthropic.com' },
  { definition: google, origin: 'https://generativelanguage.googleapis.com' },
] as const

/** UniRoute's own keys. */
const API_KEY_PREFIX = 'ur_'

export interface CustomProvider {
  readonly id: string
  readonly name: string
  readonly endpoint: Endpoint
  /** The variable with the server's key for it, if any. */
  readonly apiKeyEnv: string | null
  /** The operator's word for its API or its peculiarities. */
  readonly dialect?: string | null
  /** May users bring keys for it? Absent = yes. */
  readonly userKeys?: boolean
}

export interface ProvidersConfig {
  /** Operator-set endpoints by provider id; the vendors' own where absent. */
  readonly endpoints: Readonly<Partial<Record<string, Endpoint>>>
  readonly custom: readonly CustomProvider[]
  readonly serverKeys: Readonly<Partial<Record<string, Secret>>>
  readonly userBaseUrls: boolean
  /** Which of the servers that need no key, Ollama and vLLM, users may bring keys for all the same. */
  readonly userKeysFor?: readonly string[]
}

export interface Providers {
  get(id: string): Provider | undefined
  has(id: string): boolean
  readonly all: readonly Provider[]
  readonly names: readonly string[]
  /** Those a model name can lead to: all, and `custom` where users may bring their own addresses. */
  readonly routable: readonly Provider[]
  /** May users store keys for it? */
  takesKeys(id: string): boolean
  findKeyPrefix(id: string, key: string): string
  /** Does a text meant to be a name begin, behind any slash, as keys of some provider or of UniRoute do? */
  looksLikeKey(name: string): boolean
  serverKey(id: string): Secret | undefined
  /** May the server serve with it: a key of its own, or none needed. */
  hasServer(id: string): boolean
  /** The provider `custom` at a user's own base URL. */
  atBaseUrl(baseUrl: string): Provider
}

export function createProviders(config: ProvidersConfig): Providers {
  const all: Provider[] = DEFAULT_ENDPOINTS.map(({ definition, origin }) =>
    place(definition, config.endpoints[definition.id] ?? { origin, basePath: '', versionSegment: null }),
  )
  for (const definition of [ollama, vllm]) {
    const endpoint = config.endpoints[definition.id]
    if (endpoint) all.push(place(definition, endpoint))
  }
  const refusingKeys = new Set([ollama.id, vllm.id].filter((id) => !config.userKeysFor?.includes(id)))
  for (const { id, name, endpoint, apiKeyEnv, dialect = null, userKeys = true } of config.custom) {
    const { origin, basePath, versionSegment } = endpoint
    const version = versionSegment === null ? null : versionSegment && `/${versionSegment}`
    if (!userKeys) refusingKeys.add(id)
    // Without a key named, plain http means a machine of the operator's own; https without one serves users' keys only.
    const keyless = apiKeyEnv === null && origin.startsWith('http:')
    all.push(createCompatibleProvider({ id, name, origin, basePath, version, keyless, dialect }))
  }
  const knownPrefixes = [API_KEY_PREFIX, ...all.flatMap(({ keyPrefixes }) => keyPrefixes)]
  // Asked of every request, so compiled once: a part between slashes that begins with one of them.
  const keyLike = new RegExp(`(?:^|/)\\s*(?:${knownPrefixes.map((prefix) => RegExp.escape(prefix)).join('|')})`)
  const byId = new Map(all.map((provider) => [provider.id, provider]))
  const custom = config.userBaseUrls ? customProvider('https://custom.invalid') : null
  if (custom) byId.set(custom.id, custom)

  return {
    get: (id) => byId.get(id),
    has: (id) => byId.has(id),
    all,
    names: [...byId.keys()],
    routable: [...byId.values()],
    takesKeys: (id) => byId.has(id) && !refusingKeys.has(id),
    findKeyPrefix: (id, key) => findKeyPrefix(byId.get(id) ?? { keyPrefixes: [] }, key),
    looksLikeKey: (name) => keyLike.test(name),
    serverKey: (id) => config.serverKeys[id],
    hasServer: (id) => id !== 'custom' && (config.serverKeys[id] !== undefined || byId.get(id)?.keyless === true),
    atBaseUrl: customProvider,
  }
}

function place(definition: Omit<Provider, 'origin' | 'basePath'>, endpoint: Endpoint): Provider {
  const { origin, basePath, versionSegment } = endpoint
  const version = versionSegment === null ? definition.version : versionSegment === '' ? null : `/${versionSegment}`
  const facts = definition.dialects.has('openai-chat') ? factsAt(origin) : null
  return { ...definition, ...facts, origin, basePath, version }
}

function customProvider(baseUrl: string): Provider {
  const url = new URL(baseUrl)
  const path = url.pathname.replace(/\/+$/, '')
  const version = /(?:^|\/)v\d[0-9a-z.]*(?:\/|$)/i.test(path) ? '' : '/v1'
  return createCompatibleProvider({
    id: 'custom',
    name: url.host,
    origin: url.origin,
    basePath: path,
    version,
    keyless: false,
  })
}
