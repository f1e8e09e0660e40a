// A request that is passed through, understood as far as rules need it: which model it names, if it can be seen, and
// whether the API key may use this address at all. Its body is not looked into any further.
import { isAllowedModel, type ModelNames } from '../catalog/model-names.ts'
import type { ApiKeyContext } from '../features/api-keys/context.ts'
import type { Catalog } from '../features/catalog/catalog.ts'
import { GatewayError } from '../kernel/errors.ts'
import { scanJsonObject, textOfChunks, type JsonScan } from '../kernel/json-scan.ts'
import { parseJson } from '../protocols/read.ts'
import type { Provider } from '../providers/provider.ts'
import type { Providers } from '../providers/registry.ts'
import type { Endpoint, Exchange, Received } from './exchange.ts'
import { findFormModel } from './form-fields.ts'
import { refuseKeyAsModel } from './key-as-model.ts'
import type { PassRule } from './pass-table.ts'

export interface PassTools {
  readonly modelNames: ModelNames
  readonly catalog: Pick<Catalog, 'overrides' | 'resolveModel'>
  readonly providers: Providers
}

/** What a body shows of its model. */
interface SeenModel {
  readonly requested: string
  /** Other readers of this body agree. */
  readonly certain: boolean
  readonly scan: JsonScan
  readonly chunks: readonly Uint8Array[]
}

const ID = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,255}$/
const MODEL_KEYS: ReadonlySet<string> = new Set(['model'])
const NOT_LOOKED_AT: JsonScan = { complete: true, depth: 0, values: new Map(), duplicate: null }

/** Throws what the caller is told where the address, the ids in it or the model may not be used. */
export async function createPassExchange(
  tools: PassTools,
  endpoint: Endpoint,
  pass: PassRule,
  received: Received,
): Promise<Exchange> {
  const { match, caller, body } = received
  const { protocol } = endpoint
  if (pass.refused !== null) throw new GatewayError('not_found', { message: pass.refused })
  checkIds(pass, match.params)
  const provider = tools.providers.get(protocol.vendor)
  if (!provider) throw new GatewayError('not_found')
  const seen = readModel(pass, received)
  refuseKeyAsModel(tools, seen.requested)
  const model = seen.requested === '' ? '' : await resolveModel(tools, caller, provider, seen.requested)
  checkAllowed(tools, received, { provider: provider.id, model, visible: !pass.hidesModels && seen.certain })
  return {
    ...endpoint,
    id: match.requestId,
    ...received,
    caller,
    body: seen.chunks,
    bodyLength: body.length,
    scan: seen.scan,
    peek: { model: seen.requested || null, stream: false, storedReference: true, maxOutput: null },
    streamed: false,
    requestedModel: seen.requested,
    answeredAs: seen.requested,
    candidates: [],
    conversation: null,
    provider,
    model,
    clientVersion: /^(?:\/upload)?\/(v[0-9][a-z0-9]*)\//.exec(match.path)?.[1] ?? null,
    attempts: 0,
    target: null,
    upstreamDialect: null,
    adjusted: new Set(),
    cut: null,
    answered: null,
    warnings: [],
  }
}

/** Ids go into a path at the provider, so nothing but an id may stand there. */
function checkIds(pass: PassRule, params: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(params)) {
    if (name === 'model' && pass.modelIn === 'path') continue
    if (!ID.test(value)) throw new GatewayError('not_found', { message: 'There is nothing with that id.' })
  }
}

function readModel(pass: PassRule, { match, body }: Received): SeenModel {
  const nothing: SeenModel = { requested: '', certain: false, scan: NOT_LOOKED_AT, chunks: body.chunks }
  if (pass.modelIn === null) return nothing
  if (pass.modelIn === 'path') return { ...nothing, requested: match.params['model'] ?? '', certain: true }
  const type = match.headers['content-type'] ?? ''
  if (/^multipart\/form-data\b/i.test(type)) {
    const whole = Buffer.concat(body.chunks)
    const { model, regular } = findFormModel(whole, type)
    if (!model) return { ...nothing, chunks: [whole] }
    const scan = { ...NOT_LOOKED_AT, values: new Map([['model', model.range]]) }
    return { requested: model.text, certain: regular, scan, chunks: [whole] }
  }
  const scan = scanJsonObject(body.chunks, MODEL_KEYS)
  if (!scan.complete) throw new GatewayError('invalid_json')
  if (scan.duplicate !== null) {
    throw new GatewayError('bad_request', { message: 'The body has the key "model" twice. Send it once.' })
  }
  const range = scan.values.get('model')
  const model = range ? parseJson(textOfChunks(body.chunks, range.start, range.end)) : undefined
  return typeof model === 'string' ? { ...nothing, requested: model, certain: true, scan } : nothing
}

/** These addresses are the vendor's own, so no other provider's model can be meant. */
async function resolveModel(
  { catalog }: PassTools,
  caller: ApiKeyContext,
  provider: Provider,
  requested: string,
): Promise<string> {
  const resolved = await catalog.resolveModel(caller.principal.userId, requested, provider.id)
  // Of several targets, the one that can be meant.
  const found = resolved.choice?.targets.find((target) => target.provider === provider.id) ?? resolved
  if (found.provider !== provider.id) {
    throw new GatewayError('model_not_found', {
      message: `${provider.name} alone serves this address, and it has no model of that name.`,
    })
  }
  if (catalog.overrides.find(provider.id, found.model)?.isEnabled === false) {
    throw new GatewayError('model_not_allowed', {
      message: 'An administrator of this server has switched that model off. Choose another one.',
    })
  }
  return found.model
}

function checkAllowed(
  { modelNames }: PassTools,
  { caller }: Received,
  seen: { provider: string; model: string; visible: boolean },
): void {
  if (caller.allowedModels === null) return
  if (!seen.visible || seen.model === '') {
    throw new GatewayError('model_not_allowed', {
      message:
        'This UniRoute API key is for certain models only, and this request does not show which one it uses. Use a key without allowed models.',
    })
  }
  if (isAllowedModel(modelNames, caller.allowedModels, seen)) return
  throw new GatewayError('model_not_allowed', {
    message: 'This UniRoute API key may not use that model. Choose one of its allowed models, or change the key.',
  })
}
