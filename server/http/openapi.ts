// The OpenAPI 3.1 document, made from the route table itself, so that it can neither miss an address nor name one that
// does not exist. Schemas with a name (`.meta({ id })`) become components. The data plane is described by its addresses
// only: its bodies belong to the vendors' dialects and pass through unread.
import { z, type ZodType } from 'zod'
import type { ControlRoute, CredentialKind, DataRoute, Route } from './route.ts'

type Json = Record<string, unknown>
type Side = 'input' | 'output'
/** Named shapes, as they are taken and as they are given. */
type Shapes = Readonly<Record<Side, Map<string, Json>>>

export interface OpenApiDocument {
  readonly openapi: '3.1.0'
  readonly info: { readonly title: string; readonly version: string; readonly description: string }
  readonly servers: readonly { readonly url: string }[]
  readonly paths: Record<string, Record<string, Json>>
  readonly components: { readonly schemas: Record<string, Json>; readonly securitySchemes: Json }
}

const SECURITY_SCHEMES = {
  session: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'The token of POST /auth/login.' },
  apiKey: { type: 'http', scheme: 'bearer', description: 'A UniRoute API key, ur_…' },
  apiKeyHeader: {
    type: 'apiKey',
    in: 'header',
    name: 'x-api-key',
    description: 'The same key, as Anthropic clients send it.',
  },
  apiKeyGoogle: {
    type: 'apiKey',
    in: 'header',
    name: 'x-goog-api-key',
    description: 'The same key, as Gemini clients send it.',
  },
  apiKeyQuery: {
    type: 'apiKey',
    in: 'query',
    name: 'key',
    description: 'The same key, as older Gemini clients send it.',
  },
  refresh: {
    type: 'apiKey',
    in: 'cookie',
    name: '__Host-uniroute_refresh',
    description: 'The refresh cookie of POST /auth/login.',
  },
  metrics: {
    type: 'http',
    scheme: 'bearer',
    description: 'METRICS_TOKEN; without one, open on the machine itself only.',
  },
}

const SECURITY: Record<CredentialKind, readonly Json[]> = {
  none: [],
  session: [{ session: [] }],
  'api-key': [{ apiKey: [] }, { apiKeyHeader: [] }, { apiKeyGoogle: [] }, { apiKeyQuery: [] }],
  refresh: [{ refresh: [] }],
  metrics: [{ metrics: [] }],
}

const ERROR_SCHEMA: Json = {
  type: 'object',
  properties: {
    error: { type: 'string', description: 'One sentence: what was wrong and what to do.' },
    code: { type: 'string' },
    details: {},
  },
  required: ['error', 'code'],
}

/** Describes every route; `publicUrl` is where they stand. */
export function describeRoutes(
  routes: readonly Route[],
  info: { version: string; publicUrl: string },
): OpenApiDocument {
  const shapes: Shapes = { input: new Map(), output: new Map() }
  const paths: Record<string, Record<string, Json>> = Object.create(null) as Record<string, Record<string, Json>>
  for (const route of routes) {
    const path = toTemplate(route)
    const operations = (paths[path] ??= {})
    operations[route.method.toLowerCase()] =
      route.plane === 'control' ? describeControl(route, shapes) : describeData(route)
  }
  const settled = settleReferences(paths, shapes)
  return {
    openapi: '3.1.0',
    info: {
      title: 'UniRoute',
      version: info.version,
      description: 'A self-hosted AI gateway where people bring their own provider keys.',
    },
    servers: [{ url: info.publicUrl }],
    paths: settled.paths as OpenApiDocument['paths'],
    components: { schemas: settled.schemas, securitySchemes: SECURITY_SCHEMES },
  }
}

/** `/v1beta/models/*model` with a verb becomes `/v1beta/models/{model}:generateContent`. */
function toTemplate(route: Route): string {
  const path = route.path.replaceAll(/[:*]([a-z_]+)/g, '{$1}')
  return route.plane === 'data' && route.verb !== undefined ? `${path}:${route.verb}` : path
}

function describeShared(route: Route): Json {
  const words = toTemplate(route)
    .split(/[^A-Za-z0-9_]+/)
    .filter(Boolean)
  return {
    operationId: [route.method.toLowerCase(), ...words].join('_'),
    tags: [words[0] === 'v1' || words[0] === 'v1beta' ? 'data plane' : (words[0] ?? 'open')],
    summary: route.summary,
    security: SECURITY[route.credential],
    ...describeCaller(route),
  }
}

function describeCaller({ role, recentSignIn }: Route): Json {
  const sentences = [
    ...(role === 'admin' ? ['For administrators.'] : []),
    ...(recentSignIn ? ['Needs a sign-in of the last ten minutes; else 403 `reauthentication_required`.'] : []),
  ]
  return sentences.length > 0 ? { description: sentences.join(' ') } : {}
}

