// Pictures, sound and files, in the shapes of this dialect and in those that clients mix in from other ones.
import type { MediaKind, MediaSource } from '../canonical.ts'
import { CannotCross, type LossReport } from '../codec.ts'
import { mediaKindOf, requireAddress } from '../media-types.ts'
import { asObject, asText, type JsonObject } from '../read.ts'
import { isTextType, textOfFile } from '../text-files.ts'
import { CHAT } from './names.ts'

export interface Media {
  readonly media: MediaKind
  readonly source: MediaSource
  readonly name?: string
  readonly detail?: string
}

const AUDIO_TYPES: Readonly<Record<string, string>> = { mp3: 'audio/mpeg', m4a: 'audio/mp4' }
const AUDIO_FORMATS: Readonly<Record<string, string>> = {
  'audio/mpeg': 'mp3',
  'audio/mp3': 'mp3',
  'audio/mp4': 'm4a',
  'audio/x-wav': 'wav',
  'audio/wave': 'wav',
}

/** Only pictures have a place for an address; what a client wrote in this dialect is its server's to judge. */
export function needsBytes({ media, source }: Media, { origin }: { readonly origin: string }): boolean {
  return source.from === 'url' && origin !== CHAT && (media === 'pdf' || media === 'file' || media === 'audio')
}

/** The media in a content part of any known shape; null for a part that is none. */
export function readMedia(part: JsonObject): Media | null {
  switch (part['type']) {
    case 'image_url':
    case 'input_image':
      return readImage(part)
    case 'video_url':
      return readAddress(part['video_url'], 'video')
    case 'document_url':
      return readAddress(part['document_url'], 'pdf')
    case 'input_audio':
      return readAudio(asObject(part['input_audio']) ?? part)
    case 'file':
    case 'input_file':
      return readFile(asObject(part['file']) ?? part)
    case 'image':
    case 'document':
      return readBlock(part)
    default:
      return null
  }
}

function readImage(part: JsonObject): Media | null {
  const image = part['image_url']
  const detail = asText(asObject(image)?.['detail']) ?? asText(part['detail'])
  const said = detail === null ? {} : { detail }
  const fileId = asText(part['file_id'])
  if (fileId !== null) return { media: 'image', source: { from: 'file', fileId, protocol: CHAT }, ...said }
  const media = readAddress(image, 'image')
  return media && { ...media, ...said }
}

function readAddress(value: unknown, kind: MediaKind): Media | null {
  const url = asText(value) ?? asText(asObject(value)?.['url'])
  if (url === null) return null
  const source = readUrl(url)
  // A data URL says itself what it holds: PDFs come as `image_url`.
  return { media: source.from === 'data' ? mediaKindOf(source.mime) : kind, source }
}

function readAudio(audio: JsonObject): Media | null {
  const data = asText(audio['data'])
  if (data === null) return null
  if (/^(?:data|https?):/.test(data)) return { media: 'audio', source: readUrl(data) }
  const format = asText(audio['format']) ?? 'wav'
  return { media: 'audio', source: { from: 'data', mime: AUDIO_TYPES[format] ?? `audio/${format}`, data } }
}

function readFile(file: JsonObject): Media | null {
  const name = asText(file['filename']) ?? asText(file['name'])
  const named = name === null ? {} : { name }
  const fileId = asText(file['file_id'])
  if (fileId !== null) return { media: 'file', source: { from: 'file', fileId, protocol: CHAT }, ...named }
  const data = asText(file['file_data']) ?? asText(file['file_url'])
  if (data === null) return null
  const source: MediaSource = /^(?:data|https?):/.test(data)
    ? readUrl(data)
    : { from: 'data', mime: 'application/pdf', data }
  return { media: source.from === 'data' ? mediaKindOf(source.mime) : 'pdf', source, ...named }
}

// An Anthropic block on /v1/chat/completions.
function readBlock(part: JsonObject): Media | null {
  const source = asObject(part['source'])
  const kind: MediaKind = part['type'] === 'image' ? 'image' : 'pdf'
  const name = asText(part['title'])
  const named = name === null ? {} : { name }
  const url = asText(source?.['url'])
  if (url !== null) return { media: kind, source: { from: 'url', url }, ...named }
  const data = asText(source?.['data'])
  if (data === null) return null
  const mime = asText(source?.['media_type']) ?? (kind === 'image' ? 'image/png' : 'text/plain')
  const base64 = source?.['type'] === 'text' ? Buffer.from(data, 'utf8').toString('base64') : data
  return { media: mediaKindOf(mime), source: { from: 'data', mime, data: base64 }, ...named }
}

/** What an address stands for; a data URL is its content. */
export function readUrl(url: string): MediaSource {
  const comma = url.startsWith('data:') ? url.indexOf(',') : -1
  if (comma === -1) return { from: 'url', url }
  const head = url.slice(5, comma)
  const mime = head.split(';')[0]!.toLowerCase() || 'text/plain'
  const data = url.slice(comma + 1)
  if (/;base64$/i.test(head)) return { from: 'data', mime, data }
  return { from: 'data', mime, data: Buffer.from(decodePercent(data), 'utf8').toString('base64') }
}

function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    if (error instanceof URIError) return text
    throw error
  }
}

/** The content part for it. `native`: the client wrote this dialect, so what it used its server takes. */
export function writeMedia(
  media: Media,
  { native, losses }: { readonly native: boolean; readonly losses: LossReport },
): Record<string, unknown> {
  const { source, name, detail } = media
  const isFile = media.media === 'pdf' || media.media === 'file'
  if (name !== undefined && !isFile) losses.drop('filename', 'only files have names here')
  if (detail !== undefined && media.media !== 'image') losses.drop('image_detail', 'files have none')
  if (source.from === 'file') return writeStored(media, source.fileId, source.protocol)
  const address = source.from !== 'url' || native ? undefined : requireAddress(source.url)
  const url = source.from === 'url' ? (address ?? source.url) : `data:${source.mime};base64,${source.data}`
  switch (media.media) {
    case 'image':
      return { type: 'image_url', image_url: { url, ...(detail === undefined ? {} : { detail }) } }
    case 'audio':
      if (source.from === 'url') throw new CannotCross('audio', 'Sound by address is not taken here. Send its bytes.')
      return {
        type: 'input_audio',
        input_audio: { data: source.data, format: AUDIO_FORMATS[source.mime] ?? source.mime.replace(/^audio\//, '') },
      }
    case 'video':
      if (!native) throw new CannotCross('video', 'The model asked for takes no video. Send images or a transcript.')
      return { type: 'video_url', video_url: { url } }
    case 'pdf':
    case 'file':
      if (!native && source.from === 'url') {
        throw new CannotCross('document', 'Files by address are not taken here. Send the file as base64.')
      }
      if (!native && source.from === 'data' && isTextType(source.mime)) {
        return { type: 'text', text: textOfFile(name, source.data) }
      }
      return { type: 'file', file: { ...fileName(media, native), file_data: url } }
  }
}

function writeStored(media: Media, fileId: string, protocol: string | undefined): Record<string, unknown> {
  if (protocol !== CHAT) {
    throw new CannotCross('file_id', `The file "${fileId}" is stored at another provider. Send its content.`)
  }
  return { type: 'file', file: { file_id: fileId, ...(media.name === undefined ? {} : { filename: media.name }) } }
}

// OpenAI wants a name beside a file's bytes.
function fileName({ name, media }: Media, native: boolean): Record<string, unknown> {
  if (name !== undefined) return { filename: name }
  return native ? {} : { filename: media === 'pdf' ? 'document.pdf' : 'document' }
}
