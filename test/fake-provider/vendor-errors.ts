// The vendors' own error bodies, as recorded or documented, for each scenario that answers with one.
import type { Vendor } from './fake-keys.ts'
import type { ScenarioName } from './scenarios.ts'
import { createTextId, type Json } from './turn.ts'
import { dataFrame, eventFrame, jsonAnswer, type Answer } from './wire.ts'

interface Place {
  readonly vendor: Vendor
  readonly model: string
  readonly key: string
  readonly number: number | undefined
}

const openai = (status: number, message: string, type: string, code: string | null, headers = {}): Answer =>
  jsonAnswer(status, { error: { message, type, param: null, code } }, headers)

const anthropic = (status: number, type: string, message: string, headers = {}): Answer =>
  jsonAnswer(
    status,
    { type: 'error', error: { type, message }, request_id: createTextId('req_011', 21) },
    { 'x-should-retry': status === 529 || status >= 500 || status === 429 ? 'true' : 'false', ...headers },
  )

const google = (code: number, status: string, message: string, details: Json[] = [], headers = {}): Answer =>
  jsonAnswer(
    code,
    { error: { code, message, status, ...(details.length > 0 && { details }) } },
    { 'content-type': 'application/json; charset=UTF-8', ...headers },
  )

/** A request the vendor finds wrong: 400 in its envelope. */
export function badRequestAnswer(vendor: Vendor, message: string): Answer {
  if (vendor === 'anthropic') return anthropic(400, 'invalid_request_error', message)
  if (vendor === 'google') return google(400, 'INVALID_ARGUMENT', message)
  return openai(400, message, 'invalid_request_error', null)
}

export function unknownModelAnswer(vendor: Vendor, model: string): Answer {
  if (vendor === 'anthropic') return anthropic(404, 'not_found_error', `model: ${model}`)
  if (vendor === 'google') {
    return google(404, 'NOT_FOUND', `models/${model} is not found for API version v1beta. Call ListModels.`)
  }
  const message = `The model \`${model}\` does not exist or you do not have access to it.`
  return openai(404, message, 'invalid_request_error', 'model_not_found')
}

/** The address does not exist at this vendor. */
export function unknownPathAnswer(vendor: Vendor, method: string, path: string): Answer {
  if (vendor === 'anthropic') return anthropic(404, 'not_found_error', 'Not found')
  if (vendor === 'google') return google(404, 'NOT_FOUND', `Method doesn't allow: ${method} ${path}`)
  return openai(404, `Invalid URL (${method} ${path})`, 'invalid_request_error', null)
}

/** The account has nothing with that id. */
export function missingThingAnswer(vendor: Vendor, id: string): Answer {
  if (vendor === 'anthropic') return anthropic(404, 'not_found_error', `${id} was not found`)
  if (vendor === 'google') return google(404, 'NOT_FOUND', `${id} was not found`)
  return openai(404, `No such thing: ${id}`, 'invalid_request_error', null)
}

export function missingKeyAnswer(vendor: Vendor): Answer {
  if (vendor === 'anthropic') return anthropic(401, 'authentication_error', 'x-api-key header is required')
  if (vendor === 'google') return google(403, 'PERMISSION_DENIED', 'Method does not allow unregistered callers.')
  return openai(401, "You didn't provide an API key.", 'invalid_request_error', null)
}

const badGoogleKey = (message: string): Answer =>
  google(400, 'INVALID_ARGUMENT', message, [
    {
      '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
      reason: 'API_KEY_INVALID',
      domain: 'googleapis.com',
      metadata: { service: 'generativelanguage.googleapis.com' },
    },
    { '@type': 'type.googleapis.com/google.rpc.LocalizedMessage', locale: 'en-US', message },
  ])

function invalid({ vendor, key }: Place): Answer {
  if (vendor === 'anthropic') return anthropic(401, 'authentication_error', 'invalid x-api-key')
  if (vendor === 'google') return badGoogleKey('API key not valid. Please pass a valid API key.')
  const masked = `${key.slice(0, 8)}${'*'.repeat(8)}${key.slice(-4)}`
  const message = `Incorrect API key provided: ${masked}. You can find your API key at https://platform.openai.com/account/api-keys.`
  return openai(401, message, 'invalid_request_error', 'invalid_api_key')
}

function leaky({ vendor, key }: Place): Answer {
  const message = `The key ${key} may not do this.`
  if (vendor === 'anthropic') return anthropic(401, 'authentication_error', message)
  if (vendor === 'google') return badGoogleKey(message)
  return openai(401, message, 'invalid_request_error', 'invalid_api_key')
}

function quota({ vendor }: Place): Answer {
  if (vendor === 'anthropic') {
    const message =
      'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.'
    return anthropic(400, 'invalid_request_error', message)
  }
  if (vendor === 'google') {
    const message =
      'Your prepayment credits are depleted. Please go to AI Studio at https://ai.studio/projects to manage your project and billing.'
    return google(429, 'RESOURCE_EXHAUSTED', message)
  }
  const message = 'You exceeded your current quota, please check your plan and billing details.'
  return openai(429, message, 'insufficient_quota', 'insufficient_quota')
}

