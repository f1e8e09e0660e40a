// What OpenAI refuses, in its own words as far as they are known: of Chat Completions, which compatible servers share,
// and of Responses.
import type { Vendor } from './fake-keys.ts'
import type { Sealer } from './signatures.ts'
import { readDataUrl, type Json } from './turn.ts'

const NAME = /^[a-zA-Z0-9_-]{1,64}$/
const THINKS = /^(gpt-5(?!.*chat)|o\d)/

export function checkChatRules(body: Json, vendor: Vendor): string | undefined {
  return (
    checkChatMessages(body.messages, vendor) ?? checkChatFields(body, vendor) ?? checkReplayedThoughts(body, vendor)
  )
}

function checkChatMessages(messages: Json[], vendor: Vendor): string | undefined {
  const roles = ['system', 'user', 'assistant', 'tool', ...(vendor === 'openai' ? ['developer'] : [])]
  let open: string[] = []
  for (const [at, message] of messages.entries()) {
    const place = `messages[${at}]`
    if (!roles.includes(message.role)) return `Invalid value: '${message.role}'. Supported values are: ${roles}.`
    if (message.role === 'tool') {
      if (!open.includes(message.tool_call_id)) {
        return "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
      }
      open = open.filter((id) => id !== message.tool_call_id)
      const parts = Array.isArray(message.content) ? message.content : [{ type: 'text', text: message.content }]
      if (parts.some((part: Json) => part.type !== 'text' || typeof part.text !== 'string')) {
        return `Invalid '${place}.content': tool messages hold text only.`
      }
      continue
    }
    if (open.length > 0) {
      return `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: ${open.join(', ')}`
    }
    const wrong = checkChatContent(message, place)
    if (wrong !== undefined) return wrong
    open = (message.tool_calls ?? []).map((call: Json) => call.id)
    for (const call of message.tool_calls ?? []) {
      if (typeof call.id !== 'string' || call.id === '')
        return `Missing required parameter: '${place}.tool_calls[0].id'.`
      if (call.type === 'custom') continue
      if (!NAME.test(call.function?.name)) return `Invalid '${place}.tool_calls[0].function.name'.`
      if (typeof call.function.arguments !== 'string')
        return `Invalid type for '${place}.tool_calls[0].function.arguments'.`
    }
  }
  if (open.length > 0) return "An assistant message with 'tool_calls' must be followed by tool messages."
  return undefined
}

function checkChatContent({ role, content, tool_calls: calls }: Json, place: string): string | undefined {
  if (role === 'assistant' && calls?.length > 0 && (content === null || content === undefined)) return undefined
  if (typeof content === 'string') return undefined
  if (!Array.isArray(content)) return `Invalid value for 'content': expected a string, got null. (${place})`
  if (content.length === 0) return `Invalid '${place}.content': empty array.`
  for (const part of content) {
    if (!['text', 'image_url', 'file', 'input_audio', 'refusal'].includes(part.type)) {
      return `Invalid value: '${part.type}' (${place}.content).`
    }
    if (role !== 'user' && !['text', 'refusal'].includes(part.type)) return `Invalid '${place}': text only.`
    if (part.type === 'text' && (typeof part.text !== 'string' || part.text === '')) return `Empty text in ${place}.`
    if (part.type === 'image_url') {
      const { url } = part.image_url ?? {}
      if (typeof url !== 'string') return `Missing '${place}.image_url.url'.`
      if (!/^https?:/.test(url) && readDataUrl(url)?.mime.startsWith('image/') !== true) {
        return `Invalid image data at ${place}.`
      }
    }
    if (part.type === 'file' && part.file?.file_data !== undefined && !readDataUrl(part.file.file_data)) {
      return `Invalid file data at ${place}.`
    }
  }
  return undefined
}

const OWN_TO_OPENAI = ['max_completion_tokens', 'store', 'verbosity', 'safety_identifier', 'prompt_cache_key']

