// OpenAI Responses as the fake speaks it: items, and events with a rising sequence number.
import { checkResponsesRules } from './rules-openai.ts'
import type { Sealer } from './signatures.ts'
import {
  composeReply,
  countTokens,
  createHexId,
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
import { eventFrame, jsonAnswer, type Answer } from './wire.ts'

export function checkResponsesBody(body: Json, seal: Sealer): string | undefined {
  if (typeof body?.model !== 'string' && body?.prompt === undefined) return "Missing required parameter: 'model'."
  const input = body.input
  if (typeof input !== 'string' && !Array.isArray(input) && body.prompt === undefined) {
    return "Missing required parameter: 'input'."
  }
  return checkResponsesRules(body, seal)
}

export function readResponsesTurn(body: Json): Turn {
  const items: Json[] = Array.isArray(body.input) ? body.input : [{ role: 'user', content: body.input ?? '' }]
  const lastUser = items.findLast((item) => item.role === 'user')
  const choice = body.tool_choice
  const own = (item: Json): boolean => item.type === 'function_call' || item.role === 'assistant'
  const after = items.slice(items.findLastIndex(own) + 1)
  const results = after
    .filter((item) => item.type === 'function_call_output')
    .map(({ output }) => (typeof output === 'string' ? output : textOf(output)))
  const parts: Json[] = Array.isArray(lastUser?.content) ? lastUser.content : []
  return {
    model: body.model ?? 'gpt-5.5',
    lastText: textOf(lastUser?.content),
    toolResult: results.length === 0 ? undefined : results.join(' '),
    tools: (body.tools ?? [])
      .filter((tool: Json) => tool.type === 'function')
      .map((tool: Json) => ({ name: tool.name, schema: tool.parameters })),
    toolChoice: choice === 'required' ? 'any' : choice === 'none' ? 'none' : choice?.name,
    wantsReasoning: body.reasoning?.effort !== undefined && body.reasoning.effort !== 'none',
    jsonSchema: body.text?.format?.schema,
    promptCharacters: JSON.stringify(items).length + textOf(body.instructions).length,
    hasCacheHints: false,
    maxTokens: body.max_output_tokens ?? undefined,
    media: parts.map((part) => readDataUrl(part.image_url ?? part.file_data)).filter((seen) => seen !== undefined),
    oneCallOnly: body.parallel_tool_calls === false,
  }
}

export function answerInputTokens(body: Json): Answer {
  const tokens = countTokens(readResponsesTurn(body).promptCharacters)
  return jsonAnswer(200, { object: 'response.input_tokens', input_tokens: tokens })
}

export function answerResponses(body: Json, said: Said, seal: Sealer): Answer {
  const turn = readResponsesTurn(body)
  const reply = composeReply(turn, said)
  const items = writeItems(body, reply, seal)
  const response = (status: string, output: Json[], usage: Json): Json => ({
    id: responseId,
    object: 'response',
    created_at: createdAt,
    status,
    background: false,
    completed_at: usage === null ? null : nowSeconds(),
    error: null,
    incomplete_details: status === 'incomplete' ? { reason: 'max_output_tokens' } : null,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    model: turn.model,
    output,
    parallel_tool_calls: true,
    previous_response_id: null,
    reasoning: body.reasoning ?? { effort: null, summary: null },
    service_tier: 'default',
    store: body.store ?? true,
    temperature: 1.0,
    text: body.text ?? { format: { type: 'text' }, verbosity: 'medium' },
    tool_choice: body.tool_choice ?? 'auto',
    tools: body.tools ?? [],
    top_p: 1.0,
    truncation: 'disabled',
    usage,
    metadata: {},
  })
  const responseId = createHexId('resp_', 25)
  const createdAt = nowSeconds()
  const finalStatus = reply.finish === 'length' ? 'incomplete' : 'completed'
  if (body.stream !== true) return jsonAnswer(200, response(finalStatus, items, writeUsage(reply.usage)))

  let sequence = 0
  const event = (type: string, fields: Json): string =>
    eventFrame(type, { type, ...fields, sequence_number: sequence++ })
  const frames = [
    event('response.created', { response: response('in_progress', [], null) }),
    event('response.in_progress', { response: response('in_progress', [], null) }),
  ]
  for (const [index, item] of items.entries()) frames.push(...streamItem(item, index, event))
  frames.push(event(`response.${finalStatus}`, { response: response(finalStatus, items, writeUsage(reply.usage)) }))
  return {
    status: 200,
    headers: { 'content-type': 'text/event-stream; charset=utf-8' },
    frames,
    terminalFrames: 1,
  }
}

function writeItems(body: Json, reply: Reply, seal: Sealer): Json[] {
  const items: Json[] = []
  if (reply.reasoning !== '') {
    const id = createHexId('rs_', 25)
    const encrypted = body.include?.includes('reasoning.encrypted_content') ? seal.issue('openai', id) : undefined
    const summary = body.reasoning?.summary === undefined ? [] : [{ type: 'summary_text', text: reply.reasoning }]
    items.push({
      id,
      type: 'reasoning',
      ...(encrypted && { encrypted_content: encrypted }),
      summary,
    })
  }
  if (reply.calls.length === 0) {
    const content =
      reply.finish === 'refusal'
        ? [{ type: 'refusal', refusal: reply.text }]
        : [{ type: 'output_text', annotations: [], logprobs: [], text: reply.text }]
    items.push({ id: createHexId('msg_', 25), type: 'message', status: 'completed', content, role: 'assistant' })
  }
  for (const call of reply.calls) {
    items.push({
      id: createHexId('fc_', 25),
      type: 'function_call',
      status: 'completed',
      arguments: JSON.stringify(call.args),
      call_id: `call_${call.id}`,
      name: call.name,
    })
  }
  return items
}

function streamItem(item: Json, index: number, event: (type: string, fields: Json) => string): string[] {
  const at = { item_id: item.id, output_index: index }
  const frames: string[] = []
  if (item.type === 'reasoning') {
    frames.push(event('response.output_item.added', { output_index: index, item: { ...item, summary: [] } }))
    for (const [summaryIndex, part] of item.summary.entries()) {
      const place = { ...at, summary_index: summaryIndex }
      const start = { ...place, part: { type: 'summary_text', text: '' } }
      frames.push(event('response.reasoning_summary_part.added', start))
      for (const piece of cutText(part.text, 12)) {
        frames.push(event('response.reasoning_summary_text.delta', { ...place, delta: piece }))
      }
      frames.push(event('response.reasoning_summary_text.done', { ...place, text: part.text }))
      frames.push(event('response.reasoning_summary_part.done', { ...place, part }))
    }
  } else if (item.type === 'message') {
    const part = item.content[0]
    const place = { ...at, content_index: 0 }
    const opened = { ...item, status: 'in_progress', content: [] }
    frames.push(event('response.output_item.added', { output_index: index, item: opened }))
    const refused = part.type === 'refusal'
    const empty = refused ? { ...part, refusal: '' } : { ...part, text: '' }
    frames.push(event('response.content_part.added', { ...place, part: empty }))
    if (refused) {
      for (const piece of cutText(part.refusal))
        frames.push(event('response.refusal.delta', { ...place, delta: piece }))
      frames.push(event('response.refusal.done', { ...place, refusal: part.refusal }))
    }
    for (const piece of cutText(part.text ?? '')) {
      frames.push(event('response.output_text.delta', { ...place, delta: piece, logprobs: [], obfuscation: 'xyz' }))
    }
    if (!refused) frames.push(event('response.output_text.done', { ...place, text: part.text, logprobs: [] }))
    frames.push(event('response.content_part.done', { ...place, part }))
  } else {
    const opened = { ...item, status: 'in_progress', arguments: '' }
    frames.push(event('response.output_item.added', { output_index: index, item: opened }))
    for (const piece of cutText(item.arguments)) {
      frames.push(event('response.function_call_arguments.delta', { ...at, delta: piece, obfuscation: 'xyz' }))
    }
    frames.push(event('response.function_call_arguments.done', { ...at, arguments: item.arguments, name: item.name }))
  }
  frames.push(event('response.output_item.done', { output_index: index, item }))
  return frames
}

function writeUsage(usage: Usage): Json {
  return {
    input_tokens: usage.input,
    input_tokens_details: { cached_tokens: usage.cacheRead },
    output_tokens: usage.output,
    output_tokens_details: { reasoning_tokens: usage.reasoning },
    total_tokens: usage.input + usage.output,
  }
}
