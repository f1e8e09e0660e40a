// OpenAI Chat Completions as the fake speaks it.
import type { Vendor } from './fake-keys.ts'
import { checkChatRules } from './rules-openai.ts'
import {
  composeReply,
  createTextId,
  cutText,
  nowSeconds,
  readDataUrl,
  textOf,
  type Json,
  type Reply,
  type Said,
  type Turn,
  type Usage,
} from './turn.ts'
import { dataFrame, jsonAnswer, type Answer } from './wire.ts'

export function checkChatBody(body: Json, vendor: Vendor): string | undefined {
  if (typeof body?.model !== 'string' || body.model === '') return 'you must provide a model parameter'
  if (!Array.isArray(body.messages) || body.messages.length === 0) return "Missing required parameter: 'messages'."
  const at = body.messages.findIndex((message: Json) => typeof message?.role !== 'string')
  if (at !== -1) return `Missing required parameter: 'messages[${at}].role'.`
  if (body.tools !== undefined && !Array.isArray(body.tools)) return "Invalid type for 'tools': expected an array."
  // gpt-5.4 and later take function tools on this endpoint only with the effort switched off.
  const newer = /^gpt-5\.([4-9]|\d\d)/.test(body.model)
  if (newer && body.tools?.length > 0 && body.reasoning_effort !== 'none') {
    return `Function tools with reasoning_effort are not supported for ${body.model} in /v1/chat/completions. Please use /v1/responses instead.`
  }
  return checkChatRules(body, vendor)
}

export function readChatTurn(body: Json): Turn {
  const lastUser = body.messages.findLast((message: Json) => message.role === 'user')
  const choice = body.tool_choice
  // Pictures in results follow them in a message of the user.
  const after = body.messages.slice(body.messages.findLastIndex((message: Json) => message.role === 'assistant') + 1)
  const results = after
    .filter((message: Json) => message.role === 'tool')
    .map((message: Json) => textOf(message.content))
  const forced = choice === 'required' ? 'any' : choice === 'none' ? 'none' : choice?.function?.name
  return {
    model: body.model,
    lastText: textOf(lastUser?.content),
    toolResult: results.length === 0 ? undefined : results.join(' '),
    tools: (body.tools ?? []).map((tool: Json) => ({
      name: tool.function?.name ?? tool.custom?.name,
      schema: tool.function?.parameters,
    })),
    toolChoice: forced,
    wantsReasoning:
      (body.reasoning_effort !== undefined && body.reasoning_effort !== 'none') || body.thinking?.type === 'enabled',
    jsonSchema: body.response_format?.json_schema?.schema ?? (body.response_format && findToldSchema(body)),
    promptCharacters: JSON.stringify(body.messages).length,
    hasCacheHints: false,
    maxTokens: body.max_completion_tokens ?? body.max_tokens,
    media: seenIn(lastUser?.content),
    stop: typeof body.stop === 'string' ? [body.stop] : body.stop,
    oneCallOnly: body.parallel_tool_calls === false,
  }
}

/** A schema told in words, as servers are that only know that JSON is wanted. */
function findToldSchema({ messages }: Json): Json {
  const told = messages.filter(({ role }: Json) => role === 'system').map(({ content }: Json) => textOf(content))
  const schema = /\{.*\}/s.exec(told.join('\n'))?.[0]
  return schema === undefined ? undefined : JSON.parse(schema)
}

function seenIn(content: Json): Turn['media'] {
  const parts: Json[] = Array.isArray(content) ? content : []
  return parts
    .map((part) => readDataUrl(part.image_url?.url ?? part.file?.file_data))
    .filter((seen) => seen !== undefined)
}

export function answerChat(body: Json, said: Said, vendor: Vendor): Answer {
  const composed = composeReply(readChatTurn(body), said)
  // OpenAI shows no thoughts in this dialect.
  const reply = vendor === 'compat' && /deepseek/.test(body.model) ? composed : { ...composed, reasoning: '' }
  const base = { id: createTextId('chatcmpl-', 29), created: nowSeconds(), model: body.model }
  return body.stream === true ? streamChat(body, reply, base) : jsonAnswer(200, wholeChat(body, reply, base))
}

function wholeChat(body: Json, reply: Reply, base: Json): Json {
  const message = {
    role: 'assistant',
    content: reply.calls.length > 0 || reply.finish === 'refusal' ? null : reply.text,
    ...(reply.reasoning !== '' && { reasoning_content: reply.reasoning }),
    ...(reply.calls.length > 0 && { tool_calls: reply.calls.map((call) => writeCall(call)) }),
    refusal: reply.finish === 'refusal' ? reply.text : null,
    annotations: [],
  }
  return {
    id: base.id,
    object: 'chat.completion',
    created: base.created,
    model: base.model,
    choices: Array.from({ length: body.n ?? 1 }, (_, index) => ({
      index,
      message,
      logprobs: null,
      finish_reason: reply.finish === 'refusal' ? 'stop' : reply.finish,
    })),
    usage: writeUsage(reply.usage),
    service_tier: 'default',
    system_fingerprint: 'fp_fake000001',
  }
}

function streamChat(body: Json, reply: Reply, base: Json): Answer {
  const withUsage = body.stream_options?.include_usage === true
  const chunk = (delta: Json, finish: string | null = null): string =>
    dataFrame({
      id: base.id,
      object: 'chat.completion.chunk',
      created: base.created,
      model: base.model,
      service_tier: 'default',
      system_fingerprint: 'fp_fake000001',
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
      ...(withUsage && { usage: null }),
      obfuscation: 'x'.repeat(5),
    })
  const frames = [chunk({ role: 'assistant', content: reply.calls.length > 0 ? null : '', refusal: null })]
  for (const piece of cutText(reply.reasoning, 12)) frames.push(chunk({ reasoning_content: piece }))
  const slot = reply.finish === 'refusal' ? 'refusal' : 'content'
  for (const piece of cutText(reply.text)) frames.push(chunk({ [slot]: piece }))
  for (const [index, call] of reply.calls.entries()) {
    const written = writeCall(call)
    frames.push(chunk({ tool_calls: [{ index, ...written, function: { ...written.function, arguments: '' } }] }))
    for (const piece of cutText(written.function.arguments)) {
      frames.push(chunk({ tool_calls: [{ index, function: { arguments: piece } }] }))
    }
  }
  frames.push(chunk({}, reply.finish === 'refusal' ? 'stop' : reply.finish))
  if (withUsage) {
    frames.push(
      dataFrame({
        id: base.id,
        object: 'chat.completion.chunk',
        created: base.created,
        model: base.model,
        service_tier: 'default',
        system_fingerprint: 'fp_fake000001',
        choices: [],
        usage: writeUsage(reply.usage),
      }),
    )
  }
  frames.push(dataFrame('[DONE]'))
  return {
    status: 200,
    headers: { 'content-type': 'text/event-stream; charset=utf-8' },
    frames,
    terminalFrames: withUsage ? 3 : 2,
  }
}

const writeCall = (call: Reply['calls'][number]): Json => ({
  id: `call_${call.id}`,
  type: 'function',
  function: { name: call.name, arguments: JSON.stringify(call.args) },
})

function writeUsage(usage: Usage): Json {
  return {
    prompt_tokens: usage.input,
    completion_tokens: usage.output,
    total_tokens: usage.input + usage.output,
    prompt_tokens_details: { cached_tokens: usage.cacheRead, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: usage.reasoning,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  }
}
