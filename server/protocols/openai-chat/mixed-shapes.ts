// Bodies that are not quite this dialect: Cursor and others send Responses items (`input`, flat tools) and Anthropic
// blocks (`tool_use`, `tool_result`) to /v1/chat/completions. They are put into this dialect's own shape first, so
// there is one way to read a conversation.
import { CannotCross } from '../codec.ts'
import { asObject, asText, type JsonObject } from '../read.ts'
import { asList } from './names.ts'

/** Without one of these no message is of another shape; beside one it may be. */
export const MIXED_MESSAGE_MARKS =
  /"(?:tool_use|tool_result|input_text|output_text|input_image|input_file|function_call_output|custom_tool_call(?:_output)?)"|"type"\s*:\s*"function_call"/
export const EMPTY_CONTENT_MARK = /"content"\s*:\s*\[\s*\]/
/** The same for tools: a name beside the type, or a schema under Anthropic's name. */
export const MIXED_TOOL_MARKS = /"input_schema"|"type"\s*:\s*"custom"|^(?![^]*"function"\s*:\s*\{)/

const FOREIGN_PARTS: ReadonlySet<unknown> = new Set(
  'tool_use tool_result input_text output_text input_image input_file'.split(' '),
)

export function hasMixedMessages(messages: unknown): boolean {
  return asList(messages).some((entry) => {
    const { content, role, type } = asObject(entry) ?? {}
    if (role === undefined && typeof type === 'string') return true
    return asList(content).some((part) => FOREIGN_PARTS.has(asObject(part)?.['type']))
  })
}

/** Some servers take empty lists of content as they are (Mistral's own answers have them); OpenAI does not. */
export function hasEmptyContent(messages: unknown): boolean {
  return asList(messages).some((entry) => {
    const content = asObject(entry)?.['content']
    return Array.isArray(content) && content.length === 0
  })
}

export function hasMixedTools(tools: unknown): boolean {
  return asList(tools).some((entry) => {
    const tool = asObject(entry)
    if (!tool || asObject(tool['function']) || asObject(tool['custom'])) return false
    return typeof tool['name'] === 'string'
  })
}

/** The messages of a body, each an object with this dialect's roles and slots. */
export function messagesOf(body: JsonObject): JsonObject[] {
  const { messages, input } = body
  const leading = leadingMessages(body)
  if (Array.isArray(messages) && (messages.length > 0 || input === undefined)) {
    return [...leading, ...messages.flatMap((message, at) => splitBlocks(requireObject(message, `messages[${at}]`)))]
  }
  if (typeof input === 'string') return [...leading, { role: 'user', content: input }]
  if (Array.isArray(input)) return [...leading, ...fromItems(input)]
  throw new CannotCross('messages', 'Send `messages` as a list of messages.', 'bad_request')
}

function leadingMessages({ system, instructions }: JsonObject): JsonObject[] {
  const content = system ?? instructions
  return typeof content === 'string' || Array.isArray(content) ? [{ role: 'system', content }] : []
}

function requireObject(value: unknown, path: string): JsonObject {
  const object = asObject(value)
  if (!object)
    throw new CannotCross(path, `\`${path}\` must be an object with \`role\` and \`content\`.`, 'bad_request')
  return object
}

/** A message whose content holds Anthropic's call and result blocks, as messages that have slots for them. */
function splitBlocks(message: JsonObject): JsonObject[] {
  const content = asList(message['content'])
  const types = new Set(content.map((part) => asObject(part)?.['type']))
  if (!types.has('tool_use') && !types.has('tool_result')) return [message]
  const calls: JsonObject[] = []
  const results: JsonObject[] = []
  const rest: unknown[] = []
  for (const entry of content) {
    const part = asObject(entry)
    if (part?.['type'] === 'tool_use') calls.push(callOfBlock(part))
    else if (part?.['type'] === 'tool_result') results.push(resultOfBlock(part))
    else rest.push(entry)
  }
  if (calls.length > 0) {
    return [...results, { ...message, content: rest, tool_calls: [...asList(message['tool_calls']), ...calls] }]
  }
  return rest.length > 0 ? [...results, { ...message, content: rest }] : results
}

function callOfBlock({ id, name, input, cache_control }: JsonObject): JsonObject {
  return { id, type: 'function', function: { name, arguments: JSON.stringify(input ?? {}) }, cache_control }
}

function resultOfBlock({ tool_use_id, content, is_error, cache_control }: JsonObject): JsonObject {
  return { role: 'tool', tool_call_id: tool_use_id, content: content ?? '', is_error, cache_control }
}

function fromItems(input: readonly unknown[]): JsonObject[] {
  const messages: Record<string, unknown>[] = []
  const callsOf: CallsOf = new Map()
  for (const [at, entry] of input.entries()) {
    const item = requireObject(entry, `input[${at}]`)
    switch (item['type']) {
      case 'function_call':
      case 'custom_tool_call':
        pushCall(messages, callsOf, item)
        break
      case 'function_call_output':
      case 'custom_tool_call_output':
        messages.push({ role: 'tool', tool_call_id: item['call_id'], content: item['output'] ?? '' })
        break
      case 'reasoning':
        pushReasoning(messages, item)
        break
      case undefined:
      case 'message':
        pushMessage(messages, item)
        break
      default:
        throw new CannotCross(
          `input[${at}]`,
          `Items of type ${JSON.stringify(item['type'])} are read on /v1/responses only. Send the request there.`,
        )
    }
  }
  return messages
}

// Thoughts stand on the message they led to.
function pushMessage(messages: Record<string, unknown>[], item: JsonObject): void {
  const before = messages.at(-1)
  const thoughts = before?.['role'] === 'assistant' && before['content'] === null && !before['tool_calls']
  if (thoughts && item['role'] === 'assistant') Object.assign(before, item)
  else messages.push(...splitBlocks(item))
}

/** The calls of each message that got some; the lists are ours to add to. */
type CallsOf = Map<Record<string, unknown>, unknown[]>

// Calls stand on the assistant's message before them.
function pushCall(messages: Record<string, unknown>[], callsOf: CallsOf, item: JsonObject): void {
  const { call_id, id, name } = item
  const call =
    item['type'] === 'custom_tool_call'
      ? { id: call_id ?? id, type: 'custom', custom: { name, input: item['input'] } }
      : { id: call_id ?? id, type: 'function', function: { name, arguments: item['arguments'] } }
  const before = messages.at(-1)
  const message = before?.['role'] === 'assistant' ? before : { role: 'assistant', content: null }
  if (message !== before) messages.push(message)
  const calls = callsOf.get(message) ?? [...asList(message['tool_calls'])]
  calls.push(call)
  callsOf.set(message, calls)
  message['tool_calls'] = calls
}

function pushReasoning(messages: Record<string, unknown>[], item: JsonObject): void {
  const summaries = asList(item['summary']).flatMap((part) => asText(asObject(part)?.['text']) ?? [])
  if (summaries.length > 0) {
    messages.push({ role: 'assistant', content: null, reasoning_content: summaries.join('\n\n') })
  }
}
