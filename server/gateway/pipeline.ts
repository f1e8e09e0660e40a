// The story of a data-plane request: authenticate, admit, read, peek, plan, walk the chain, record. One path for every
// dialect, streamed or not.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { estimateTokens } from '../catalog/prices.ts'
import type { ModelNames } from '../catalog/model-names.ts'
import type { ApiKeyContext } from '../features/api-keys/context.ts'
import type { Catalog } from '../features/catalog/catalog.ts'
import type { Admitted, Limits } from '../features/limits/limits.ts'
import { readBody, type ByteBudget, type RequestBody } from '../http/body.ts'
import { readCredential } from '../http/credentials.ts'
import type { Credential, CredentialKind, RouteMatch } from '../http/route.ts'
import type { Clock } from '../kernel/clock.ts'
import { GatewayError, toGatewayError } from '../kernel/errors.ts'
import { joinChunks, scanJsonObject, textOfChunks, type JsonScan } from '../kernel/json-scan.ts'
import type { Log } from '../kernel/log.ts'
import { Secret } from '../kernel/secret.ts'
import { COUNTERS } from '../protocols/counters.ts'
import { parseJson } from '../protocols/read.ts'
import { readRequestFacts, type RequestFacts } from '../protocols/request-facts.ts'
import { isAccountModel, namesStoredThings } from '../protocols/stored-references.ts'
import type { Providers } from '../providers/registry.ts'
import { admitCaller, admitTokens, tellStanding } from './admission.ts'
import { setForwardedHeaders, setPlanHeaders } from './answer-headers.ts'
import { sendDataError } from './data-errors.ts'
import { findCandidates, providersOf, type CandidateTools } from './candidates.ts'
import type { Obstacle } from './chain.ts'
import type { Choosing } from './choosing.ts'
import type { Concurrency } from './concurrency.ts'
import { scopeOf, type Endpoint, type Exchange, type Received } from './exchange.ts'
import { modelInPath, refuseKeyAsModel } from './key-as-model.ts'
import { scannedKeys, takeListedModels } from './listed-models.ts'
import { createPassExchange } from './pass-exchange.ts'
import { takesBody } from './pass-table.ts'
import { describeException, JSON_TYPE } from '../http/answers.ts'
import { readKeyHeader, type Planner, type PlanRequest } from './plan.ts'
import { PASSED_POLICY, setRelayedType } from './relay-bytes.ts'
import type { Revocation } from './revocation.ts'
import type { WalkEnd, WalkTools } from './walk.ts'
import { walkCandidates, type CandidateWalk } from './walk-candidates.ts'

export interface PipelineTools extends WalkTools {
  readonly authenticate: (credential: Credential) => ApiKeyContext | Promise<ApiKeyContext>
  readonly revocation: Revocation
  readonly concurrency: Concurrency
  readonly limits: Limits
  readonly modelNames: ModelNames
  readonly catalog: Pick<Catalog, 'overrides' | 'resolveModel' | 'aliasesFor'>
  readonly routing: CandidateTools['routing']
  readonly choosing: Choosing
  /** In [0, 1), for what is left to chance. */
  readonly chance: () => number
  readonly planner: Planner
  readonly providers: Providers
  /** What other instances know of the caller's conversations; null where there is nothing to wait for. */
  readonly refreshState: (exchange: Exchange) => Promise<void> | null
  /** The key whose reasoning state the conversation carries. */
  readonly preferKey: (exchange: Exchange) => string | null
  readonly bodyBudget: ByteBudget
  readonly clock: Clock
  readonly log: Log
  /** Called once per request past authentication, with its duration; for metrics. */
  readonly observe: (facts: { dialect: string; provider: string; status: number; payer: string; ms: number }) => void
}

const DEEPEST_JSON = 128
const NO_BODY: RequestBody = { chunks: [], length: 0, release: () => undefined }

