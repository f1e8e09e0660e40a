// Servers that speak OpenAI's dialect, or another vendor's: Ollama, vLLM and whatever the operator lists in
// PROVIDERS_FILE. Where a server is unknown, nothing is assumed that an old one might refuse.
import { StartRefused } from '../kernel/start-refused.ts'
import {
  CHAT_DIALECT_NAMES,
  chatServerAt,
  CONSERVATIVE_SERVER,
  findChatServer,
  type ChatServer,
} from './chat-dialects.ts'
import type { ProtocolId } from '../protocols/protocol.ts'
import { CHAT_SERVER_OVERFLOW } from './overflow.ts'
import type { AuthHeader, Provider } from './provider.ts'
import { findVendorApi, VENDOR_API_NAMES } from './vendor-apis.ts'

type ServerFacts = Pick<
  Provider,
  'chatDialect' | 'dialects' | 'translateVia' | 'authHeader' | 'forwardHeaders' | 'tellsCharge'
>

const base: Omit<Provider, 'id' | 'name' | 'origin' | 'basePath' | keyof ServerFacts> = {
  version: '/v1',
  versions: [],
  modelPrefixes: [],
  keyPrefixes: [],
  keyless: false,
  streamUsage: false,
  streamSilenceMs: 120_000,
  modelListPath: '/models',
  defaultHeaders: {},
  errorRules: CHAT_SERVER_OVERFLOW,
}

const BEARER: AuthHeader = { name: 'authorization', scheme: 'Bearer ' }
const API_KEY: AuthHeader = { name: 'api-key', scheme: '' }

export const ollama: Omit<Provider, 'origin' | 'basePath'> = {
  ...base,
  ...factsOf(findChatServer('ollama') ?? CONSERVATIVE_SERVER),
  id: 'ollama',
  name: 'Ollama',
  keyless: true,
  streamUsage: true,
  streamSilenceMs: 600_000,
}

export const vllm: Omit<Provider, 'origin' | 'basePath'> = {
  ...base,
  ...factsOf(findChatServer('vllm') ?? CONSERVATIVE_SERVER),
  id: 'vllm',
  name: 'vLLM',
  keyless: true,
  streamUsage: true,
  streamSilenceMs: 600_000,
}

/**
 * A provider from PROVIDERS_FILE. `version` null: `/v1`, or what its API has; `keyless` where the operator names no key
 * for it; `dialect` is the operator's word for its API or its peculiarities, else its host tells.
 */
export function createCompatibleProvider(entry: {
  id: string
  name: string
  origin: string
  basePath: string
  /** `/v1`; '' where the base path is complete; null where it does not say. */
  version: string | null
  keyless: boolean
  dialect?: string | null
}): Provider {
  const { dialect = null, version, ...place } = entry
  const api = dialect === null ? undefined : findVendorApi(dialect)
  const facts = api ?? { ...base, ...factsOf(chooseServer(entry.id, place.origin, dialect)) }
  return { ...facts, ...place, version: version === null ? facts.version : version || null }
}

/**
 * What a well-known host wants of whoever is placed there: the operator may put OpenAI's dialect at Azure's address.
 */
export function factsAt(origin: string): ServerFacts | null {
  const server = chatServerAt(origin)
  return server ? factsOf(server) : null
}

function chooseServer(id: string, origin: string, dialect: string | null): ChatServer {
  if (dialect === null) return chatServerAt(origin) ?? CONSERVATIVE_SERVER
  const server = findChatServer(dialect)
  if (server) return server
  throw new StartRefused(
    `PROVIDERS_FILE: "dialect": "${dialect}" of "${id}" is not known; leave it out or write one of ${[...CHAT_DIALECT_NAMES, ...VENDOR_API_NAMES].join(', ')}.`,
  )
}

function factsOf({
  chatDialect,
  translateVia,
  apiKeyHeader,
  forwardHeaders = [],
  tellsCharge,
}: ChatServer): ServerFacts {
  const authHeader = apiKeyHeader ? API_KEY : BEARER
  // Servers that speak Chat alone get Responses translated, which every one of them can serve.
  const dialects = new Set<ProtocolId>(['openai-chat', translateVia])
  const facts = { chatDialect, dialects, translateVia, authHeader: () => authHeader, forwardHeaders }
  return tellsCharge ? { ...facts, tellsCharge } : facts
}
