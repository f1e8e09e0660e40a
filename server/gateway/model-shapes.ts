// The model list as each vendor's client reads it. Without a hint of the dialect the answer is a superset that all
// three SDKs parse, so that a wrong guess still works.
import { GatewayError } from '../kernel/errors.ts'
import type { ProtocolId } from '../protocols/protocol.ts'
import type { RequestHeaders } from '../http/route.ts'
import type { ListedModel } from './shown-models.ts'

export type ModelShape = 'openai' | 'anthropic' | 'gemini' | 'superset'

export function chooseModelShape(
  path: string,
  mount: string | null,
  headers: RequestHeaders,
  query: URLSearchParams,
): ModelShape {
  if (mount !== null) return mount as ModelShape
  if (path.startsWith('/v1beta')) return 'gemini'
  if (headers['anthropic-version'] !== undefined) return 'anthropic'
  if (headers['x-goog-api-key'] !== undefined || headers['x-goog-api-client'] !== undefined || query.has('key'))
    return 'gemini'
  return 'superset'
}

export const DIALECT_OF_SHAPE: Readonly<Record<ModelShape, ProtocolId>> = {
  openai: 'openai-chat',
  anthropic: 'anthropic-messages',
  gemini: 'gemini',
  superset: 'openai-chat',
}

export function encodeModel(model: ListedModel, shape: ModelShape): Record<string, unknown> {
  const created_at = new Date(model.created * 1000).toISOString()
  switch (shape) {
    case 'openai':
      return { id: model.id, object: 'model', created: model.created, owned_by: model.ownedBy }
    case 'anthropic':
      return { type: 'model', id: model.id, display_name: model.displayName, created_at }
    case 'gemini':
      return geminiModel(model)
    case 'superset':
      return {
        id: model.id,
        object: 'model',
        type: 'model',
        created: model.created,
        created_at,
        owned_by: model.ownedBy,
        display_name: model.displayName,
      }
  }
}

function geminiModel(model: ListedModel): Record<string, unknown> {
  const own = model.dialects.has('gemini') ? model.raw : {}
  return {
    ...own,
    name: `models/${model.id}`,
    displayName: model.displayName,
    supportedGenerationMethods: own['supportedGenerationMethods'] ?? ['generateContent', 'countTokens'],
  }
}

export function encodeModelList(
  models: readonly ListedModel[],
  shape: ModelShape,
  query: URLSearchParams,
): Record<string, unknown> {
  if (shape === 'gemini') return { models: models.map((model) => encodeModel(model, 'gemini')) }
  if (shape === 'openai') return { object: 'list', data: models.map((model) => encodeModel(model, 'openai')) }
  const page = shape === 'anthropic' ? pageOf(models, query) : { models, more: false }
  const list = {
    data: page.models.map((model) => encodeModel(model, shape)),
    has_more: page.more,
    first_id: page.models[0]?.id ?? null,
    last_id: page.models.at(-1)?.id ?? null,
  }
  if (shape === 'anthropic') return list
  return { object: 'list', ...list, models: models.map((model) => ({ ...encodeModel(model, 'gemini') })) }
}

const DEFAULT_PAGE = 20
const LONGEST_PAGE = 1000

/** Anthropic's paging: `limit` (20 by default there, 1 to 1000), `after_id`, `before_id`. */
function pageOf(
  models: readonly ListedModel[],
  query: URLSearchParams,
): { models: readonly ListedModel[]; more: boolean } {
  const limit = readLimit(query.get('limit'))
  const before = findCursor(models, query, 'before_id')
  if (before !== null) {
    const start = Math.max(before - limit, 0)
    return { models: models.slice(start, before), more: start > 0 }
  }
  const after = findCursor(models, query, 'after_id')
  const start = after === null ? 0 : after + 1
  return { models: models.slice(start, start + limit), more: start + limit < models.length }
}

function readLimit(text: string | null): number {
  if (text === null) return DEFAULT_PAGE
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (limit >= 1 && limit <= LONGEST_PAGE) return limit
  throw new GatewayError('bad_request', { message: `limit must be a whole number from 1 to ${LONGEST_PAGE}.` })
}

/** Where the model stands that a page is asked to begin behind or end before; null where none is named. */
function findCursor(
  models: readonly ListedModel[],
  query: URLSearchParams,
  name: 'after_id' | 'before_id',
): number | null {
  const id = query.get(name)
  if (id === null) return null
  const index = models.findIndex((model) => model.id === id)
  if (index !== -1) return index
  throw new GatewayError('bad_request', { message: `${name} names no model of this list.` })
}