function checkChatFields(body: Json, vendor: Vendor): string | undefined {
  if (vendor === 'compat') {
    const foreign = OWN_TO_OPENAI.find((name) => body[name] !== undefined)
    if (foreign !== undefined && /strict-server/.test(body.model)) return `Extra inputs are not permitted: ${foreign}`
  } else if (THINKS.test(body.model)) {
    if (body.max_tokens !== undefined) {
      return "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    }
    if (body.temperature !== undefined && body.temperature !== 1) {
      return "Unsupported value: 'temperature' does not support this value with this model. Only the default (1) value is supported."
    }
  }
  for (const [at, tool] of (body.tools ?? []).entries()) {
    const declared = tool.type === 'custom' ? tool.custom : tool.function
    if (!NAME.test(declared?.name)) return `Invalid 'tools[${at}].function.name'.`
  }
  if (body.tools?.length === 0) return "Invalid 'tools': empty array."
  if (!body.tools && body.tool_choice !== undefined)
    return "Invalid value for 'tool_choice': only allowed with 'tools'."
  if (!body.tools && body.parallel_tool_calls !== undefined) {
    return "Invalid value for 'parallel_tool_calls': only allowed when 'tools' are specified."
  }
  const named = body.tool_choice?.function?.name
  if (named !== undefined && !body.tools.some((tool: Json) => tool.function?.name === named)) {
    return `Tool choice 'function' not found in 'tools' parameter: ${named}.`
  }
  const format = body.response_format
  if (format?.type === 'json_schema') return checkFormat(format.json_schema, 'response_format.json_schema')
  return undefined
}

/** A server that thinks wants its thoughts of a tool turn back (DeepSeek). */
function checkReplayedThoughts({ model, messages, thinking }: Json, vendor: Vendor): string | undefined {
  if (vendor !== 'compat' || !/deepseek/.test(model) || thinking?.type !== 'enabled') return undefined
  const from = messages.findLastIndex((message: Json) => message.role === 'user')
  const bare = messages
    .slice(from)
    .some((message: Json) => message.tool_calls?.length > 0 && !message.reasoning_content)
  return bare ? 'The `reasoning_content` in the thinking mode must be passed back to the API.' : undefined
}

function checkFormat(format: Json, place: string): string | undefined {
  if (!/^[a-zA-Z0-9_-]{1,64}$/.test(format?.name)) return `Missing required parameter: '${place}.name'.`
  if (typeof format.schema !== 'object') return `Missing required parameter: '${place}.schema'.`
  if (format.strict === true && format.schema.type === 'object' && format.schema.additionalProperties !== false) {
    return `Invalid schema for response_format '${format.name}': In context=(), 'additionalProperties' is required to be supplied and to be false.`
  }
  return undefined
}

// ---- Responses -----------------------------------------------------------------------------------------------------

const UNKNOWN_TO_RESPONSES =
  'messages max_tokens max_completion_tokens stop n seed presence_penalty frequency_penalty logit_bias response_format reasoning_effort stream_options_ functions'
const PREFIX: Record<string, string> = { message: 'msg', function_call: 'fc', reasoning: 'rs' }

export function checkResponsesRules(body: Json, seal: Sealer): string | undefined {
  const unknown = UNKNOWN_TO_RESPONSES.split(' ').find((name) => body[name] !== undefined)
  if (unknown !== undefined) return `Unknown parameter: '${unknown}'.`
  if (typeof body.max_output_tokens === 'number' && body.max_output_tokens < 16) {
    return "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16."
  }
  if (THINKS.test(body.model) && body.temperature !== undefined) {
    return "Unsupported parameter: 'temperature' is not supported with this model."
  }
  for (const [at, tool] of (body.tools ?? []).entries()) {
    if (!['function', 'custom'].includes(tool.type)) continue
    if (!NAME.test(tool.name)) return `Missing required parameter: 'tools[${at}].name'.`
  }
  const named = body.tool_choice?.name
  if (named !== undefined && !body.tools?.some((tool: Json) => tool.name === named)) {
    return `Tool choice 'function' not found in 'tools' parameter.`
  }
  const { format } = body.text ?? {}
  const wrong = format?.type === 'json_schema' ? checkFormat(format, 'text.format') : undefined
  return wrong ?? (Array.isArray(body.input) ? checkItems(body, seal) : undefined)
}

function checkItems(body: Json, seal: Sealer): string | undefined {
  const calls = new Set<string>()
  const outputs = new Set<string>()
  for (const [at, item] of body.input.entries()) {
    const type = item.type ?? 'message'
    const prefix = PREFIX[type]
    if (item.id !== undefined && prefix !== undefined && !String(item.id).startsWith(prefix)) {
      return `Invalid 'input[${at}].id': '${item.id}'. Expected an ID that begins with '${prefix}'.`
    }
    const wrong =
      type === 'message'
        ? checkMessageItem(item, at)
        : type === 'reasoning'
          ? checkReasoningItem(item, body, at, seal)
          : undefined
    if (wrong !== undefined) return wrong
    if (type === 'function_call') {
      if (typeof item.call_id !== 'string' || item.call_id.length > 64) return `Invalid 'input[${at}].call_id'.`
      if (!NAME.test(item.name)) return `Invalid 'input[${at}].name'.`
      if (typeof item.arguments !== 'string') return `Invalid 'input[${at}].arguments'.`
      calls.add(item.call_id)
    }
    if (type === 'function_call_output') {
      if (!calls.has(item.call_id)) return `No tool call found for function call output with call_id ${item.call_id}.`
      if (typeof item.output !== 'string' && !Array.isArray(item.output)) return `Invalid 'input[${at}].output'.`
      outputs.add(item.call_id)
    }
  }
  const bare = [...calls].find((id) => !outputs.has(id))
  return bare === undefined ? undefined : `No tool output found for function call ${bare}.`
}

function checkMessageItem({ role, content }: Json, at: number): string | undefined {
  if (!['user', 'assistant', 'system', 'developer'].includes(role)) return `Invalid value: '${role}'.`
  if (typeof content === 'string') return undefined
  if (!Array.isArray(content) || content.length === 0) return `Invalid 'input[${at}].content'.`
  const supported = role === 'assistant' ? ['output_text', 'refusal'] : ['input_text', 'input_image', 'input_file']
  for (const part of content) {
    if (!supported.includes(part.type)) {
      return `Invalid value: '${part.type}'. Supported values are: ${supported.map((name) => `'${name}'`).join(' and ')}.`
    }
    if (part.type === 'input_text' && typeof part.text !== 'string') return `Missing 'input[${at}].content[0].text'.`
    const url = part.type === 'input_image' ? part.image_url : part.type === 'input_file' ? part.file_data : undefined
    if (url !== undefined && !/^https?:/.test(url) && !readDataUrl(url)) return `Invalid data at input[${at}].`
  }
  return undefined
}

function checkReasoningItem(item: Json, { input, store }: Json, at: number, seal: Sealer): string | undefined {
  if (!Array.isArray(item.summary)) return `Missing required parameter: 'input[${at}].summary'.`
  if (typeof item.encrypted_content === 'string') {
    const why = seal.refuse('openai', item.encrypted_content, item.id)
    if (why !== undefined) return `Could not decrypt the provided encrypted_content: ${why}.`
  } else if (store === false) {
    return `Item with id '${item.id}' not found. Items are not persisted when \`store\` is set to false. Try again with \`store\` set to true, or remove this item from your input.`
  }
  const next = input[at + 1]
  if (next === undefined || next.role === 'user' || next.type === 'function_call_output') {
    return `Item '${item.id}' of type 'reasoning' was provided without its required following item.`
  }
  return undefined
}
