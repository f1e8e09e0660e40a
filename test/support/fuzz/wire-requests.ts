// Raw requests for a running server, as text with `{{…}}` where a secret, an id or a length belongs, so that an input
// can be kept and tried again at any server: heads of all kinds, bodies of every dialect, and every address of the
// management API with a body made from its published schema.
import type { Random } from '../random.ts'
import { createMutator } from './mutator.ts'
import { readCorpus } from './target.ts'

type Json = Record<string, unknown>

interface Operation {
  readonly method: string
  readonly path: string
  readonly schema: Json | null
}

/** Members in which a secret belongs: they are filled after everything else was changed. */
const SECRET_MEMBERS: Readonly<Record<string, string>> = {
  api_key: '{{KEY}}',
  password: '{{PASSWORD}}',
  current_password: '{{PASSWORD}}',
  new_password: '{{PASSWORD}}',
}
const HEAD_WORDS = [
  'Host: x\r\n',
  'Authorization: Bearer {{API}}\r\n',
  'x-api-key: {{API}}\r\n',
  'x-goog-api-key: {{API}}\r\n',
  'Content-Length: 0\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding: gzip, chunked\r\n',
  'Connection: close\r\n',
  'Connection: authorization\r\n',
  'Expect: 100-continue\r\n',
  'Upgrade: websocket\r\n',
  'Content-Encoding: gzip\r\n',
  'X-Forwarded-For: 127.0.0.1\r\n',
  'x-uniroute-key: pk_0\r\n',
  'x-uniroute-fallback: never\r\n',
  'x-request-id: \u0001é\r\n',
  '__proto__: x\r\n',
  '?key={{API}}',
  '/../',
  '%2e%2e/',
  '//',
  '\r\n\r\n',
  '\n',
  '\0',
  ' HTTP/1.0',
]
const DATA_PATHS: readonly (readonly [dialect: string, path: string])[] = [
  ['openai-chat', '/v1/chat/completions'],
  ['openai-responses', '/v1/responses'],
  ['anthropic-messages', '/v1/messages'],
  ['anthropic-messages', '/v1/messages/count_tokens'],
  ['gemini', '/v1beta/models/gemini-3.5-flash:generateContent'],
  ['gemini', '/v1beta/models/gemini-3.5-flash:streamGenerateContent?alt=sse'],
  ['gemini', '/v1beta/models/claude-sonnet-5:generateContent'],
  ['uniroute-chat', '/v1/chat'],
  ['uniroute-chat', '/v1/chat/stream'],
]
const MODELS = ['gpt-4o', 'gpt-5', 'claude-sonnet-5', 'gemini-3.5-flash', 'nothing-of-the-kind']
const READ_PATHS = [
  '/v1/models',
  '/v1beta/models',
  '/auth/profile',
  '/health',
  '/metrics',
  '/admin/usage?from=2026-01-01',
  '/openapi.json',
]
/** Would end the run or the accounts it needs, or take what others need. */
const LEFT_OUT = /^\/(?:auth\/(?:logout|setup)|admin\/(?:encryption|sign-in))/

