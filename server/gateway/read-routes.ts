// Addresses of the data plane that UniRoute answers itself: model lists, receipts, and what WebSocket clients are told.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { describeException } from '../http/answers.ts'
import { DATA_BODY_CAP, type DataRoute, type Mount, type RouteMatch } from '../http/route.ts'
import { GatewayError, toGatewayError } from '../kernel/errors.ts'
import { parsePublicId, isUlid } from '../kernel/ids.ts'
import { PROTOCOLS } from '../protocols/registry.ts'
import type { Protocol } from '../protocols/protocol.ts'
import type { ApiKeyContext } from '../features/api-keys/context.ts'
import type { ReadOperation } from '../features/usage/records.ts'
import { sendDataError } from './data-errors.ts'
import type { ModelLists } from './model-lists.ts'
import { modelInPath, refuseKeyAsModel } from './key-as-model.ts'
import { chooseModelShape, DIALECT_OF_SHAPE, encodeModel, encodeModelList } from './model-shapes.ts'
import { admitCaller, tellStanding } from './admission.ts'
import { authenticateCaller, type PipelineTools } from './pipeline.ts'

export interface ReadTools extends Pick<
  PipelineTools,
  'authenticate' | 'limits' | 'log' | 'meter' | 'clock' | 'providers'
> {
  readonly modelLists: ModelLists
  readonly getReceipt: (requestId: string, reader: { userId: string; teamId: string | null }) => Promise<unknown>
  readonly explainRoute: Answer
}

type Answer = (
  caller: ApiKeyContext,
  match: RouteMatch,
  io: { request: IncomingMessage; response: ServerResponse },
) => Promise<unknown>

export function createReadRoutes(tools: ReadTools): DataRoute[] {
  const listModels: Answer = async (caller, match) => {
    const shape = shapeOf(match)
    const models = await tools.modelLists.listModels(caller)
    return encodeModelList(models, shape, match.query)
  }
  const getModel: Answer = async (caller, match) => {
    const wanted = (match.params['model'] ?? '').replace(/^models\//, '')
    refuseKeyAsModel(tools, wanted)
    const models = await tools.modelLists.listModels(caller)
    const model = models.find(({ id, provider }) => id === wanted || `${provider}/${id}` === wanted)
    if (!model)
      throw new GatewayError('model_not_found', { message: 'None of your keys reaches a model of that name.' })
    return encodeModel(model, shapeOf(match))
  }
  const getReceipt: Answer = async (caller, match) => {
    const id = readRequestId(match.params['id'] ?? '')
    return tools.getReceipt(id, caller.principal)
  }
  const list = (path: string, mounts: readonly Mount[]): DataRoute[] => [
    route(tools, path, mounts, 'Models this key can reach', 'models', listModels),
    route(tools, `${path}/*model`, mounts, 'One model', 'models', getModel),
  ]
  return [
    ...list('/v1/models', ['openai', 'anthropic', 'gemini']),
    ...list('/v1beta/models', ['gemini']),
    route(
      tools,
      '/v1/generations/:id',
      [],
      'Receipt of a request: who paid, attempts, tokens, cost',
      'receipt',
      getReceipt,
    ),
    {
      ...route(
        tools,
        '/v1/route/explain',
        [],
        'Which keys a request would use, and why',
        'explain',
        tools.explainRoute,
      ),
      method: 'POST',
      bodyCap: DATA_BODY_CAP,
    },
  ]
}

function shapeOf(match: RouteMatch): ReturnType<typeof chooseModelShape> {
  return chooseModelShape(match.path, match.mount, match.headers, match.query)
}

function readRequestId(text: string): string {
  const id = parsePublicId('req', text) ?? (isUlid(text) ? text : undefined)
  if (id === undefined)
    throw new GatewayError('not_found', { message: 'There is no request with that id. Ids look like req_01J8….' })
  return id
}

function route(
  tools: ReadTools,
  path: string,
  mounts: readonly Mount[],
  summary: string,
  operation: ReadOperation,
  answer: Answer,
): DataRoute {
  return {
    plane: 'data',
    method: 'GET',
    path,
    mounts,
    credential: 'api-key',
    bodyCap: 0,
    rateClass: 'data',
    summary,
    handle: (request, response, match) => serveRead(tools, operation, answer, request, response, match),
  }
}

async function serveRead(
  tools: ReadTools,
  operation: ReadOperation,
  answer: Answer,
  request: IncomingMessage,
  response: ServerResponse,
  match: RouteMatch,
): Promise<void> {
  const protocol: Protocol = PROTOCOLS[DIALECT_OF_SHAPE[shapeOf(match)]]
  const createdAt = tools.clock.now()
  const startedAt = tools.clock.monotonic()
  let caller: ApiKeyContext | null = null
  let status = 200
  let error: GatewayError | null = null
  try {
    caller = await authenticateCaller(tools, match)
    if (caller.rateLimits !== null) {
      const told = { response, protocol, createdAt }
      tellStanding(told, (await admitCaller(tools.limits, caller.rateLimits, told)).standing)
    }
    const body = JSON.stringify(await answer(caller, match, { request, response }))
    response.setHeader('content-type', 'application/json; charset=utf-8')
    response.setHeader('content-length', String(Buffer.byteLength(body)))
    response.writeHead(200).end(body)
  } catch (thrown) {
    error = toGatewayError(thrown)
    if (error.code === 'internal_error') {
      tools.log.error(
        { request_id: match.requestId, ...describeException(thrown) },
        'request failed inside the gateway',
      )
    }
    status = sendDataError(response, protocol, error, match.requestId)
  }
  if (!caller) return
  const requestedModel = modelInPath(tools, match)
  tools.meter.finishOwn({ operation, requestedModel, protocol, match, caller, createdAt, startedAt, status, error })
}