/** Serves one request; every error leaves in the caller's dialect. */
export async function servePipeline(
  tools: PipelineTools,
  endpoint: Endpoint,
  request: IncomingMessage,
  response: ServerResponse,
  match: RouteMatch,
): Promise<void> {
  let body: RequestBody | null = null
  let exchange: Exchange | null = null
  let caller: ApiKeyContext | null = null
  let entered: string | null = null
  let admitted: Admitted | null = null
  let endWatch: (() => void) | null = null
  const createdAt = tools.clock.now()
  const startedAt = tools.clock.monotonic()
  const told = { response, protocol: endpoint.protocol, createdAt }
  try {
    const known = authenticateCaller(tools, match)
    caller = known instanceof Promise ? await known : known
    tools.concurrency.enter(caller.keyId)
    entered = caller.keyId
    if (caller.rateLimits !== null) {
      const admitting = admitCaller(tools.limits, caller.rateLimits, told)
      admitted = admitting instanceof Promise ? await admitting : admitting
    }
    body = takesBody(match.route.method)
      ? await readBody(request, { cap: match.route.bodyCap, budget: tools.bodyBudget, headers: match.headers })
      : NO_BODY
    const received = { request, response, match, caller, admitted, body, createdAt, startedAt }
    exchange = await createExchange(tools, endpoint, received)
    const taking = admitted !== null && admitTokens(exchange, admitted)
    if (taking) await taking
    const running = exchange
    const refreshing = tools.refreshState(running)
    if (refreshing) await refreshing
    if (running.streamed || running.pass) endWatch = watchCaller(tools, running, () => exchange)
    await serveExchange(tools, running, (next) => (exchange = next))
  } catch (thrown) {
    const error = toGatewayError(thrown)
    if (error.code === 'internal_error') {
      tools.log.error(
        { request_id: match.requestId, ...describeException(thrown) },
        'request failed inside the gateway',
      )
    }
    if (exchange) return finishRefused(tools, exchange, error)
    if (admitted) tellStanding(told, admitted.standing)
    const status = sendDataError(response, endpoint.protocol, error, match.requestId)
    if (!caller) return
    const { protocol, operation } = endpoint
    const requestedModel = modelInPath(tools, match)
    const facts = { protocol, operation: operation.id, requestedModel, match, createdAt, startedAt, status, error }
    tools.meter.finishOwn({ ...facts, caller })
  } finally {
    endWatch?.()
    admitted?.settle()
    body?.release()
    if (entered !== null) tools.concurrency.leave(entered)
  }
}

/** A promise only where memory does not know the caller. */
export function authenticateCaller(
  tools: Pick<PipelineTools, 'authenticate'>,
  match: RouteMatch,
): ApiKeyContext | Promise<ApiKeyContext> {
  const { credential: kind } = match.route
  const credential = readCredential(kind, match.headers, match.query)
  if (!credential) throw new GatewayError(kind === 'session' ? 'unauthenticated' : 'invalid_api_key')
  const found = tools.authenticate(credential)
  return found instanceof Promise ? found.then((caller) => requireKind(caller, kind)) : requireKind(found, kind)
}

/** A wiring mistake must not open a door. */
function requireKind(caller: ApiKeyContext, kind: CredentialKind): ApiKeyContext {
  if (caller.principal.kind !== kind) throw new GatewayError('unauthenticated')
  return caller
}

/** A stream outlives the moment its caller was let in: it is cut soon after its key is revoked or expires. */
function watchCaller(tools: PipelineTools, { match }: Exchange, running: () => Exchange | null): (() => void) | null {
  const { route, headers, query } = match
  const shown = readCredential(route.credential, headers, query)
  if (!shown) return null
  return tools.revocation.watch(
    new Secret(shown.kind === 'session' ? shown.token : shown.key),
    (error) => running()?.cut?.(error) ?? false,
  )
}