function describeData(route: DataRoute): Json {
  return {
    ...describeShared(route),
    parameters: listPathParameters(route, undefined),
    ...(route.method === 'POST'
      ? { requestBody: { content: { 'application/json': { schema: { type: 'object' } } } } }
      : {}),
    responses: { default: { description: 'The answer, or an error, in the dialect of this address.' } },
  }
}

function describeControl(route: ControlRoute, shapes: Shapes): Json {
  const query = route.query ? toSchema(route.query, 'input', shapes) : undefined
  const params = route.params ? toSchema(route.params, 'input', shapes) : undefined
  const responses: Record<string, Json> = {}
  for (const [status, { description, schema }] of Object.entries(route.answers)) {
    const isError = Number(status) >= 400
    const content = schema ? toSchema(schema, 'output', shapes) : isError ? reference('Error') : undefined
    responses[status] = { description, ...(content ? { content: { 'application/json': { schema: content } } } : {}) }
  }
  responses['default'] ??= { description: 'An error.', content: { 'application/json': { schema: reference('Error') } } }
  return {
    ...describeShared(route),
    parameters: [...listPathParameters(route, resolve(params, shapes)), ...listQueryParameters(resolve(query, shapes))],
    ...(route.body
      ? {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: toSchema(route.body, 'input', shapes) } },
          },
        }
      : {}),
    responses,
  }
}

function listPathParameters(route: Route, schema: Json | undefined): Json[] {
  const properties = (schema?.['properties'] ?? {}) as Record<string, Json>
  const names = [...route.path.matchAll(/[:*]([a-z_]+)/g)].map((found) => found[1]!)
  return names.map((name) => ({ name, in: 'path', required: true, schema: properties[name] ?? { type: 'string' } }))
}

function listQueryParameters(schema: Json | undefined): Json[] {
  const properties = (schema?.['properties'] ?? {}) as Record<string, Json>
  const required = (schema?.['required'] ?? []) as string[]
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema: property,
  }))
}

function reference(name: string): { $ref: string } {
  return { $ref: `#/components/schemas/${name}` }
}

/** The shape a whole-schema reference stands for: parameters are listed one by one. */
function resolve(schema: Json | undefined, shapes: Shapes): Json | undefined {
  const target = schema?.['$ref']
  return typeof target === 'string' ? shapes.input.get(target.slice('#/input/'.length)) : schema
}

/** JSON Schema of a zod schema; its named parts are kept aside, and pointed to as `#/input/Name` or `#/output/Name`. */
function toSchema(schema: ZodType, side: Side, shapes: Shapes): Json {
  const { $schema: _dialect, $defs, ...root } = z.toJSONSchema(schema, { io: side, unrepresentable: 'any' }) as Json
  const point = (target: string): string => target.replace('#/$defs/', `#/${side}/`)
  for (const [name, definition] of Object.entries(($defs ?? {}) as Record<string, Json>)) {
    shapes[side].set(name, mapReferences(definition, point) as Json)
  }
  return mapReferences(root, point) as Json
}

/** Names whose shape differs between what is taken and what is given (defaults), or that hold one which does. */
function findTwoSided({ input, output }: Shapes): ReadonlySet<string> {
  const differing = new Set<string>()
  const neutral = (target: string): string => target.replace(/^#\/(?:input|output)\//, '#/')
  let before = -1
  while (differing.size > before) {
    before = differing.size
    for (const [name, taken] of input) {
      const given = output.get(name)
      if (given === undefined) continue
      let holdsOne = false
      const text = JSON.stringify(
        mapReferences(taken, (target) => {
          if (differing.has(target.slice('#/input/'.length))) holdsOne = true
          return neutral(target)
        }),
      )
      if (holdsOne || text !== JSON.stringify(mapReferences(given, neutral))) differing.add(name)
    }
  }
  return differing
}

/** Names every kept shape and points all references there; what differs on the way in is called `…Input`. */
function settleReferences(paths: Json, shapes: Shapes): { paths: Json; schemas: Record<string, Json> } {
  const twoSided = findTwoSided(shapes)
  const nameOf = (side: Side, name: string): string => (side === 'input' && twoSided.has(name) ? `${name}Input` : name)
  const point = (target: string): string => {
    const [, side, name = ''] = target.split('/')
    return side === 'input' || side === 'output' ? reference(nameOf(side, name)).$ref : target
  }
  const schemas = Object.create(null) as Record<string, Json>
  schemas['Error'] = ERROR_SCHEMA
  for (const side of ['input', 'output'] as const) {
    for (const [name, shape] of shapes[side]) schemas[nameOf(side, name)] = mapReferences(shape, point) as Json
  }
  return { paths: mapReferences(paths, point) as Json, schemas }
}

function mapReferences(node: unknown, point: (target: string) => string): unknown {
  if (Array.isArray(node)) return node.map((one) => mapReferences(one, point))
  if (typeof node !== 'object' || node === null) return node
  const mapped = Object.create(null) as Json
  for (const [key, value] of Object.entries(node)) {
    mapped[key] = key === '$ref' && typeof value === 'string' ? point(value) : mapReferences(value, point)
  }
  return mapped
}
