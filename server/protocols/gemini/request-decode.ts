// A client's generateContent request as the middle model.
import type { ChatRequest, Instruction } from '../canonical.ts'
import { CannotCross, type RequestDecoding } from '../codec.ts'
import { asObject, asWord, toSnake, type JsonObject } from '../read.ts'
import { checkShape } from '../shape.ts'
import { reportUnread } from '../unread.ts'
import { readConfig, readToolConfig, readTools } from './config-decode.ts'
import { readContents } from './contents-decode.ts'
import { asList, field, GEMINI, restOf } from './fields.ts'
import { readPart } from './parts.ts'
import { GENERATE_REQUEST } from './request-shape.ts'

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
    instructions: readInstructions(field(body, 'systemInstruction'), decoding),
    items: readContents(contents, decoding),
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

/** A text, a content, a content whose parts are one part, or a bare list of parts. */
function readInstructions(value: unknown, decoding: RequestDecoding): Instruction[] {
  const content = asObject(value)
  const parts = content && field(content, 'parts') !== undefined ? field(content, 'parts') : value
  return asList(parts).flatMap((part): Instruction[] => {
    const read = readPart(part)
    if (read?.content.kind === 'text') {
      return read.content.text === '' ? [] : [{ role: 'system', text: read.content.text }]
    }
    if (read) decoding.losses.drop('system', 'instructions other than text cannot be passed on')
    return []
  })
}
