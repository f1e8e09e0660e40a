// The official SDKs, from their own package folder (test/clients): real programs that people point at UniRoute. They
// are loaded by path, so the main package neither installs nor types them.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

// Other people's programs, used as their documentation says.
type Sdk = any

const folder = new URL('../clients/', import.meta.url)
const requireClient = createRequire(new URL('package.json', folder))

/** Suites that need them are skipped without. */
export const clientsInstalled = existsSync(fileURLToPath(new URL('node_modules/openai', folder)))
if (!clientsInstalled) {
  process.stderr.write(
    'NOT RUN: what asks with the official SDKs: they are not in test/clients; `npm test` puts them there\n',
  )
}

export interface OfficialClients {
  readonly OpenAI: Sdk
  readonly Anthropic: Sdk
  readonly GoogleGenAI: Sdk
  /** The classes of errors that the Google SDK throws. */
  readonly GoogleApiError: Sdk
}

export function loadOfficialClients(): OfficialClients {
  if (!clientsInstalled) throw new Error('Run `npm ci --ignore-scripts` in test/clients first; `npm test` does it.')
  const google = requireClient('@google/genai')
  return {
    OpenAI: requireClient('openai').OpenAI,
    Anthropic: requireClient('@anthropic-ai/sdk').Anthropic,
    GoogleGenAI: google.GoogleGenAI,
    GoogleApiError: google.ApiError,
  }
}

/** Loaded when first asked for: the tests of the vendors' SDKs do not wait for it. */
export function loadAiSdk(): Sdk {
  const { generateText, streamText, tool, jsonSchema, Output } = requireClient('ai')
  const { createOpenAI } = requireClient('@ai-sdk/openai')
  const { createAnthropic } = requireClient('@ai-sdk/anthropic')
  const { createGoogle } = requireClient('@ai-sdk/google')
  return { generateText, streamText, tool, jsonSchema, Output, createOpenAI, createAnthropic, createGoogle }
}

export function loadLangChain(): Sdk {
  const { ChatOpenAI } = requireClient('@langchain/openai')
  const { HumanMessage, SystemMessage, ToolMessage } = requireClient('@langchain/core/messages')
  return { ChatOpenAI, HumanMessage, SystemMessage, ToolMessage }
}
