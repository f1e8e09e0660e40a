// Does a request reach what an account stores at its provider: files, stored responses, conversations, caches, vector
// stores, containers, skills, tuned models? Such requests are for the caller's own keys only: with the operator's they
// would read the operator's things, and those of everybody else who was served by them.
// Members are looked for at any depth, in both spellings. What users themselves pass around (arguments of calls,
// schemas, metadata) is left out: a tool may well have a parameter called file_id.
import { asObject, asText } from './read.ts'

const IDS: ReadonlySet<string> = new Set(
  (
    'file_id fileId file_ids previous_response_id conversation prompt container container_id vector_store_ids ' +
    'cachedContent cached_content fileSearchStoreNames file_search_store_names'
  ).split(' '),
)
const FILE_URIS: ReadonlySet<string> = new Set(['fileUri', 'file_uri'])
/** Values of these are the user's own data, whatever they are called inside. */
const OWN_DATA: ReadonlySet<string> = new Set(
  (
    'metadata schema parameters parametersJsonSchema parameters_json_schema input_schema responseSchema ' +
    'response_schema responseJsonSchema response_json_schema args arguments'
  ).split(' '),
)

/** `body`: a parsed request of any dialect. */
export function namesStoredThings(body: unknown): boolean {
  return findStoredId(body) !== null
}

/** The id of the first stored thing that a request, or a part of one, names. */
export function findStoredId(value: unknown): string | null {
  if (Array.isArray(value)) return firstOf(value, findStoredId)
  const object = asObject(value)
  if (!object) return null
  const type = asText(object['type'])
  if (type === 'item_reference') return asText(object['id']) ?? ''
  // The vendor's own skills (`anthropic`) belong to nobody.
  if (type === 'custom' || type === 'skill_reference') {
    const skill = asText(object['skill_id'])
    if (skill !== null) return skill
  }
  const isCall = type === 'tool_use' || type === 'server_tool_use'
  return firstOf(Object.entries(object), ([name, inner]) => {
    if (OWN_DATA.has(name) || (isCall && name === 'input')) return null
    const id = IDS.has(name) ? readId(name, inner) : null
    if (id !== null) return id
    if (FILE_URIS.has(name) && typeof inner === 'string' && /(?:^|\/)files\//.test(inner)) return inner
    // What a function answered is the user's own as well.
    return name === 'functionResponse' || name === 'function_response' ? null : findStoredId(inner)
  })
}

function readId(name: string, value: unknown): string | null {
  if (typeof value === 'string') return value === '' || (name === 'container' && value === 'auto') ? null : value
  if (Array.isArray(value)) return value.find((entry) => typeof entry === 'string') ?? null
  const isHolder = name === 'conversation' || name === 'prompt' || name === 'container'
  return isHolder ? asText(asObject(value)?.['id']) : null
}

function firstOf<Entry>(entries: readonly Entry[], find: (entry: Entry) => string | null): string | null {
  for (const entry of entries) {
    const found = find(entry)
    if (found !== null) return found
  }
  return null
}

/** A model that belongs to an account: fine-tuned or tuned there. */
export function isAccountModel(model: string): boolean {
  return model.startsWith('ft:') || model.startsWith('tunedModels/')
}