export async function createExchange(tools: PipelineTools, endpoint: Endpoint, received: Received): Promise<Exchange> {
  const { protocol, operation, pass } = endpoint
  if (pass) return createPassExchange(tools, endpoint, pass, received)
  const { match, caller } = received
  const sent = takeListedModels(protocol, operation, match.headers, {
    body: received.body.chunks,
    bodyLength: received.body.length,
    scan: scanBody(received.body, scannedKeys(protocol)),
  })
  const { body, scan } = sent
  const peek = protocol.peek(scan, (key) => {
    const range = scan.values.get(key)
    return range ? parseJson(textOfChunks(body, range.start, range.end)) : undefined
  })
  const requestedModel = (operation.modelIn === 'path' ? match.params['model'] : peek.model) ?? ''
  if (requestedModel === '' && !(operation.modelOptional && peek.storedReference)) {
    throw new GatewayError('bad_request', { message: 'The body names no model. Add "model" with the name of one.' })
  }
  const names = [requestedModel, ...sent.names]
  for (const name of names) refuseKeyAsModel(tools, name)
  // Names are looked up here and nowhere else: whatever is decided from here on is decided of the real model.
  const streamed = operation.streaming === 'always' || (operation.streaming === 'body' && peek.stream)
  let facts: RequestFacts | undefined
  const candidates = await findCandidates(tools, {
    caller,
    protocol,
    operation,
    names,
    headers: match.headers,
    requestId: match.requestId,
    streamed,
    promptTokens: estimateTokens(sent.bodyLength),
    maxOutput: peek.maxOutput,
    facts: () => (facts ??= readRequestFacts(parseJson(joinChunks(body).toString('utf8')))),
    chance: tools.chance(),
  })
  const exchange: Exchange = {
    id: match.requestId,
    protocol,
    operation,
    ...received,
    body,
    bodyLength: sent.bodyLength,
    scan,
    peek,
    streamed,
    requestedModel,
    provider: candidates.first.provider,
    model: candidates.first.model,
    answeredAs: candidates.first.answeredAs,
    candidates: candidates.all,
    conversation: candidates.conversation,
    clientVersion: /^\/(v[0-9][a-z0-9]*)\//.exec(match.path)?.[1] ?? null,
    attempts: 0,
    target: null,
    upstreamDialect: null,
    adjusted: new Set(),
    cut: null,
    answered: null,
    warnings: [],
  }
  return exchange
}

function scanBody(body: RequestBody, keys: ReadonlySet<string>): JsonScan {
  const scan = scanJsonObject(body.chunks, keys)
  if (scan.depth > DEEPEST_JSON) {
    throw new GatewayError('bad_request', { message: `The body is nested deeper than ${DEEPEST_JSON} levels.` })
  }
  if (scan.duplicate !== null) {
    throw new GatewayError('bad_request', { message: `The body has the key "${scan.duplicate}" twice. Send it once.` })
  }
  if (!scan.complete) throw new GatewayError('invalid_json')
  return scan
}

/** Token counts for providers that have no address for them: our own estimate, and marked as one. */
function estimateCount(tools: PipelineTools, exchange: Exchange): boolean {
  const { protocol, provider, operation, response } = exchange
  const counter = COUNTERS[protocol.id]
  if (operation.task !== 'count' || !counter || provider.dialects.has(protocol.id)) return false
  if (COUNTERS[provider.translateVia]) return false
  const body = JSON.stringify(counter.encodeResponse(estimateTokens(exchange.bodyLength)))
  setPlanHeaders(exchange)
  if (exchange.admitted) tellStanding(exchange, exchange.admitted.standing)
  response.setHeader('x-uniroute-estimate', 'true')
  response.setHeader('content-type', JSON_TYPE)
  response.setHeader('content-length', String(Buffer.byteLength(body)))
  response.writeHead(200).end(body)
  record(tools, exchange, { status: 200, outcome: 'done', error: null, firstByteMs: null })
  return true
}

/** Looked at only where another's key might serve, since the whole body is read for it; an unreadable one is refused it. */
function needsOwnKey({ peek, model, body }: Exchange): boolean {
  if (peek.storedReference || isAccountModel(model)) return true
  const parsed = parseJson(joinChunks(body).toString('utf8'))
  return parsed === undefined || namesStoredThings(parsed)
}

