// Pictures, sound and files in Gemini's two shapes: bytes with a type, and an address. An address in Google's own file
// store is a file of the account; any other is one on the web.
import type { MediaKind, MediaSource } from '../canonical.ts'
import { CannotCross } from '../codec.ts'
import { asText, type JsonObject } from '../read.ts'
import { field, GEMINI } from './fields.ts'
import { mediaKindOf } from '../media-types.ts'
import { standardBase64 } from './signature.ts'

export interface Media {
  readonly media: MediaKind
  readonly source: MediaSource
  readonly name?: string
}

const GOOGLE_FILE = /^(?:gs:\/\/|files\/|https:\/\/generativelanguage\.googleapis\.com\/)/
const VIDEO_PAGE = /^https?:\/\/(?:[\w-]+\.)?(?:youtube\.com|youtu\.be)\//

const TYPES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    png: 'image/png',
    jpg: 'image/jpeg',
    jpeg: 'image/jpeg',
    gif: 'image/gif',
    webp: 'image/webp',
    heic: 'image/heic',
    pdf: 'application/pdf',
    txt: 'text/plain',
    csv: 'text/csv',
    html: 'text/html',
    mp3: 'audio/mp3',
    wav: 'audio/wav',
    mp4: 'video/mp4',
    mov: 'video/mov',
    webm: 'video/webm',
  }),
)

/**
 * The bytes behind an address on the web are sent instead of it. Its own store and videos of YouTube it reads itself.
 */
export function needsBytes({ source }: Pick<Media, 'source'>, { origin }: { readonly origin: string }): boolean {
  return source.from === 'url' && origin !== GEMINI && !VIDEO_PAGE.test(source.url) && !GOOGLE_FILE.test(source.url)
}

export function readInlineData(blob: JsonObject): Media | null {
  const data = asText(field(blob, 'data'))
  if (data === null) return null
  const mime = asText(field(blob, 'mimeType')) ?? 'application/octet-stream'
  const name = asText(field(blob, 'displayName'))
  const source: MediaSource = { from: 'data', mime, data: standardBase64(data) }
  return { media: mediaKindOf(mime), source, ...(name === null ? {} : { name }) }
}

export function readFileData(file: JsonObject): Media | null {
  const uri = asText(field(file, 'fileUri'))
  if (uri === null) return null
  const mime = asText(field(file, 'mimeType'))
  const name = asText(field(file, 'displayName'))
  const said = mime === null ? {} : { mime }
  const source: MediaSource = GOOGLE_FILE.test(uri)
    ? { from: 'file', fileId: uri, protocol: GEMINI, ...said }
    : { from: 'url', url: uri, ...said }
  const guessed = mime ?? (VIDEO_PAGE.test(uri) ? 'video/mp4' : typeOfPath(uri))
  return { media: guessed === undefined ? 'file' : mediaKindOf(guessed), source, ...(name === null ? {} : { name }) }
}

/** The part for a medium; `named` where a name has a slot (in the parts of a tool result). */
export function writeMedia({ media, source, name }: Media, named: boolean): Record<string, unknown> {
  const label = named && name !== undefined ? { displayName: name } : {}
  if (source.from === 'data') return { inlineData: { mimeType: source.mime, data: source.data, ...label } }
  if (source.from === 'url') {
    const guessed =
      typeOfPath(source.url) ?? (media === 'image' ? 'image/jpeg' : media === 'pdf' ? 'application/pdf' : null)
    const mime = source.mime ?? (VIDEO_PAGE.test(source.url) ? null : guessed)
    return { fileData: { ...(mime === null ? {} : { mimeType: mime }), fileUri: source.url, ...label } }
  }
  const { fileId, protocol, mime } = source
  if (protocol !== GEMINI && !(protocol === undefined && GOOGLE_FILE.test(fileId))) {
    throw new CannotCross(
      'file_id',
      `The file "${fileId}" is stored at another provider. Send its content, or name a model of that provider.`,
    )
  }
  return { fileData: { ...(mime === undefined ? {} : { mimeType: mime }), fileUri: fileId, ...label } }
}

function typeOfPath(url: string): string | undefined {
  const extension = /\.([a-z0-9]+)(?:[?#]|$)/i.exec(url)?.[1]?.toLowerCase()
  return extension === undefined ? undefined : TYPES.get(extension)
}
