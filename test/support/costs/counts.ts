// What a recorded answer says was used, by class, read as each vendor documents its own numbers; nothing of the
// product.
import { readEvents } from '../dialects.ts'
import type { Recording } from '../recordings.ts'
import type { Json } from '../uniroute-client.ts'
import type { HandCount } from './hand-prices.ts'

/** null where the recording tells none. */
export function countByHand({
  protocol,
  isSse,
  answer,
}: Pick<Recording, 'protocol' | 'isSse' | 'answer'>): HandCount | null {
  const bodies: Json[] = isSse ? readEvents(answer) : [JSON.parse(answer)].flat()
  const usages = bodies
    .flatMap((body) => [body?.message?.usage, body?.response?.usage, body?.usage, body?.usageMetadata])
    .filter((usage) => typeof usage === 'object' && usage !== null)
  if (usages.length === 0) return null
  const last = usages.at(-1)
  switch (protocol.id) {
    case 'openai-chat':
      return countChat(last)
    case 'openai-responses':
      return countResponses(last)
    case 'anthropic-messages':
      return countAnthropic(Object.assign({}, ...usages))
    default:
      return countGemini(last)
  }
}

const NONE = { cacheRead: 0, cacheWrite: 0, cacheWrite1h: 0 }

function countChat(usage: Json): HandCount {
  const cacheRead = usage.prompt_tokens_details?.cached_tokens ?? 0
  const thoughts = usage.completion_tokens_details?.reasoning_tokens ?? 0
  // xAI counts thoughts beside the completion; its total says so.
  const isBeside = usage.total_tokens === usage.prompt_tokens + usage.completion_tokens + thoughts
  const output = usage.completion_tokens + (isBeside ? thoughts : 0)
  return { ...NONE, input: usage.prompt_tokens - cacheRead, cacheRead, output }
}

function countResponses(usage: Json): HandCount {
  const cacheRead = usage.input_tokens_details?.cached_tokens ?? 0
  return { ...NONE, input: usage.input_tokens - cacheRead, cacheRead, output: usage.output_tokens }
}

/** Compacting a conversation is an iteration of its own, billed beside what stands above. */
function countAnthropic(usage: Json): HandCount {
  const parts = [usage, ...(usage.iterations ?? []).filter((one: Json) => one.type === 'compaction')]
  const sum = (pick: (part: Json) => number | undefined): number =>
    parts.reduce((total, part) => total + (pick(part) ?? 0), 0)
  const cacheWrite1h = sum((part) => part.cache_creation?.ephemeral_1h_input_tokens)
  return {
    input: sum((part) => part.input_tokens),
    cacheRead: sum((part) => part.cache_read_input_tokens),
    cacheWrite: sum((part) => part.cache_creation_input_tokens) - cacheWrite1h,
    cacheWrite1h,
    output: sum((part) => part.output_tokens),
  }
}

/** The prompt has the cached tokens in it; thoughts stand beside the answer. */
function countGemini(usage: Json): HandCount | null {
  // A stream may end without a word on its prompt.
  if (usage.promptTokenCount === undefined) return null
  const cacheRead = usage.cachedContentTokenCount ?? 0
  const input = usage.promptTokenCount + (usage.toolUsePromptTokenCount ?? 0) - cacheRead
  return {
    ...NONE,
    input,
    cacheRead,
    output: (usage.candidatesTokenCount ?? 0) + (usage.thoughtsTokenCount ?? 0),
  }
}
