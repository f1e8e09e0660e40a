// What routing may ask of a request, whatever its dialect: does it bring tools or pictures, does it name what an
// account stores, and with which words did the conversation begin? Read from the parsed body, only where several models
// come into question.
import { asObject, asText, type JsonObject } from './read.ts'
import { namesStoredThings } from './stored-references.ts'

export interface RequestFacts {
  readonly hasTools: boolean
  readonly hasImages: boolean
  readonly namesStoredThings: boolean
  /** The first thing the user said, as JSON; the same on every turn of a conversation. Empty where there is none. */
  readonly firstWords: string
  /** The model has answered before. */
  readonly isContinued: boolean
  /** What the client itself calls the conversation. */
  readonly cacheKey: string | null
}

const UNREADABLE: RequestFacts = {
  hasTools: false,
  hasImages: false,
  namesStoredThings: true,
  firstWords: '',
  isContinued: false,
  cacheKey: null,
}

/** `body`: a parsed request of any dialect; one that cannot be read counts as naming stored things. */
export function readRequestFacts(body: unknown): RequestFacts {
  const object = asObject(body)
  if (!object) return UNREADABLE
  return {
    hasTools: ['tools', 'functions'].map((name) => object[name]).some((list) => Array.isArray(list) && list.length > 0),
    hasImages: TURNS.some((name) => showsImage(object[name])),
    namesStoredThings: namesStoredThings(object),
    firstWords: readFirstWords(object),
    isContinued: turnsOf(object).some((turn) => MODEL_ROLES.has(asObject(turn)?.['role'])),
    cacheKey: asText(object['prompt_cache_key']),
  }
}

/** Where the turns of a conversation stand, by dialect. */
const TURNS = ['messages', 'input', 'contents'] as const
const IMAGE_TYPES: ReadonlySet<unknown> = new Set(['image', 'image_url', 'input_image', 'computer_screenshot'])
const MEDIA: ReadonlySet<string> = new Set(['inlineData', 'inline_data', 'fileData', 'file_data'])
/** Arguments of calls are the user's own data, whatever they are called inside. */
const OWN_DATA: ReadonlySet<string> = new Set(['args', 'arguments', 'metadata'])

function showsImage(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(showsImage)
  const object = asObject(value)
  if (!object) return false
  const type = object['type']
  if (IMAGE_TYPES.has(type)) return true
  return Object.entries(object).some(([name, child]) => {
    if (OWN_DATA.has(name) || (type === 'tool_use' && name === 'input')) return false
    return (MEDIA.has(name) && isImage(asObject(child))) || showsImage(child)
  })
}

function isImage(media: JsonObject | null): boolean {
  return (asText(media?.['mimeType']) ?? asText(media?.['mime_type']) ?? '').startsWith('image/')
}

const MODEL_ROLES: ReadonlySet<unknown> = new Set(['assistant', 'model'])

function turnsOf(object: JsonObject): readonly unknown[] {
  const turns = TURNS.map((name) => object[name]).find((value) => value !== undefined)
  return Array.isArray(turns) ? turns : turns === undefined ? [] : [turns]
}

function readFirstWords(object: JsonObject): string {
  const turns = turnsOf(object)
  const first = turns.find((turn) => (asText(asObject(turn)?.['role']) ?? 'user') === 'user') ?? turns[0]
  return first === undefined ? '' : JSON.stringify(first)
}
