// What Anthropic refuses of Messages, in its own words as far as they are known.
import type { Sealer } from './signatures.ts'
import { readMagic, type Json } from './turn.ts'

const FIELDS = new Set(
  'model messages max_tokens system tools tool_choice stream temperature top_p top_k stop_sequences metadata thinking output_config output_format context_management service_tier container mcp_servers speed inference_geo cache_control'.split(
    ' ',
  ),
)
/** 4.7 and later decide on sampling themselves. */
const NO_SAMPLING = /^claude-(?:(?:opus|sonnet|haiku)-(?:4-[7-9]|[5-9])|fable|mythos)/
const MID_SYSTEM = /^claude-(?:(?:opus|sonnet|haiku)-(?:4-[89]|[5-9])|fable|mythos)/

export function checkMessagesRules(body: Json, seal: Sealer): string | undefined {
  const extra = Object.keys(body).find((name) => !FIELDS.has(name))
  if (extra !== undefined) return `${extra}: Extra inputs are not permitted`
  return checkTurns(body, seal) ?? checkThinking(body) ?? checkSampling(body) ?? checkTools(body) ?? checkMarks(body)
}

function checkTurns({ messages, model }: Json, seal: Sealer): string | undefined {
  if (messages[0].role !== 'user') return 'messages: first message must use the "user" role'
  let open: string[] = []
  for (const [at, { role, content }] of messages.entries()) {
    const last = at === messages.length - 1
    if (role === 'system' && (!MID_SYSTEM.test(model) || messages[at + 1]?.role === 'user')) {
      return `messages.${at}: System messages are not allowed here`
    }
    if (content === '' || content?.length === 0) {
      if (last && role === 'assistant') continue
      return `messages.${at}: all messages must have non-empty content except for the optional final assistant message`
    }
    const blocks: Json[] = typeof content === 'string' ? [{ type: 'text', text: content }] : content
    if (!Array.isArray(blocks)) return `messages.${at}.content: Input should be a valid list`
    const results = blocks.filter((block) => block.type === 'tool_result').map((block) => block.tool_use_id)
    const stranger = results.find((id) => !open.includes(id))
    if (stranger !== undefined) {
      return `messages.${at}.content.0: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${stranger}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`
    }
    const missing = open.filter((id) => !results.includes(id))
    const late = blocks.slice(0, results.length).some((block) => block.type !== 'tool_result')
    if (missing.length > 0 || (results.length > 0 && late)) {
      return `messages.${at}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${missing.join(', ')}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`
    }
    for (const [index, block] of blocks.entries()) {
      const wrong = checkBlock(block, role, `messages.${at}.content.${index}`, seal)
      if (wrong !== undefined) return wrong
    }
    open = blocks.filter((block) => block.type === 'tool_use').map((block) => block.id)
    if (new Set(open).size !== open.length) return 'messages: `tool_use` ids must be unique'
  }
  if (open.length > 0) return 'messages: `tool_use` ids were found without `tool_result` blocks immediately after'
  return undefined
}

function checkBlock(block: Json, role: string, place: string, seal: Sealer): string | undefined {
  switch (block.type) {
    case 'text':
      if (block.text === '') return 'messages: text content blocks must be non-empty'
      return String(block.text).trim() === ''
        ? 'messages: text content blocks must contain non-whitespace text'
        : undefined
    case 'tool_use':
      if (role !== 'assistant') return `${place}: \`tool_use\` blocks can only be in \`assistant\` messages`
      if (!/^[a-zA-Z0-9_-]+$/.test(block.id))
        return `${place}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'`
      return isObject(block.input) ? undefined : `${place}.tool_use.input: Input should be a valid dictionary`
    case 'tool_result':
      if (role !== 'user') return `${place}: \`tool_result\` blocks can only be in \`user\` messages`
      return checkInner(block, place, seal)
    case 'image':
    case 'document':
      if (role !== 'user') return `${place}: ${block.type} blocks are not permitted in assistant turns`
      return checkMedia(block, place)
    case 'thinking': {
      if (typeof block.thinking !== 'string') return `${place}.thinking.thinking: Field required`
      const why = seal.refuse('anthropic', block.signature, block.thinking)
      return why === undefined ? undefined : `${place}: Invalid \`signature\` in \`thinking\` block (${why})`
    }
    default:
      return undefined
  }
}

