// Servers that speak OpenAI's dialect: Ollama, vLLM and whatever the operator lists in PROVIDERS_FILE.
// Where a server is unknown, nothing is assumed that an old one might refuse.
import type { Provider } from './provider.ts'

const base: Omit<Provider, 'id' | 'name' | 'origin' | 'basePath'> = {
  version: '/v1',
  versions: [],
  dialects: new Set(['openai-chat', 'openai-responses']),
  modelPrefixes: [],
  keyPrefixes: [],
  keyless: false,
  streamUsage: false,
  streamSilenceMs: 120_000,
  modelListPath: '/models',
  forwardHeaders: [],
  authHeader: () => ({ name: 'authorization', scheme: 'Bearer ' }),
  defaultHeaders: {},
  errorRules: [],
}

export const ollama: Omit<Provider, 'origin' | 'basePath'> = {
  ...base,
  id: 'ollama',
  name: 'Ollama',
  keyless: true,
  streamUsage: true,
  streamSilenceMs: 600_000,
}

export const vllm: Omit<Provider, 'origin' | 'basePath'> = {
  ...base,
  id: 'vllm',
  name: 'vLLM',
  keyless: true,
  streamUsage: true,
  streamSilenceMs: 600_000,
}

/** A provider from PROVIDERS_FILE. `keyless` where the operator names no key for it. */
export function createCompatibleProvider(entry: {
  id: string
  name: string
  origin: string
  basePath: string
  version: string | null
  keyless: boolean
}): Provider {
  return { ...base, ...entry }
}
