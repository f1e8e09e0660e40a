// Sources of an answer. Gemini tells them apart from the text, with offsets in bytes of all visible text; the middle
// model hangs them on the text, with offsets in characters.
import type { Citation } from '../canonical.ts'
import { asCount, asObject, asText, type JsonObject } from '../read.ts'
import { asObjects, compact, field } from './fields.ts'

/** A source, with its place in the whole visible text. */
export interface PlacedCitation {
  readonly citation: Citation
  readonly start: number | null
  readonly end: number | null
}

export function readGrounding(metadata: unknown, visible: string): PlacedCitation[] {
  const grounding = asObject(metadata)
  const sources = asObjects(field(grounding, 'groundingChunks')).map(readSource)
  const placed: PlacedCitation[] = []
  const used = new Set<number>()
  for (const support of asObjects(field(grounding, 'groundingSupports'))) {
    const range = readRange(asObject(field(support, 'segment')), visible)
    const indices = field(support, 'groundingChunkIndices')
    for (const index of Array.isArray(indices) ? (indices as unknown[]) : []) {
      const source = typeof index === 'number' ? sources[index] : undefined
      if (!source) continue
      used.add(index as number)
      placed.push({ citation: source, ...range })
    }
  }
  const unplaced = sources.filter((source, index) => source && !used.has(index))
  return [...placed, ...unplaced.flatMap((source) => (source ? [{ citation: source, start: null, end: null }] : []))]
}

/** `citationMetadata`: sources that the answer repeats. */
export function readCitationMetadata(metadata: unknown, visible: string): PlacedCitation[] {
  const object = asObject(metadata)
  const sources = asObjects(field(object, 'citationSources') ?? field(object, 'citations'))
  return sources.flatMap((source) => {
    const citation = sourceOf(asText(field(source, 'uri')), asText(field(source, 'title')), null)
    return citation ? [{ citation, ...readRange(source, visible) }] : []
  })
}

function readSource(chunk: JsonObject): Citation | null {
  const web = asObject(field(chunk, 'web')) ?? asObject(field(chunk, 'maps')) ?? asObject(field(chunk, 'image'))
  const found = web ?? asObject(field(chunk, 'retrievedContext'))
  const uri = asText(field(found, 'uri')) ?? asText(field(found, 'sourceUri'))
  return sourceOf(uri, asText(field(found, 'title')), web ? null : asText(field(found, 'text')))
}

function sourceOf(url: string | null, title: string | null, quote: string | null): Citation | null {
  const known = { ...(url ? { url } : {}), ...(title ? { title } : {}), ...(quote ? { quote } : {}) }
  return Object.keys(known).length > 0 ? known : null
}

function readRange(segment: JsonObject | null, visible: string): { start: number | null; end: number | null } {
  const end = asCount(field(segment, 'endIndex'))
  const said = asText(field(segment, 'text'))
  const bytes = Buffer.from(visible, 'utf8')
  if (end !== null && end <= bytes.length) {
    const from = asCount(field(segment, 'startIndex')) ?? 0
    const start = bytes.toString('utf8', 0, from).length
    const text = bytes.toString('utf8', from, end)
    if (from <= end && (said === null || said === text)) return { start, end: start + text.length }
  }
  const start = said === null || said === '' ? -1 : visible.indexOf(said)
  return start === -1 || said === null ? { start: null, end: null } : { start, end: start + said.length }
}

/** Collects an answer's citations for `groundingMetadata`; places are those in the visible text. */
export function writeGrounding(placed: readonly PlacedCitation[], visible: string): JsonObject | null {
  if (placed.length === 0) return null
  const chunks: JsonObject[] = []
  const indexes = new Map<string, number>()
  const supports: JsonObject[] = []
  for (const { citation, start, end } of placed) {
    const chunk = writeSource(citation)
    const key = JSON.stringify(chunk)
    const index = indexes.get(key) ?? chunks.push(chunk) - 1
    indexes.set(key, index)
    if (start === null || end === null) continue
    const segment = {
      startIndex: Buffer.byteLength(visible.slice(0, start), 'utf8'),
      endIndex: Buffer.byteLength(visible.slice(0, end), 'utf8'),
      text: visible.slice(start, end),
    }
    supports.push({ segment, groundingChunkIndices: [index] })
  }
  return { groundingChunks: chunks, ...(supports.length > 0 ? { groundingSupports: supports } : {}) }
}

function writeSource({ url, title, quote }: Citation): JsonObject {
  if (url !== undefined && quote === undefined) return { web: compact({ uri: url, title }) }
  return { retrievedContext: compact({ uri: url, title, text: quote }) }
}
