// What a file is: by its first bytes where they tell, else by what its server says of it.
import type { MediaKind } from './canonical.ts'
import { CannotCross } from './codec.ts'

/** Known beginnings: text at a place, and what it means. */
const BEGINNINGS: readonly (readonly [mime: string, ...parts: readonly (readonly [at: number, text: string])[]])[] = [
  ['image/png', [0, '\x89PNG\r\n\x1a\n']],
  ['image/jpeg', [0, '\xff\xd8\xff']],
  ['image/gif', [0, 'GIF8']],
  ['image/webp', [0, 'RIFF'], [8, 'WEBP']],
  ['image/heic', [4, 'ftyphei']],
  ['image/heic', [4, 'ftypmif1']],
  ['application/pdf', [0, '%PDF-']],
  ['audio/wav', [0, 'RIFF'], [8, 'WAVE']],
  ['audio/mpeg', [0, 'ID3']],
  ['audio/mpeg', [0, '\xff\xfb']],
  ['audio/flac', [0, 'fLaC']],
  ['audio/ogg', [0, 'OggS']],
  ['audio/mp4', [4, 'ftypM4A']],
  ['video/quicktime', [4, 'ftypqt']],
  ['video/mp4', [4, 'ftyp']],
  ['video/webm', [0, '\x1a\x45\xdf\xa3']],
]
const TOLD_BY_BYTES: ReadonlySet<string> = new Set(BEGINNINGS.map(([mime]) => mime))
const UNKNOWN = 'application/octet-stream'

export function mediaKindOf(mime: string): MediaKind {
  const [family] = mime.toLowerCase().split('/')
  if (family === 'image' || family === 'audio' || family === 'video') return family
  return /^application\/pdf\b/i.test(mime) ? 'pdf' : 'file'
}

/** The type of a file that came with this `content-type`, lower case and without parameters. */
export function readMediaType(bytes: Buffer, header: string): string {
  const head = bytes.subarray(0, 64).toString('latin1')
  const found = BEGINNINGS.find(([, ...parts]) => parts.every(([at, text]) => head.startsWith(text, at)))
  if (found) return found[0]
  if (/^\s*<(?:!doctype html|html)\b/i.test(head)) return 'text/html'
  const said = header.split(';')[0]!.trim().toLowerCase()
  // Whoever says PNG and sends something else is not believed.
  return said === '' || TOLD_BY_BYTES.has(said) ? UNKNOWN : said
}

/** Does a file of this type serve where such a medium is asked for? An address of a document may lead to a text. */
export function fitsKind(kind: MediaKind, mime: string): boolean {
  switch (kind) {
    case 'image':
      return mime.startsWith('image/') || mime === 'application/pdf'
    case 'pdf':
      return mime === 'application/pdf' || (mime.startsWith('text/') && mime !== 'text/html')
    case 'audio':
    case 'video':
      return mime.startsWith(`${kind}/`)
    case 'file':
      return mime !== UNKNOWN
  }
}

const LONGEST_NAMED = 60

/** Refuses what stands in the place of an address and is none, for who would send it to a provider as one. */
export function requireAddress(url: string): string {
  if (/^https?:\/\/./i.test(url)) return url
  const named = url.length > LONGEST_NAMED ? `${url.slice(0, LONGEST_NAMED).toWellFormed()}…` : url
  throw new CannotCross(
    'messages',
    `"${named}" is no address. Send one that begins with https://, or a data URL.`,
    'bad_request',
  )
}
