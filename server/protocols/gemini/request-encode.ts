// The middle model's request as a generateContent body. Invariant: what cannot be said is reported or refused here.
import type { ChatRequest } from '../canonical.ts'
import { CannotCross, type EncodedRequest, type RequestEncoding } from '../codec.ts'
import { reportForeignFields, tellSummaries } from '../foreign.ts'
import type { JsonObject } from '../read.ts'
import { refuseEmptyChoice } from '../tool-choice.ts'
import { inlineTextFiles } from '../text-files.ts'
import { withoutSecondResults } from '../tool-results.ts'
import { createToolNames } from '../tool-names.ts'
import { enforcedStops, writeConfig, writeTools } from './config-encode.ts'
import { writeContents } from './contents-encode.ts'
import { GEMINI, isEmpty, toCamel } from './fields.ts'
import { createSchemaRoom } from './schema.ts'

/** Extensions that have a place of their own in the body. */
const PLACED = new Set(['generation_config', 'tool_config', 'response_modalities'])
/** Claude Code's own first block; it means something to Anthropic alone. */
const BILLING = /^x-anthropic-billing-header:/

export function encodeRequest(request: ChatRequest, encoding: RequestEncoding): EncodedRequest {
  refuse(request)
  refuseEmptyChoice(request, GEMINI)
  reportForeignFields(request, GEMINI, encoding.losses)
  reportUnsaid(request, encoding)
  const names = createToolNames(request.tools, (text) => encoding.hash8(text))
  const single = tellSummaries(withoutSecondResults(request.items, encoding.losses), GEMINI, encoding.losses)
  const items = request.extensions[GEMINI] ? single : inlineTextFiles(single)
  const contents = writeContents(items, names, encoding)
  const room = createSchemaRoom()
  const { tools, toolConfig } = writeTools(request, names, encoding, room)
  const { config, instruction } = writeConfig(request, encoding, room)
  const system = request.instructions
    .filter(({ text }) => text !== '' && !BILLING.test(text))
    .map(({ text }) => ({ text }))
  if (instruction !== '') system.push({ text: instruction })
  // The API wants at least one turn.
  const alone = contents.length === 0 && system.length > 0
  if (alone) encoding.losses.approximate('system', 'without a conversation it is sent as the user')
  const tier = writeTier(request, encoding)
  const body = {
    contents: alone ? [{ role: 'user', parts: system }] : contents,
    ...(system.length > 0 && !alone ? { systemInstruction: { parts: system } } : {}),
    ...(tools.length > 0 ? { tools } : {}),
    ...(toolConfig ? { toolConfig } : {}),
    ...(isEmpty(config) ? {} : { generationConfig: config }),
    ...(tier === undefined ? {} : { serviceTier: tier }),
    ...keptFields(request),
  }
  return { body, toolNames: names.known, enforceStop: enforcedStops(request) }
}

function refuse({ n, maxOutput }: ChatRequest): void {
  if (n !== undefined && n > 1) {
    throw new CannotCross(
      'n',
      'Several answers to one request cannot be passed on. Ask for one, or send the request again.',
    )
  }
  if (maxOutput === 0) {
    throw new CannotCross('max_tokens', 'An answer of no tokens can be asked of Anthropic only. Ask for at least one.')
  }
}

function reportUnsaid(request: ChatRequest, { losses }: RequestEncoding): void {
  const why = 'the provider has no such field'
  if (request.parallel === false) losses.drop('parallel_tool_calls', why)
  if (request.verbosity !== undefined) losses.drop('verbosity', why, request.verbosity)
  if (request.cacheKey !== undefined) losses.drop('prompt_cache_key', why)
  if (request.userId !== undefined) losses.drop('user', why)
  if (request.instructions.some(({ cache }) => cache)) losses.drop('cache_control', 'the provider caches by itself')
}

const TIERS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    default: 'standard',
    standard: 'standard',
    standard_only: 'standard',
    flex: 'flex',
    priority: 'priority',
    fast: 'priority',
  }),
)

function writeTier({ tier }: ChatRequest, { losses }: RequestEncoding): string | undefined {
  if (tier === undefined || tier === 'auto') return undefined
  const word = TIERS.get(tier)
  if (word === undefined) losses.drop('tier', 'the provider has no such tier')
  else if (tier === 'fast') losses.approximate('tier', 'the nearest tier the provider has')
  return word
}

function keptFields(request: ChatRequest): JsonObject {
  const own = Object.entries(request.extensions[GEMINI] ?? {}).filter(([name]) => !PLACED.has(name))
  return Object.fromEntries(own.map(([name, value]) => [toCamel(name), value]))
}
