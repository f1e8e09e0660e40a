// Puts an answer together from the pieces of an OpenAI chat stream. Pure: content and piece in, content out.
import type { ChatContent, ChatHead, ToolCall } from './chatTypes.ts'
import type { Payer } from '../../../../contract/common.ts'

type Json = Readonly<Record<string, unknown>>

export const NO_CONTENT: ChatContent = {
  text: '',
  thoughts: '',
  refusal: '',
  calls: [],
  pictures: [],
  reasoningDetails: [],
  finish: null,
}

export function addChunk(content: ChatContent, chunk: unknown): ChatContent {
  const choice = firstOf(read(chunk)?.['choices'])
  if (!choice) return content
  const delta = read(choice['delta']) ?? {}
  const finish = choice['finish_reason']
  return {
    text: content.text + textOf(delta['content']),
    thoughts: content.thoughts + (textOf(delta['reasoning_content']) || textOf(delta['reasoning'])),
    refusal: content.refusal + textOf(delta['refusal']),
    calls: listOf(delta['tool_calls']).reduce<readonly ToolCall[]>(addCall, content.calls),
    pictures: [...content.pictures, ...listOf(delta['images']).flatMap(pictureOf)],
    reasoningDetails: [...content.reasoningDetails, ...listOf(delta['reasoning_details'])],
    finish: typeof finish === 'string' ? finish : content.finish,
  }
}

export function hasBegun(content: ChatContent): boolean {
  return content.text !== '' || content.thoughts !== '' || content.refusal !== '' || content.calls.length > 0
}

/** What stands in the head of every answer. */
export function readHead(headers: Headers): ChatHead {
  return {
    requestId: headers.get('x-request-id'),
    payer: headers.get('x-uniroute-billed-to') as Payer | null,
    keyId: headers.get('x-uniroute-key'),
    provider: headers.get('x-uniroute-provider'),
    model: headers.get('x-uniroute-model'),
    fallback: headers.get('x-uniroute-fallback'),
    warnings: headers.get('x-uniroute-warnings'),
  }
}

/** Pieces of a call are told apart by their place. */
function addCall(calls: readonly ToolCall[], piece: Json): readonly ToolCall[] {
  const place = typeof piece['index'] === 'number' ? Math.min(piece['index'], calls.length) : calls.length
  const before = calls[place]
  const part = read(piece['function']) ?? {}
  const name = (before?.name ?? '') + textOf(part['name'])
  const args = (before?.arguments ?? '') + textOf(part['arguments'])
  const id = textOf(piece['id']) || (before?.id ?? '')
  const { index: _, ...said } = piece
  const raw = { ...before?.raw, ...said, id, type: 'function', function: { ...part, name, arguments: args } }
  const next = [...calls]
  next[place] = { id, name, arguments: args, raw }
  return next
}

function pictureOf(image: Json): string[] {
  const url = read(image['image_url'])?.['url']
  return typeof url === 'string' && url.startsWith('data:image/') ? [url] : []
}

function read(value: unknown): Json | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined
}

function listOf(value: unknown): Json[] {
  const list: unknown[] = Array.isArray(value) ? value : []
  return list.map(read).filter((one) => one !== undefined)
}

function firstOf(value: unknown): Json | undefined {
  return listOf(value)[0]
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
