// Does a request reach what an account stores at its provider: files, stored responses, conversations, caches, vector
// stores, containers, tuned models? Such requests are for the caller's own keys only: with the operator's they would read
// the operator's things, and those of everybody else who was served by them.
// Members are looked for at any depth, in both spellings. What users themselves pass around (arguments of calls, schemas,
// metadata) is left out: a tool may well have a parameter called file_id.
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
  if (Array.isArray(body)) return body.some(namesStoredThings)
  const object = asObject(body)
  if (!object) return false
  const type = asText(object['type'])
  if (type === 'item_reference') return true
  const isCall = type === 'tool_use' || type === 'server_tool_use'
  return Object.entries(object).some(([name, value]) => {
    if (OWN_DATA.has(name) || (isCall && name === 'input')) return false
    if (IDS.has(name) && isId(name, value)) return true
    if (FILE_URIS.has(name) && typeof value === 'string' && /(?:^|\/)files\//.test(value)) return true
    // What a function answered is the user's own as well.
    return name !== 'functionResponse' && name !== 'function_response' && namesStoredThings(value)
  })
}

function isId(name: string, value: unknown): boolean {
  if (typeof value === 'string') return value !== '' && !(name === 'container' && value === 'auto')
  if (Array.isArray(value)) return value.some((entry) => typeof entry === 'string')
  const id = asText(asObject(value)?.['id'])
  return id !== null && (name === 'conversation' || name === 'prompt' || name === 'container')
}

/** A model that belongs to an account: fine-tuned or tuned there. */
export function isAccountModel(model: string): boolean {
  return model.startsWith('ft:') || model.startsWith('tunedModels/')
}