function ratelimit({ vendor, model, number }: Place): Answer {
  const seconds = number ?? 7
  const headers = { 'retry-after': String(seconds) }
  if (vendor === 'anthropic') {
    const message = "This request would exceed your organization's rate limit of 50 requests per minute."
    return anthropic(429, 'rate_limit_error', message, headers)
  }
  if (vendor === 'google') {
    const info = { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: `${seconds}s` }
    return google(429, 'RESOURCE_EXHAUSTED', 'Resource has been exhausted (e.g. check quota).', [info])
  }
  const message = `Rate limit reached for ${model} in organization org-fake on requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again in ${seconds}s.`
  return openai(429, message, 'requests', 'rate_limit_exceeded', {
    ...headers,
    'retry-after-ms': String(seconds * 1000),
  })
}

function forbiddenModel({ vendor, model }: Place): Answer {
  if (vendor === 'anthropic') {
    return anthropic(403, 'permission_error', `Your organization does not have access to the model ${model}.`)
  }
  if (vendor === 'google') {
    return google(403, 'PERMISSION_DENIED', `Your project has been denied access to models/${model}.`)
  }
  const message = `Project \`proj_fake\` does not have access to model \`${model}\``
  return openai(403, message, 'invalid_request_error', 'model_not_found')
}

function forbiddenRegion({ vendor }: Place): Answer {
  if (vendor === 'anthropic') return anthropic(403, 'forbidden', 'Request not allowed')
  if (vendor === 'google') return google(403, 'PERMISSION_DENIED', 'User location is not supported for the API use.')
  const message = 'Country, region, or territory not supported'
  return openai(403, message, 'request_forbidden', 'unsupported_country_region_territory')
}

function serverError({ vendor }: Place): Answer {
  if (vendor === 'anthropic') return anthropic(500, 'api_error', 'Internal server error')
  if (vendor === 'google') return google(500, 'INTERNAL', 'An internal error has occurred.')
  return openai(500, 'The server had an error while processing your request. Sorry about that!', 'server_error', null)
}

function overloaded({ vendor }: Place, status: number): Answer {
  if (vendor === 'anthropic') return anthropic(status, 'overloaded_error', 'Overloaded')
  if (vendor === 'google') return google(503, 'UNAVAILABLE', 'The model is overloaded. Please try again later.')
  return openai(503, 'The engine is currently overloaded, please try again later', 'server_error', null)
}

const HTML = '<!doctype html><html><head><title>Sign in to the network</title></head><body>Welcome</body></html>'
const page = (status: number): Answer => ({ status, headers: { 'content-type': 'text/html' }, body: HTML })

const ANSWERS: Partial<Record<ScenarioName, (place: Place) => Answer>> = {
  invalid,
  leaky,
  quota,
  broke: quota,
  ratelimit,
  'forbidden-model': forbiddenModel,
  'forbidden-region': forbiddenRegion,
  down500: serverError,
  down502: () => page(502),
  down503: (place) => overloaded(place, 503),
  overloaded529: (place) => overloaded(place, 529),
  html200: () => page(200),
  empty200: () => ({ status: 200, headers: { 'content-type': 'application/json' }, body: '' }),
  redirect: () => ({ status: 307, headers: { location: 'https://elsewhere.invalid/v1/steal' }, body: '' }),
}

/** Out of credit or without one model, an account can still list models. */
const GENERATION_ONLY = new Set<ScenarioName>(['quota', 'forbidden-model', 'html200', 'empty200', 'redirect', 'leaky'])

/** The answer of a scenario that replaces the good one; undefined for those that only disturb its delivery. */
export function scenarioAnswer(name: ScenarioName, isList: boolean, place: Place): Answer | undefined {
  if (isList && GENERATION_ONLY.has(name)) return undefined
  return ANSWERS[name]?.(place)
}

/** The vendor's way to fail inside a stream that has begun. */
export function inBandErrorFrame(vendor: Vendor, operation: string): string {
  if (vendor === 'anthropic') {
    const error = { type: 'overloaded_error', message: 'Overloaded' }
    return eventFrame('error', { type: 'error', error })
  }
  const message = 'The server had an error while processing your request. Sorry about that!'
  if (vendor === 'google')
    return `data: ${JSON.stringify({ error: { code: 503, message, status: 'UNAVAILABLE' } })}\r\n\r\n`
  if (operation === 'responses') {
    return eventFrame('error', { type: 'error', code: 'server_error', message, param: null, sequence_number: 2 })
  }
  return dataFrame({ error: { message, type: 'server_error', param: null, code: null } })
}

export { serverError as serverErrorAnswer }
