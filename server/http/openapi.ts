// The OpenAPI 3.1 document, made from the route table itself, so that it can neither miss an address nor name one that
// does not exist. Schemas with a name (`.meta({ id })`) become components. The data plane is described by its addresses
// only: its bodies belong to the vendors' dialects and pass through unread.
import { z, type ZodType } from 'zod'
import type { ControlRoute, CredentialKind, DataRoute, Route } from './route.ts'

type Json = Record<string, unknown>

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
  const schemas: Record<string, Json> = Object.assign(Object.create(null), { Error: ERROR_SCHEMA })
  const paths: Record<string, Record<string, Json>> = Object.create(null) as Record<string, Record<string, Json>>
  for (const route of routes) {
    const path = toTemplate(route)
    const operations = (paths[path] ??= {})
    operations[route.method.toLowerCase()] =
      route.plane === 'control' ? describeControl(route, schemas) : describeData(route)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'UniRoute',
      version: info.version,
      description: 'A self-hosted AI gateway where people bring their own provider keys.',
    },
    servers: [{ url: info.publicUrl }],
    paths,
    components: { schemas, securitySchemes: SECURITY_SCHEMES },
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
    ...(route.role === 'admin' ? { description: 'For administrators.' } : {}),
  }
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

function describeControl(route: ControlRoute, schemas: Record<string, Json>): Json {
  const query = route.query ? toSchema(route.query, 'input', schemas) : undefined
  const params = route.params ? toSchema(route.params, 'input', schemas) : undefined
  const responses: Record<string, Json> = {}
  for (const [status, { description, schema }] of Object.entries(route.answers)) {
    const isError = Number(status) >= 400
    const content = schema ? toSchema(schema, 'output', schemas) : isError ? reference('Error') : undefined
    responses[status] = { description, ...(content ? { content: { 'application/json': { schema: content } } } : {}) }
  }
  responses['default'] ??= { description: 'An error.', content: { 'application/json': { schema: reference('Error') } } }
  return {
    ...describeShared(route),
    parameters: [
      ...listPathParameters(route, resolve(params, schemas)),
      ...listQueryParameters(resolve(query, schemas)),
    ],
    ...(route.body
      ? {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: toSchema(route.body, 'input', schemas) } },
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

function reference(name: string): Json {
  return { $ref: `#/components/schemas/${name}` }
}

function resolve(schema: Json | undefined, schemas: Record<string, Json>): Json | undefined {
  const target = schema?.['$ref']
  return typeof target === 'string' ? schemas[target.slice(target.lastIndexOf('/') + 1)] : schema
}

/** JSON Schema of a zod schema; named parts move to the components. */
function toSchema(schema: ZodType, io: 'input' | 'output', schemas: Record<string, Json>): Json {
  const { $schema: _dialect, $defs, ...root } = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Json
  const definitions = ($defs ?? {}) as Record<string, Json>
  const names = new Map<string, string>()
  for (const [name, definition] of Object.entries(definitions)) {
    // One name may mean two shapes, before and after defaults; the second gets a name of its own.
    const plain = JSON.stringify(renameReferences(definition, names))
    const taken = schemas[name]
    const same = taken === undefined || JSON.stringify(taken) === plain
    names.set(name, same ? name : `${name}${io === 'input' ? 'Input' : 'Output'}`)
  }
  for (const [name, definition] of Object.entries(definitions)) {
    schemas[names.get(name)!] = renameReferences(definition, names) as Json
  }
  return renameReferences(root, names) as Json
}

function renameReferences(node: unknown, names: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(node)) return node.map((one) => renameReferences(one, names))
  if (typeof node !== 'object' || node === null) return node
  const renamed: Json = {}
  for (const [key, value] of Object.entries(node)) {
    if (key === '$ref' && typeof value === 'string' && value.startsWith('#/$defs/')) {
      const name = value.slice('#/$defs/'.length)
      renamed[key] = `#/components/schemas/${names.get(name) ?? name}`
    } else renamed[key] = renameReferences(value, names)
  }
  return renamed
}
