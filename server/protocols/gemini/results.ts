// What a tool gave back, in a functionResponse: an object in which `output` and `error` have a meaning, and media in
// parts of their own.
import type { ResultItem, ResultPart } from '../canonical.ts'
import type { LossReport, RequestEncoding } from '../codec.ts'
import { asObject, parseJson, type JsonObject } from '../read.ts'
import { asList, GEMINI, isEmpty } from './fields.ts'
import { writeMedia } from './media.ts'
import { readPart } from './parts.ts'

export function readResult(response: unknown, parts: unknown): { parts: ResultPart[]; isError: boolean } {
  const said = readResponse(response)
  const media = asList(parts).flatMap((value): ResultPart[] => {
    const read = readPart(value)
    if (!read) return []
    const { content, extra } = read
    if (content.kind === 'media') return [{ ...content, ...(extra ? { extra } : {}) }]
    if (content.kind === 'text') return content.text === '' ? [] : [{ kind: 'text', text: content.text }]
    return [{ kind: 'opaque', protocol: GEMINI, raw: value }]
  })
  // Nothing said beside an image is not an empty text.
  const text = said.part && (media.length === 0 || said.part.text !== '') ? [said.part] : []
  return { parts: [...text, ...media], isError: said.isError }
}

function readResponse(response: unknown): { part: (ResultPart & { kind: 'text' }) | null; isError: boolean } {
  const object = asObject(response)
  if (!object) {
    if (response === undefined || response === null) return { part: null, isError: false }
    return { part: textPart(response), isError: false }
  }
  const keys = Object.keys(object)
  if (keys.length === 0) return { part: null, isError: false }
  if (keys.length === 1 && keys[0] === 'output') return { part: textPart(object['output']), isError: false }
  if (keys.length === 1 && keys[0] === 'error') return { part: textPart(object['error']), isError: true }
  const { error } = object
  const isError = error !== undefined && error !== null && error !== false && error !== ''
  return { part: textPart(object), isError }
}

function textPart(value: unknown): ResultPart & { kind: 'text' } {
  return typeof value === 'string'
    ? { kind: 'text', text: value }
    : { kind: 'text', text: JSON.stringify(value ?? null), json: true }
}

/** A tool result as its part, and the media that must stand beside it. */
export function writeResult(
  result: Pick<ResultItem, 'parts' | 'isError' | 'extra'>,
  id: string,
  name: string,
  encoding: RequestEncoding,
): { part: JsonObject; siblings: JsonObject[] } {
  const { losses, profile } = encoding
  const media: JsonObject[] = []
  for (const part of result.parts) {
    if (part.kind === 'media') media.push(writeResultMedia(part, profile.imageInToolResult, losses))
    else if (part.kind === 'opaque' && part.protocol === GEMINI) media.push({ ...asObject(part.raw) })
    else if (part.kind === 'opaque') losses.drop('provider_items', 'only their own provider understands them')
  }
  const response = writeResponse(result, media.length > 0, profile.imageInToolResult)
  const inside = profile.imageInToolResult && media.length > 0 ? { parts: media } : {}
  const beside = result.extra?.[GEMINI] ?? {}
  const part = { functionResponse: { id, name, response, ...inside, ...beside } }
  return { part, siblings: profile.imageInToolResult ? [] : media }
}

function writeResultMedia(part: ResultPart & { kind: 'media' }, inside: boolean, losses: LossReport): JsonObject {
  if (part.detail !== undefined && part.detail !== 'auto') losses.drop('image_detail', 'the provider has no such field')
  if (part.name !== undefined && !inside) losses.drop('filename', 'files have no names here')
  return { ...writeMedia(part, inside), ...part.extra?.[GEMINI] }
}

function writeResponse(
  { parts, isError }: Pick<ResultItem, 'parts' | 'isError'>,
  hasMedia: boolean,
  mediaInside: boolean,
): JsonObject {
  const texts = parts.filter((part) => part.kind === 'text')
  const only = texts.length === 1 ? texts[0] : undefined
  if (only?.json === true) return writeValue(parseJson(only.text), isError)
  const text = texts.map((part) => part.text).join('\n')
  if (isError) return { error: text }
  if (text === '' && hasMedia) return mediaInside ? {} : { output: 'The result follows as media.' }
  return { output: text }
}

/**
 * A value that was a value where it came from: an object stands for itself unless `output` or `error` would be misread.
 */
function writeValue(value: unknown, isError: boolean): JsonObject {
  const object = asObject(value)
  if (isError) return object && Object.hasOwn(object, 'error') ? object : { error: value }
  const misread = object && (Object.hasOwn(object, 'output') || Object.hasOwn(object, 'error'))
  return object && !misread && !isEmpty(object) ? object : { output: value }
}
