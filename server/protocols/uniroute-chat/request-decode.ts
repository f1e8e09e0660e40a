// A request to `/v1/chat` as the middle model. It knows texts, images and sound, a temperature, a limit and web search;
// what would change the answer if it were left out refuses the request, everything else is reported where it is
// dropped.
import type { Builtin, ChatRequest, Instruction, Item, MediaItem, MediaSource, Role } from '../canonical.ts'
import { CannotCross, type RequestDecoding } from '../codec.ts'
import { saysNothing } from '../no-wish.ts'
import { checkShape } from '../shape.ts'
import { reportUnread } from '../unread.ts'
import { asCount, asObject, asText, type JsonObject } from '../read.ts'
import { CHAT_REQUEST } from './request-shape.ts'

export const OWN = 'uniroute-chat'

const KNOWN = new Set(
  'model messages temperature max_tokens web_search google_search_grounding conversation_id'.split(' '),
)

/** Fields other chats have whose loss would change what is asked for. */
const ELSEWHERE = ['tools', 'functions', 'tool_choice', 'function_call', 'response_format', 'stop', 'n']

export function decodeRequest(
  body: JsonObject,
  decoding: RequestDecoding & { model: string; stream: boolean },
): ChatRequest {
  for (const field of ELSEWHERE) {
    const value = body[field]
    if (saysNothing(value) || isDefault(field, value)) continue
    throw new CannotCross(field, `/v1/chat has no \`${field}\`. Leave it out, or ask at /v1/chat/completions.`)
  }
  checkShape(body, CHAT_REQUEST)
  reportUnread(body, CHAT_REQUEST, decoding.losses)
  const { instructions, items } = decodeMessages(body['messages'])
  const temperature = asNumber(body['temperature'])
  const maxOutput = asCount(body['max_tokens'])
  const conversation = body['conversation_id']
  return {
    model: decoding.model,
    stream: decoding.stream,
    streamUsage: true,
    instructions,
    items,
    tools: [],
    builtins: decodeSearch(body),
    sampling: temperature === null ? {} : { temperature },
    stop: [],
    ...(maxOutput === null || maxOutput === 0 ? {} : { maxOutput }),
    origin: OWN,
    ...(conversation === undefined || conversation === null ? {} : { echo: { conversation_id: conversation } }),
    extensions: decodeOthers(body),
  }
}

function isDefault(field: string, value: unknown): boolean {
  if (field === 'n') return value === 1
  if (field === 'response_format') return asObject(value)?.['type'] === 'text'
  return (field === 'tool_choice' || field === 'function_call') && (value === 'auto' || value === 'none')
}

function decodeMessages(value: unknown): { instructions: Instruction[]; items: Item[] } {
  if (!Array.isArray(value) || value.length === 0) {
    throw new CannotCross('messages', '`messages` must be a list with at least one message.', 'bad_request')
  }
  const instructions: Instruction[] = []
  const items: Item[] = []
  ;(value as unknown[]).forEach((entry, turn) => {
    const message = asObject(entry)
    const role = roleOf(message?.['role'])
    if (!message || !role) {
      throw new CannotCross(
        'messages',
        `messages[${turn}] must be {"role": …, "content": …} with the role system, user or assistant.`,
        'bad_request',
      )
    }
    const found = decodeContent(message['content'], role, turn)
    const leading = items.length === 0 && (role === 'system' || role === 'developer')
    for (const item of found) {
      if (leading && item.kind === 'text') instructions.push({ role, text: item.text })
      else items.push(item)
    }
  })
  return { instructions, items }
}

function decodeContent(content: unknown, role: Role, turn: number): Item[] {
  const text = asText(content)
  if (text !== null) return text === '' ? [] : [{ kind: 'text', role, text, turn }]
  if (content === undefined || content === null) return []
  if (!Array.isArray(content)) {
    throw new CannotCross('messages', `messages[${turn}].content must be a text or a list of parts.`, 'bad_request')
  }
  return (content as unknown[]).flatMap((part): Item[] => decodePart(asObject(part), role, turn))
}

function decodePart(part: JsonObject | null, role: Role, turn: number): Item[] {
  const type = asText(part?.['type'])
  const text = asText(part?.['text'])
  if (type === 'text' && text !== null) return text === '' ? [] : [{ kind: 'text', role, text, turn }]
  if (part && (type === 'image_url' || type === 'audio_url')) {
    const inner = asObject(part[type])
    const url = asText(part[type]) ?? asText(inner?.['url'])
    const detail = asText(inner?.['detail'])
    if (url !== null && url !== '') {
      const media = { ...sourceOf(url, type === 'image_url' ? 'image' : 'audio'), turn }
      return [{ kind: 'media', role, ...media, ...(detail === null ? {} : { detail }) }]
    }
  }
  throw new CannotCross(
    'messages',
    `messages[${turn}] has a part that is none of {"type":"text","text":…}, {"type":"image_url","image_url":{"url":…}} and {"type":"audio_url","audio_url":{"url":…}}.`,
    'bad_request',
  )
}

const DATA_URL = /^data:([^;,]*)(?:;[^,]*)?;base64,(.*)$/s

function sourceOf(url: string, media: 'image' | 'audio'): Pick<MediaItem, 'media' | 'source'> {
  const match = DATA_URL.exec(url)
  if (!match) return { media, source: { from: 'url', url } }
  const mime = match[1] === '' ? (media === 'image' ? 'image/png' : 'audio/wav') : match[1]!.toLowerCase()
  const source: MediaSource = { from: 'data', mime, data: match[2]! }
  return { media: mime === 'application/pdf' ? 'pdf' : media, source }
}

function roleOf(value: unknown): Role | null {
  return value === 'system' || value === 'developer' || value === 'user' || value === 'assistant' ? value : null
}

/** Both names ask for the same: the provider's own search of the web. */
function decodeSearch(body: JsonObject): Builtin[] {
  const name = ['web_search', 'google_search_grounding'].find((field) => isWanted(body[field]))
  return name === undefined ? [] : [{ protocol: OWN, kind: 'web_search', name, raw: body[name] }]
}

const isWanted = (value: unknown): boolean =>
  value === true || (asObject(value) !== null && asObject(value)?.['enabled'] !== false)

function decodeOthers(body: JsonObject): ChatRequest['extensions'] {
  const others = Object.entries(body).filter(
    ([field, value]) => !KNOWN.has(field) && !ELSEWHERE.includes(field) && value !== null,
  )
  return others.length === 0 ? {} : { [OWN]: Object.fromEntries(others) }
}

function asNumber(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}
