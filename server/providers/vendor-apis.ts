// Servers of PROVIDERS_FILE that speak a vendor's own API instead of OpenAI's chat dialect, by the word the operator
// writes. They are taken for the vendor in what they say and refuse, but not in whose models they serve, how their keys
// look, or which of the client's headers they may see.
import { anthropic } from './anthropic.ts'
import { google } from './google.ts'
import { openai } from './openai.ts'
import type { Provider } from './provider.ts'

/** All of a provider but its place and name. */
export type ServedApi = Omit<Provider, 'id' | 'name' | 'origin' | 'basePath' | 'keyless'>

/** Flags that clouds and servers beside Anthropic document, for what changes the shape of requests or answers. */
const COMMON_BETA_FLAGS: ReadonlySet<string> = new Set([
  'interleaved-thinking-2025-05-14',
  'dev-full-thinking-2025-05-14',
  'fine-grained-tool-streaming-2025-05-14',
  'token-efficient-tools-2025-02-19',
  'output-128k-2025-02-19',
  'prompt-caching-2024-07-31',
  'extended-cache-ttl-2025-04-11',
  'context-1m-2025-08-07',
  'context-management-2025-06-27',
  'computer-use-2025-01-24',
  'pdfs-2024-09-25',
])

const NOBODYS = { modelPrefixes: [], keyPrefixes: [], billing: undefined } as const

const APIS: Readonly<Record<string, ServedApi>> = {
  'anthropic-messages': {
    ...anthropic,
    ...NOBODYS,
    // Beta flags are Anthropic's own: another server refuses the whole request for one it does not know.
    forwardHeaders: ['anthropic-version'],
    betaFlags: COMMON_BETA_FLAGS,
    authHeader: () => ({ name: 'x-api-key', scheme: '' }),
  },
  'openai-responses': {
    ...openai,
    ...NOBODYS,
    dialects: new Set(['openai-responses']),
    forwardHeaders: [],
  },
  gemini: { ...google, ...NOBODYS },
}

export const VENDOR_API_NAMES: readonly string[] = Object.keys(APIS)

export function findVendorApi(name: string): ServedApi | undefined {
  return Object.hasOwn(APIS, name) ? APIS[name] : undefined
}