function checkInner({ content }: Json, place: string, seal: Sealer): string | undefined {
  if (!Array.isArray(content)) return undefined
  for (const inner of content) {
    const wrong = checkBlock(inner, 'user', `${place}.content`, seal)
    if (wrong !== undefined) return wrong
  }
  return undefined
}

function checkMedia({ type, source }: Json, place: string): string | undefined {
  if (source?.type !== 'base64') return undefined
  const mimes = type === 'image' ? ['image/jpeg', 'image/png', 'image/gif', 'image/webp'] : ['application/pdf']
  if (!mimes.includes(source.media_type))
    return `${place}.source.base64.media_type: Input should be ${mimes.join(', ')}`
  const seen = readMagic(Buffer.from(source.data, 'base64'))
  if (seen !== source.media_type) return `${place}: The ${type} was specified as ${source.media_type}, but is ${seen}`
  return undefined
}

function checkThinking({ thinking, max_tokens: most, tool_choice: choice, messages }: Json): string | undefined {
  if (thinking === undefined || thinking.type === 'disabled') return undefined
  if (choice?.type === 'any' || choice?.type === 'tool')
    return 'Thinking may not be enabled when tool_choice forces tool use.'
  if (thinking.type !== 'enabled') return undefined
  if (!(thinking.budget_tokens >= 1024))
    return 'thinking.enabled.budget_tokens: Input should be greater than or equal to 1024'
  if (thinking.budget_tokens >= most) return '`max_tokens` must be greater than `thinking.budget_tokens`'
  const tool = messages.at(-1).content
  const turn = messages.at(-2)?.content
  if (Array.isArray(tool) && tool[0].type === 'tool_result' && !/thinking/.test(turn?.[0]?.type)) {
    return 'messages: Expected `thinking` or `redacted_thinking`, but found `tool_use`. When `thinking` is enabled, a final `assistant` message must start with a thinking block.'
  }
  return undefined
}

function checkSampling(body: Json): string | undefined {
  const { model, temperature, top_p: top } = body
  const sampling = ['temperature', 'top_p', 'top_k'].find((name) => body[name] !== undefined)
  if (NO_SAMPLING.test(model) && sampling !== undefined) return `\`${sampling}\` is deprecated for this model.`
  if (temperature !== undefined && top !== undefined) {
    return '`temperature` and `top_p` cannot both be specified for this model. Please use only one.'
  }
  if (temperature > 1) return 'temperature: range: 0..1'
  if (body.stop_sequences?.some((text: string) => text.trim() === '')) {
    return 'stop_sequences: each stop sequence must contain non-whitespace'
  }
  return undefined
}

function checkTools({ tools, tool_choice: choice }: Json): string | undefined {
  for (const [at, tool] of (tools ?? []).entries()) {
    if (tool.type !== undefined && tool.type !== 'custom') continue
    if (!/^[a-zA-Z0-9_-]{1,128}$/.test(tool.name)) return `tools.${at}.custom.name: String should match pattern`
    if (tool.input_schema?.type !== 'object') return `tools.${at}.custom.input_schema.type: Field required`
  }
  if (choice !== undefined && !tools) return 'tool_choice: may only be specified while providing `tools`'
  if (choice?.type === 'tool' && !tools.some((tool: Json) => tool.name === choice.name)) {
    return `Tool '${choice.name}' not found in provided tools`
  }
  return undefined
}

function checkMarks(body: Json): string | undefined {
  const marks = JSON.stringify(body).match(/"cache_control":\{/g)?.length ?? 0
  return marks > 4 ? `A maximum of 4 blocks with cache_control may be provided. Found ${marks}.` : undefined
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value)
