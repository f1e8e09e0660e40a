// Images and documents, both ways. A document is a file with a text or PDF behind it; what has no slot is refused.
import type { Extras, MediaKind, MediaSource } from '../canonical.ts'
import { CannotCross, type LossReport } from '../codec.ts'
import { asObject, asText, type JsonObject } from '../read.ts'
import { requireAddress } from '../media-types.ts'
import { isTextType } from '../text-files.ts'
import { extraOf, ownExtra, PROTOCOL } from './names.ts'

/** What a media item and a media part of a result have in common. */
export interface Media {
  readonly media: MediaKind
  readonly source: MediaSource
  readonly name?: string
  readonly detail?: string
  readonly extra?: Extras
}

const IMAGE_TYPES: ReadonlySet<string> = new Set(['image/jpeg', 'image/png', 'image/gif', 'image/webp'])

/** An `image` or `document` block; null for a source we do not know. A document made of blocks may be several. */
export function readMedia(block: JsonObject, losses: LossReport): Media[] | null {
  const source = asObject(block['source'])
  if (!source) return null
  if (block['type'] === 'image') {
    const from = readSource(source)
    return from ? [{ media: 'image', source: from }] : null
  }
  const name = asText(block['title'])
  const { context, citations } = block
  const fields = { context, citations: asObject(citations)?.['enabled'] === false ? undefined : citations }
  const named = name === null ? {} : { name }
  if (source['type'] === 'content') return readBlockDocument(source, fields, named, losses)
  const from = readSource(source)
  if (!from) return null
  const media: MediaKind = from.from === 'data' && from.mime !== 'application/pdf' ? 'file' : 'pdf'
  return [{ media, source: from, ...named, ...extraOf(fields) }]
}

// Other dialects see the document's texts and images in their order; here it goes back as it came, with the last of
// them.
function readBlockDocument(
  source: JsonObject,
  fields: JsonObject,
  named: { name?: string },
  losses: LossReport,
): Media[] {
  const { content } = source
  const blocks: unknown[] = Array.isArray(content) ? content : [{ type: 'text', text: content }]
  const media: Media[] = []
  let texts: string[] = []
  const endText = (): void => {
    const isFirst = media.every((one) => one.media === 'image')
    const data = Buffer.from(texts.join('\n\n'), 'utf8').toString('base64')
    media.push({ media: 'file', source: { from: 'data', mime: 'text/plain', data }, ...(isFirst ? named : {}) })
    texts = []
  }
  for (const value of blocks) {
    const block = asObject(value)
    const text = asText(block?.['text'])
    if (text !== null) texts.push(text)
    const from = block?.['type'] === 'image' ? readSource(asObject(block['source']) ?? {}) : null
    if (from && texts.length > 0) endText()
    if (from) media.push({ media: 'image', source: from })
    else if (text === null)
      losses.drop('provider_items', 'a document holds what is neither a text nor a picture known here')
  }
  if (texts.length > 0 || media.length === 0) endText()
  const whole = extraOf({ ...fields, document_blocks: source, document_title: named.name })
  return media.map((one, at) => ({
    ...one,
    ...(at < media.length - 1 ? extraOf({ document_blocks: true }) : whole),
  }))
}

function readSource(source: JsonObject): MediaSource | null {
  const data = asText(source['data'])
  const mime = asText(source['media_type'])
  const url = asText(source['url'])
  const fileId = asText(source['file_id'])
  switch (source['type']) {
    case 'base64':
      return data === null || mime === null ? null : { from: 'data', mime, data }
    case 'text':
      return data === null
        ? null
        : { from: 'data', mime: mime ?? 'text/plain', data: Buffer.from(data, 'utf8').toString('base64') }
    case 'url':
      return url === null ? null : { from: 'url', url }
    case 'file':
      return fileId === null ? null : { from: 'file', fileId, protocol: PROTOCOL }
    default:
      return null
  }
}

/** Addresses of pictures and PDFs have a place; what another file holds must be known to be written. */
export function needsBytes({ media, source }: Media): boolean {
  return source.from === 'url' && media === 'file'
}

/** The block for it; null where it goes along inside another one. */
export function writeMedia(media: Media, losses: LossReport): Record<string, unknown> | null {
  const { context, citations, document_blocks: whole, document_title: title } = ownExtra(media.extra)
  if (whole === true) return null
  if (media.detail !== undefined && media.detail !== 'auto')
    losses.drop('image_detail', 'images are read in one way only')
  if (media.media === 'audio' || media.media === 'video') {
    throw new CannotCross(media.media, `The model asked for takes no ${media.media}. Send a transcript or images.`)
  }
  if (media.media === 'image' && whole === undefined) {
    if (media.name !== undefined) losses.drop('filename', 'images have no names here')
    return { type: 'image', source: writeImageSource(media.source) }
  }
  return {
    type: 'document',
    source: whole ?? writeDocumentSource(media.source),
    ...writeTitle(whole === undefined ? media.name : title),
    ...(context === undefined ? {} : { context }),
    ...(citations === undefined ? {} : { citations }),
  }
}

function writeTitle(title: unknown): Record<string, unknown> {
  return title === undefined ? {} : { title }
}

function writeImageSource(source: MediaSource): Record<string, unknown> {
  if (source.from !== 'data') return writeReference(source)
  const mime = source.mime === 'image/jpg' ? 'image/jpeg' : source.mime
  if (!IMAGE_TYPES.has(mime)) {
    throw new CannotCross('image', `Images of type ${mime} are not taken here. Send JPEG, PNG, GIF or WebP.`)
  }
  return { type: 'base64', media_type: mime, data: source.data }
}

function writeDocumentSource(source: MediaSource): Record<string, unknown> {
  if (source.from !== 'data') return writeReference(source)
  const { mime, data } = source
  if (mime === 'application/pdf') return { type: 'base64', media_type: mime, data }
  if (isTextType(mime)) {
    return { type: 'text', media_type: 'text/plain', data: Buffer.from(data, 'base64').toString('utf8') }
  }
  throw new CannotCross('file', `Files of type ${mime} are not taken here. Send text or a PDF.`)
}

function writeReference(source: Exclude<MediaSource, { from: 'data' }>): Record<string, unknown> {
  if (source.from === 'url') return { type: 'url', url: requireAddress(source.url) }
  if (source.protocol === PROTOCOL) return { type: 'file', file_id: source.fileId }
  throw new CannotCross('file_id', `The file ${source.fileId} is stored at another provider. Send its content.`)
}