/** What the planner is asked for this request. */
export function planOf(tools: PipelineTools, exchange: Exchange, earlier: readonly Obstacle[] = []): PlanRequest {
  const { provider, caller, model, match, pass } = exchange
  const fallbackHeader = match.headers['x-uniroute-fallback'] ?? null
  const namedKey = readKeyHeader(match.headers['x-uniroute-key'])
  if (pass) {
    const { stored: oneKey } = pass
    const [scope, hidesModels] = [scopeOf(exchange), pass.hidesModels || model === '']
    const preferredKey = tools.preferKey(exchange)
    const use = exchange.operation.id
    const asked = { caller, provider, use, model: model || null, namedKey, preferredKey, fallbackHeader }
    return { ...asked, oneKey, hidesModels, scope, ownKeysOnly: true }
  }
  return {
    caller,
    provider,
    model,
    use: exchange.operation.id,
    providers: providersOf(exchange.candidates),
    earlier,
    namedKey,
    preferredKey: tools.preferKey(exchange),
    fallbackHeader,
    ownKeysOnly: () => (exchange.needsOwnKey = needsOwnKey(exchange)),
  }
}

async function serveExchange(
  tools: PipelineTools,
  first: Exchange,
  onSwitch: (exchange: Exchange) => void,
): Promise<void> {
  if (estimateCount(tools, first)) return
  const planChain: CandidateWalk['planChain'] = (exchange, earlier) =>
    tools.planner.planChain(planOf(tools, exchange, earlier))
  const { exchange, end } = await walkCandidates(tools, first, { planChain, onSwitch })
  onSwitch(exchange)
  finishExchange(tools, exchange, end)
}

function finishExchange(tools: PipelineTools, exchange: Exchange, end: WalkEnd): void {
  const { response } = exchange
  switch (end.kind) {
    case 'served': {
      const { result } = end
      const status = result.status ?? 200
      tools.choosing.noteServed(exchange, result.firstByteMs)
      record(tools, exchange, { status, outcome: 'done', error: null, firstByteMs: result.firstByteMs })
      return
    }
    case 'broken': {
      const { result, error } = end
      record(tools, exchange, { status: 200, outcome: 'broken', error, firstByteMs: result.firstByteMs })
      return
    }
    case 'client-closed':
      record(tools, exchange, {
        status: 499,
        outcome: 'client_closed',
        error: { code: 'client_closed', origin: 'client' },
        firstByteMs: end.firstByteMs,
      })
      return
    case 'relayed-error': {
      const status = end.result.status ?? 400
      setPlanHeaders(exchange)
      setForwardedHeaders(exchange, end.result.headers)
      response.setHeader('x-uniroute-error-source', 'upstream')
      setRelayedType(response, end.result.headers['content-type'])
      if (exchange.pass) response.setHeader('content-security-policy', PASSED_POLICY)
      response.setHeader('content-length', String(end.body.length))
      response.writeHead(status)
      response.end(end.body)
      const code = end.verdict === 'overflow' ? 'context_length_exceeded' : 'bad_request'
      const error = { code, origin: 'upstream' }
      record(tools, exchange, { status, outcome: 'refused', error, firstByteMs: null })
      return
    }
    case 'refused':
      finishRefused(tools, exchange, end.error)
  }
}

function finishRefused(tools: PipelineTools, exchange: Exchange, error: GatewayError): void {
  let { status } = error
  try {
    if (!exchange.response.headersSent) {
      setPlanHeaders(exchange)
      if (exchange.admitted) tellStanding(exchange, exchange.admitted.standing)
    }
    status = sendDataError(exchange.response, exchange.protocol, error, exchange.id)
  } finally {
    record(tools, exchange, { status, outcome: 'refused', error, firstByteMs: null })
  }
}

function record(tools: PipelineTools, exchange: Exchange, outcome: Parameters<WalkTools['meter']['finish']>[1]): void {
  tools.meter.finish(exchange, outcome)
  tools.observe({
    dialect: exchange.protocol.id,
    provider: exchange.provider.id,
    status: outcome.status,
    payer: exchange.target?.payer ?? 'none',
    ms: tools.clock.monotonic() - exchange.startedAt,
  })
}