/** Requests without end, drawn from `random`. */
export function createWireRequests(random: Random, openapi: Json): () => string {
  const pick = <Item>(items: readonly Item[]): Item => items[random.below(items.length)]!
  const operations = readOperations(openapi)
  const heads = READ_PATHS.map((path) =>
    Buffer.from(writeRequest('GET', path, ['Authorization: Bearer {{API}}'], null), 'latin1'),
  )
  const bodies = new Map(
    DATA_PATHS.map(([dialect]) => [dialect, readCorpus(`request-${dialect}`).map(({ input }) => input)]),
  )
  const everyBody = [...bodies.values()].flat()
  const headMutator = createMutator(random, HEAD_WORDS, heads)
  const bodyMutator = createMutator(
    random,
    ['gpt-4o', 'claude-sonnet-5', 'user', 'tool', 'true', '2026-01-01', 'never', 'USD'],
    everyBody,
  )

  function makeData(): string {
    const [dialect, path] = pick(DATA_PATHS)
    const body = pick(bodies.get(dialect)!)
    const named = path.includes('/models/')
      ? body
      : Buffer.from(
          JSON.stringify({
            ...(JSON.parse(body.toString('utf8')) as Json),
            model: pick(MODELS),
            stream: random.chance(0.5),
          }),
        )
    const changed = random.chance(0.1) ? named : bodyMutator.mutate(named, 'json')
    return writeRequest(
      'POST',
      path,
      ['Authorization: Bearer {{API}}', 'Content-Type: application/json'],
      changed.toString('latin1'),
    )
  }

  function makeControl(): string {
    const { method, path, schema } = pick(operations)
    const address = path.replaceAll(/\{\w+\}/g, () =>
      pick(['{{ID}}', '{{KEYID}}', '{{APIKEYID}}', 'openai', 'x', '0', '%00', 'pk_01K00000000000000000000000']),
    )
    const query = random.chance(0.2)
      ? `?${pick(['limit', 'cursor', 'from', 'to', 'model', 'q'])}=${pick(['-1', '1e9', '2026-02-30', '%ff', '0.0', 'x'])}`
      : ''
    const head = ['Authorization: Bearer {{TOKEN}}', 'Content-Type: application/json']
    if (schema === null) return writeRequest(method, address + query, head.slice(0, 1), null)
    const sample = Buffer.from(JSON.stringify(makeSample(schema, openapi, random)))
    const body = random.chance(0.2) ? sample : bodyMutator.mutate(sample, 'json')
    return writeRequest(method, address + query, head, fillSecrets(body).toString('latin1'))
  }

  return () => {
    const kind = random.below(10)
    if (kind < 3) return makeData()
    if (kind < 7) return makeControl()
    const whole = Buffer.from(
      kind === 7 ? makeData() : kind === 8 ? makeControl() : pick(heads).toString('latin1'),
      'latin1',
    )
    const end = whole.indexOf('\r\n\r\n') + 4
    const head = headMutator.mutate(whole.subarray(0, end), 'bytes')
    return Buffer.concat([head, whole.subarray(end)]).toString('latin1')
  }
}

function writeRequest(method: string, path: string, head: readonly string[], body: string | null): string {
  const length = body === null ? [] : ['Content-Length: {{LENGTH}}']
  return [`${method} ${path} HTTP/1.1`, 'Host: 127.0.0.1', ...head, ...length, '', body ?? ''].join('\r\n')
}

function fillSecrets(body: Buffer): Buffer {
  try {
    const value = JSON.parse(body.toString('utf8')) as unknown
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return body
    const filled = Object.entries(value).map(([name, old]) => [
      name,
      typeof old === 'string' ? (SECRET_MEMBERS[name] ?? old) : (old as unknown),
    ])
    return Buffer.from(JSON.stringify(Object.fromEntries(filled)))
  } catch (error) {
    if (error instanceof SyntaxError) return body
    throw error
  }
}

function readOperations(openapi: Json): Operation[] {
  return Object.entries(openapi['paths'] as Record<string, Record<string, Json>>).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, operation]) => {
      if (LEFT_OUT.test(path) || path.startsWith('/v1')) return []
      const content = (operation['requestBody'] as { content?: Record<string, { schema?: Json }> } | undefined)?.content
      return [{ method: method.toUpperCase(), path, schema: content?.['application/json']?.schema ?? null }]
    }),
  )
}

/** Something that the schema describes. */
function makeSample(schema: Json, root: Json, random: Random, depth = 0): unknown {
  const inner = (one: unknown): unknown => makeSample((one ?? {}) as Json, root, random, depth + 1)
  if (typeof schema['$ref'] === 'string') {
    const found = schema['$ref']
      .slice(2)
      .split('/')
      .reduce<unknown>((value, name) => (value as Json)[name], root)
    return inner(found)
  }
  const choices = (schema['anyOf'] ?? schema['oneOf'] ?? schema['enum']) as unknown[] | undefined
  if (choices) {
    const chosen = choices[random.below(choices.length)]
    return schema['enum'] ? chosen : inner(chosen)
  }
  if ('const' in schema) return schema['const']
  switch (schema['type']) {
    case 'object':
      return Object.fromEntries(
        Object.entries((schema['properties'] ?? {}) as Json)
          .filter(() => depth < 6 && random.chance(0.8))
          .map(([name, value]) => [name, inner(value)]),
      )
    case 'array':
      return Array.from({ length: random.below(3) }, () => inner(schema['items']))
    case 'integer':
    case 'number':
      return Math.max(random.below(100), Number(schema['minimum'] ?? 0))
    case 'boolean':
      return random.chance(0.5)
    case 'null':
      return null
    default:
      return schema['format'] === 'email'
        ? `fuzz-${random.below(1e6)}@example.com`
        : schema['format'] === 'date-time'
          ? '2027-01-01T00:00:00Z'
          : ['x', 'openai', 'fuzz', 'user', '{{ID}}'][random.below(5)]
  }
}
