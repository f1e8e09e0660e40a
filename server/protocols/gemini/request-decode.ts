// A client's generateContent request as the middle model.
import type { ChatRequest, Instruction, Item } from '../canonical.ts'
import { CannotCross, type RequestDecoding } from '../codec.ts'
import { asObject, asWord, toSnake, type JsonObject } from '../read.ts'
import { checkShape } from '../shape.ts'
import { reportUnread } from '../unread.ts'
import { readConfig, readToolConfig, readTools } from './config-decode.ts'
import { readContents } from './contents-decode.ts'
import { asList, field, GEMINI, restOf } from './fields.ts'
import { readPart } from './parts.ts'
import { GENERATE_REQUEST } from './request-shape.ts'

/** Contents are numbered from 0. */
const BEFORE_ALL = -1

const BODY_FIELDS = new Set(
  ['contents', 'systemInstruction', 'tools', 'toolConfig', 'generationConfig', 'model', 'serviceTier', 'stream'].concat(
    ['cachedContent'],
  ),
)

export function decodeRequest(
  body: JsonObject,
  decoding: RequestDecoding & { model: string; stream: boolean },
): ChatRequest {
  const contents = field(body, 'contents')
  if (contents === undefined)
    throw new CannotCross('contents', '`contents` is missing: send at least one turn.', 'bad_request')
  checkShape(body, GENERATE_REQUEST)
  reportUnread(body, GENERATE_REQUEST, decoding.losses)
  const system = readInstructions(field(body, 'systemInstruction'), decoding)
  const config = readConfig(asObject(field(body, 'generationConfig')), decoding.losses)
  const tools = readTools(field(body, 'tools'))
  const choice = readToolConfig(asObject(field(body, 'toolConfig')), tools.builtins.length > 0)
  const tier = asWord(field(body, 'serviceTier'))?.toLowerCase()
  const cached = asWord(field(body, 'cachedContent'))
  const rest = Object.entries(restOf(body, BODY_FIELDS)).map(([name, value]) => [toSnake(name), value] as const)
  return {
    model: decoding.model,
    stream: decoding.stream,
    streamUsage: true,
    instructions: system.instructions,
    items: [...system.items, ...readContents(contents, decoding)],
    ...tools,
    ...(choice.toolChoice ? { toolChoice: choice.toolChoice } : {}),
    ...config.fields,
    ...(tier === undefined || tier === 'unspecified' ? {} : { tier: tier === 'standard' ? 'default' : tier }),
    // Also when empty: it says where the request came from.
    extensions: {
      [GEMINI]: {
        ...Object.fromEntries(rest),
        ...(cached === null ? {} : { cached_content: cached }),
        ...config.extensions,
        ...choice.extensions,
      },
    },
  }
}

/**
 * A text, a content, a content whose parts are one part, or a bare list of parts. Pictures and files among them are
 * the user's elsewhere, in front of all else.
 */
function readInstructions(value: unknown, { losses }: RequestDecoding): Pick<ChatRequest, 'instructions' | 'items'> {
  const content = asObject(value)
  const parts = content && field(content, 'parts') !== undefined ? field(content, 'parts') : value
  const instructions: Instruction[] = []
  const items: Item[] = []
  for (const part of asList(parts)) {
    const read = readPart(part)?.content
    if (read?.kind === 'text') {
      if (read.text !== '') instructions.push({ role: 'system', text: read.text })
    } else if (read?.kind === 'media') {
      losses.approximate('system', 'pictures and files of the instructions are sent as the user’s')
      items.push({ ...read, role: 'user', turn: BEFORE_ALL })
    } else if (read) losses.drop('provider_items', 'instructions of this kind cannot be passed on')
  }
  return { instructions, items }
}
