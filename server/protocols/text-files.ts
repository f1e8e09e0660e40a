// Files that are text: a dialect without a place for them has them said in words.
import type { Item, MediaItem, ResultPart } from './canonical.ts'

const TEXT_TYPE = /^text\/|^application\/(?:json|xml|yaml|x-yaml|javascript|x-ndjson)\b|\+(?:json|xml)\b/

export function isTextType(mime: string): boolean {
  return TEXT_TYPE.test(mime)
}

/** `data`: base64. The name stands above the text. */
export function textOfFile(name: string | undefined, data: string): string {
  const text = Buffer.from(data, 'base64').toString('utf8')
  return name === undefined ? text : `${name}\n\n${text}`
}

/** The conversation of another dialect with its files of text as text. */
export function inlineTextFiles(items: readonly Item[]): readonly Item[] {
  return items.map((item) => {
    if (item.kind === 'result') return { ...item, parts: item.parts.map(inlinePart) }
    const text = item.kind === 'media' ? textIn(item) : null
    if (item.kind !== 'media' || text === null) return item
    const { media: _media, source: _source, name: _name, detail: _detail, ...rest } = item
    return { ...rest, kind: 'text', text }
  })
}

function inlinePart(part: ResultPart): ResultPart {
  const text = part.kind === 'media' ? textIn(part) : null
  return text === null
    ? part
    : { kind: 'text', text, ...(part.kind !== 'opaque' && part.extra ? { extra: part.extra } : {}) }
}

function textIn({ media, source, name }: Pick<MediaItem, 'media' | 'source' | 'name'>): string | null {
  const isText = media === 'file' && source.from === 'data' && isTextType(source.mime)
  return isText ? textOfFile(name, source.data) : null
}
