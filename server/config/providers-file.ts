// The operator's own list of further providers: PROVIDERS_FILE, a JSON list.
// Invariant: an entry can name only an environment variable made for it as its key, never one of UniRoute's own
// secrets, which would otherwise travel to that provider. Names are upper-case only, so that a key pasted there is not
// taken for one.
import { readFileSync } from 'node:fs'
import { type Endpoint, parseEndpoint } from './endpoint.ts'
import { errorCode } from './environment.ts'
import { WrongValue } from './wrong-value.ts'

export interface ConfiguredProvider {
  /** Models are asked for as `<id>/<model>`. */
  readonly id: string
  readonly name: string
  readonly endpoint: Endpoint
  /** The variable that holds the server's key for it. */
  readonly apiKeyEnv: string | null
  /** The name of its API or of its peculiarities; its host tells where there is none. */
  readonly dialect: string | null
  /** May users bring keys of their own for it? */
  readonly userKeys: boolean
}

/** Ids that mean something else: built-in providers, and words that stand where a provider's id may stand. */
const RESERVED_IDS = new Set(
  'openai anthropic google ollama vllm custom system server provider models tunedmodels test'.split(' '),
)
const ID = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/
const FIELDS = new Set(['id', 'name', 'base_url', 'api_key_env', 'dialect', 'user_keys'])

/** Reads and checks the list. `forbiddenKeys` are the names of UniRoute's own secrets. */
export function readProvidersFile(path: string, forbiddenKeys: ReadonlySet<string>): ConfiguredProvider[] {
  const list = readJson(path)
  if (!Array.isArray(list))
    throw new WrongValue('the file must hold a JSON list: [{"id": …, "name": …, "base_url": …}]')
  const seen = new Set<string>()
  return list.map((entry: unknown, index) => {
    const provider = readProvider(entry, index, forbiddenKeys)
    if (seen.has(provider.id)) throw new WrongValue(`two entries have the id "${provider.id}"; ids must differ`)
    seen.add(provider.id)
    return provider
  })
}

function readJson(path: string): unknown {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new WrongValue(`the file cannot be read (${errorCode(error)})`)
  }
  try {
    return JSON.parse(text)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    // The parser's own message quotes the file, which may hold a key pasted in the wrong place.
    throw new WrongValue('the file is not valid JSON')
  }
}

function readProvider(entry: unknown, index: number, forbiddenKeys: ReadonlySet<string>): ConfiguredProvider {
  const refuse = (problem: string): never => {
    throw new WrongValue(`entry ${index + 1}: ${problem}`)
  }
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
    return refuse(
      'it must be an object such as {"id": "groq", "name": "Groq", "base_url": "https://api.groq.com/openai"}',
    )
  }
  const fields = new Map(Object.entries(entry))
  for (const field of fields.keys()) {
    if (!FIELDS.has(field)) refuse(`it has an unknown field; known are ${[...FIELDS].join(', ')}`)
  }
  const id = fields.get('id')
  if (typeof id !== 'string' || !ID.test(id) || id.length > 40) {
    return refuse(
      '"id" must be lower-case letters, digits and single hyphens, begin with a letter, and have at most 40',
    )
  }
  if (RESERVED_IDS.has(id)) return refuse(`the id "${id}" is taken by UniRoute itself; choose another`)
  const name = fields.get('name')
  if (typeof name !== 'string' || name.trim() === '' || name.length > 80) {
    return refuse('"name" must be a text of 1 to 80 characters')
  }
  return {
    id,
    name: name.trim(),
    endpoint: readBaseUrl(fields.get('base_url'), refuse),
    apiKeyEnv: readApiKeyEnv(fields.get('api_key_env'), forbiddenKeys, refuse),
    dialect: readDialect(fields.get('dialect'), refuse),
    userKeys: readUserKeys(fields.get('user_keys'), refuse),
  }
}

type Refuse = (problem: string) => never

/** With a version anywhere in its path the URL is complete; without one, the version of its API is put behind it. */
function readBaseUrl(value: unknown, refuse: Refuse): Endpoint {
  if (typeof value !== 'string') return refuse('"base_url" must be a URL such as https://api.groq.com/openai/v1')
  try {
    return parseEndpoint(value)
  } catch (error) {
    if (error instanceof WrongValue) return refuse(`"base_url": ${error.message}`)
    throw error
  }
}

function readApiKeyEnv(value: unknown, forbiddenKeys: ReadonlySet<string>, refuse: Refuse): string | null {
  if (value === undefined || value === null) return null
  if (typeof value !== 'string' || !/^[A-Z_][A-Z0-9_]{0,99}$/.test(value)) {
    return refuse('"api_key_env" must be the name of an environment variable such as GROQ_API_KEY, not the key itself')
  }
  if (forbiddenKeys.has(value)) {
    return refuse(`"api_key_env" names ${value}, a secret of UniRoute itself; give this provider a variable of its own`)
  }
  return value
}

function readDialect(value: unknown, refuse: Refuse): string | null {
  if (value === undefined || value === null) return null
  if (typeof value !== 'string' || !ID.test(value)) return refuse('"dialect" must be a name such as "mistral"')
  return value
}

function readUserKeys(value: unknown, refuse: Refuse): boolean {
  if (value === undefined) return true
  if (typeof value !== 'boolean') return refuse('"user_keys" must be true or false')
  return value
}
