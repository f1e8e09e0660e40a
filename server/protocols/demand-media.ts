// What a request shows beside text. A picture costs by its size on the screen, not by its bytes, so it is counted and
// its bytes are left out; sound counts by its bytes, which are always more than its tokens; a document or film may
// unfold to any length, and what is named by its address may be anything.
// Only what stands where a model looks counts: arguments of calls and schemas are the user's own data, and text.
import { asObject, asText, type JsonObject } from './read.ts'

export interface MediaFound {
  pictures: number
  /** Bytes of the body that are pictures. */
  pictureBytes: number
  isUnsized: boolean
  bringsMedia: boolean
}

/** Where models look, by dialect. */
const SHOWN =
  'messages input contents content requests instances system systemInstruction system_instruction instructions'.split(
    ' ',
  )
const PICTURES: ReadonlySet<unknown> = new Set(['image', 'image_url', 'input_image', 'computer_screenshot'])
const DOCUMENTS: ReadonlySet<unknown> = new Set(
  'document document_url file input_file video video_url input_video audio audio_url media'.split(' '),
)
const OWN_DATA: ReadonlySet<string> = new Set(['args', 'arguments', 'metadata', 'response', 'input_schema'])
const INLINE = ['inlineData', 'inline_data'] as const
const BY_ADDRESS = ['fileData', 'file_data'] as const

export function findMedia(body: JsonObject): MediaFound {
  const found: MediaFound = { pictures: 0, pictureBytes: 0, isUnsized: false, bringsMedia: false }
  for (const name of SHOWN) look(body[name], found)
  return found
}

function look(value: unknown, found: MediaFound): void {
  if (Array.isArray(value)) return value.forEach((entry) => look(entry, found))
  const object = asObject(value)
  if (!object) return
  const type = object['type']
  if (PICTURES.has(type)) return takePicture(object, found)
  // A picture that the model made, shown to it again.
  if (type === 'image_generation_call') return takePicture(object, found)
  if (DOCUMENTS.has(type)) return takeDocument(object, found)
  if (type === 'input_audio') found.bringsMedia = true
  if (takeBlobs(object, found)) return
  for (const [name, child] of Object.entries(object)) {
    const isOwn = OWN_DATA.has(name) || (name === 'input' && (type === 'tool_use' || type === 'server_tool_use'))
    if (!isOwn) look(child, found)
  }
}

function takePicture(picture: JsonObject, found: MediaFound): void {
  found.bringsMedia = true
  found.pictures++
  const source = asObject(picture['source'])
  const address = asObject(picture['image_url'])?.['url'] ?? picture['image_url']
  const data = [source?.['data'], picture['data'], picture['result'], address].find((text) => typeof text === 'string')
  // An address is short, and text to no model.
  found.pictureBytes += asText(data)?.length ?? 0
}

function takeDocument(document: JsonObject, found: MediaFound): void {
  found.bringsMedia = true
  const source = asObject(document['source'])
  const file = asObject(document['file']) ?? document
  const inside = asText(file['file_data']) ?? asText(file['fileData'])
  if (source?.['type'] === 'text') return
  if (source?.['type'] === 'content') return look(source['content'], found)
  if (!inside?.startsWith('data:text/')) found.isUnsized = true
}

/** Gemini's parts say of what kind they are by their name. */
function takeBlobs(part: JsonObject, found: MediaFound): boolean {
  const inline = INLINE.map((name) => asObject(part[name])).find((blob) => blob !== null)
  const address = BY_ADDRESS.map((name) => asObject(part[name])).find((blob) => blob !== null)
  const blob = inline ?? address
  if (!blob) return false
  const mime = asText(blob['mimeType']) ?? asText(blob['mime_type']) ?? ''
  found.bringsMedia = true
  if (mime.startsWith('image/')) {
    found.pictures++
    found.pictureBytes += asText(blob['data'])?.length ?? 0
  } else if (!inline || !/^(?:text|audio)\//.test(mime)) {
    found.isUnsized = true
  }
  return true
}
