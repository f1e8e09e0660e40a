// Images and files as the Responses API holds them, and back.
import type { CacheMark, MediaItem, MediaSource } from '../canonical.ts'
import { CannotCross, type RequestEncoding } from '../codec.ts'
import { requireAddress } from '../media-types.ts'
import { asObject, asText, type JsonObject } from '../read.ts'

export const OWN = 'openai-responses'

/** Both dialects of the vendor name files of one store. */
const SAME_STORE: ReadonlySet<string | undefined> = new Set([OWN, 'openai-chat'])

type Media = Pick<MediaItem, 'media' | 'source' | 'name' | 'detail'>

const DATA_URL = /^data:([^;,]*)(?:;[^,]*)?;base64,(.*)$/s

/** An `input_image`, `input_file` or `input_audio` part; null where it holds none of them. */
export function decodeMediaPart(part: JsonObject): Media | null {
  const detail = asText(part['detail'])
  const extra = detail === null ? {} : { detail }
  const fileId = asText(part['file_id'])
  const stored: MediaSource | null = fileId === null ? null : { from: 'file', fileId, protocol: OWN }
  if (part['type'] === 'input_image') {
    const source = sourceOf(asText(part['image_url']) ?? asText(asObject(part['image_url'])?.['url']), 'image/png')
    if (source) return { media: isPdf(source) ? 'pdf' : 'image', source, ...extra }
    return stored && { media: 'image', source: stored, ...extra }
  }
  if (part['type'] === 'input_audio') {
    const { data, format } = asObject(part['input_audio']) ?? {}
    return typeof data === 'string'
      ? { media: 'audio', source: { from: 'data', mime: `audio/${asText(format) ?? 'wav'}`, data } }
      : null
  }
  const name = asText(part['filename'])
  const named = { ...(name === null ? {} : { name }), ...extra }
  const data = asText(part['file_data'])
  if (data !== null) {
    const guess = name?.toLowerCase().endsWith('.pdf') === false ? 'application/octet-stream' : 'application/pdf'
    const source = DATA_URL.test(data) ? sourceOf(data, guess) : ({ from: 'data', mime: guess, data } as const)
    return source && { media: isPdf(source) ? 'pdf' : 'file', source, ...named }
  }
  const url = asText(part['file_url'])
  if (url !== null) {
    const pdf = /\.pdf(?:[?#]|$)/i.test(url) || name?.toLowerCase().endsWith('.pdf')
    return { media: pdf ? 'pdf' : 'file', source: { from: 'url', url }, ...named }
  }
  return stored && { media: 'file', source: stored, ...named }
}

function sourceOf(url: string | null, fallbackMime: string): MediaSource | null {
  if (url === null) return null
  const match = DATA_URL.exec(url)
  if (!match) return { from: 'url', url }
  return { from: 'data', mime: match[1] === '' ? fallbackMime : match[1]!.toLowerCase(), data: match[2]! }
}

function isPdf(source: MediaSource): boolean {
  return source.from === 'data' && source.mime === 'application/pdf'
}

/** The part for an image or a file; refuses what the dialect has no place for. */
export function encodeMediaPart(media: Media, encoding: Pick<RequestEncoding, 'losses'>): Record<string, unknown> {
  if (media.media === 'audio' || media.media === 'video') {
    throw new CannotCross(
      media.media,
      `The model asked for takes no ${media.media}. Send text, or name a model that hears and sees.`,
    )
  }
  const { source } = media
  if (source.from === 'file' && !SAME_STORE.has(source.protocol)) {
    throw new CannotCross(
      'file_id',
      `The file "${source.fileId}" is stored at another provider. Send its content, or a URL, instead.`,
    )
  }
  if (media.media === 'image') {
    if (media.name !== undefined) encoding.losses.drop('filename', 'images have no names here')
    const detail = readDetail(media.detail, encoding)
    if (source.from === 'file') return { type: 'input_image', file_id: source.fileId, detail }
    return { type: 'input_image', image_url: urlOf(source), detail }
  }
  const detail = media.detail === undefined ? {} : { detail: media.detail }
  const name = media.name === undefined ? {} : { filename: media.name }
  if (source.from === 'file') return { type: 'input_file', file_id: source.fileId, ...name, ...detail }
  if (source.from === 'url') return { type: 'input_file', file_url: requireAddress(source.url), ...name, ...detail }
  const filename = media.name ?? (media.media === 'pdf' ? 'document.pdf' : 'file')
  return { type: 'input_file', filename, file_data: urlOf(source), ...detail }
}

function urlOf(source: Exclude<MediaSource, { from: 'file' }>): string {
  return source.from === 'url' ? requireAddress(source.url) : `data:${source.mime};base64,${source.data}`
}

function readDetail(detail: string | undefined, { losses }: Pick<RequestEncoding, 'losses'>): string {
  if (detail === undefined) return 'auto'
  if (['auto', 'low', 'high', 'original'].includes(detail)) return detail
  losses.drop('image_detail', `the provider knows no detail "${detail}"`)
  return 'auto'
}

const LONGER: Readonly<Record<string, string>> = { '5m': '30m', '1h': '12h' }

/** A cache breakpoint on a part; nothing where the model has none. */
export function encodeCacheMark(
  cache: CacheMark | undefined,
  { profile, losses }: Pick<RequestEncoding, 'profile' | 'losses'>,
): Record<string, unknown> {
  if (!cache) return {}
  if (!profile.cacheBreakpoints) {
    losses.drop('cache_control', 'the model takes no cache breakpoints')
    return {}
  }
  if (cache.ttl === undefined) return { prompt_cache_breakpoint: { mode: 'explicit' } }
  const ttl = LONGER[cache.ttl] ?? cache.ttl
  if (ttl !== cache.ttl) losses.approximate('cache_ttl', 'the provider knows 30m and 12h')
  return { prompt_cache_breakpoint: { mode: 'explicit', ttl } }
}

export function decodeCacheMark(part: JsonObject): { cache?: CacheMark } {
  const mark = asObject(part['prompt_cache_breakpoint'])
  if (!mark) return {}
  const ttl = asText(mark['ttl'])
  return { cache: ttl === null ? {} : { ttl } }
}
