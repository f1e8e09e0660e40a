// Files of text in a conversation of another dialect, as text: bytes are for PDFs, pictures, sound and video here.
import type { Item, MediaItem, ResultPart } from '../canonical.ts'
import { isTextType, textOfFile } from '../text-files.ts'

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
