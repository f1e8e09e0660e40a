// Every error UniRoute itself gives, in one table: what it means, its HTTP status and where it came from.
// `origin` decides what happens: `client` is never retried; `credential` marks a key and moves on; `upstream` may be
// retried, then moves on; `gateway` is ours. Each row stands in docs/errors.md, which is generated from this table.

export type ErrorOrigin = 'client' | 'credential' | 'upstream' | 'gateway'

export interface ErrorRow {
  readonly status: number
  readonly origin: ErrorOrigin
  /** May the very same request succeed later without anyone changing anything? */
  readonly retryable: boolean
  /** The sentence used where the place that throws gives none. */
  readonly message: string
}

const row = (status: number, origin: ErrorOrigin, retryable: boolean, message: string): ErrorRow => ({
  status,
  origin,
  retryable,
  message,
})

export const ERRORS = {
  // The request itself.
  bad_request: row(400, 'client', false, 'The request could not be understood.'),
  invalid_json: row(400, 'client', false, 'The body is not valid JSON. Send one JSON object.'),
  validation_failed: row(400, 'client', false, 'Some fields are missing or wrong; see details.'),
  unsupported_parameter: row(400, 'client', false, 'A parameter has no counterpart at this provider. Remove it.'),
  context_length_exceeded: row(400, 'client', false, 'The prompt is longer than the model allows.'),
  base_url_not_allowed: row(
    400,
    'client',
    false,
    'This server does not accept keys with their own base_url. Leave base_url out, or ask the operator to set USER_BASE_URLS=on.',
  ),
  unknown_provider: row(404, 'client', false, 'There is no provider of that name on this server.'),
  not_found: row(404, 'client', false, 'There is nothing at this address.'),
  model_not_found: row(404, 'client', false, 'No provider on this server knows that model.'),
  method_not_allowed: row(405, 'client', false, 'This address does not take that method.'),
  request_timeout: row(408, 'client', true, 'The request body stopped arriving. Send it again.'),
  conflict: row(409, 'client', false, 'This is in conflict with what is stored.'),
  version_conflict: row(
    409,
    'client',
    false,
    'Somebody changed this meanwhile. Load it again, then repeat your change.',
  ),
  rotation_not_ready: row(409, 'client', false, 'The master key cannot be changed yet.'),
  kid_in_use: row(409, 'client', true, 'This master key is still needed.'),
  provider_key_exists: row(409, 'client', false, 'This key is already saved.'),
  email_taken: row(409, 'client', false, 'An account with this e-mail address exists. Sign in instead.'),
  setup_done: row(409, 'client', false, 'Set-up is done already. Sign in instead.'),
  payload_too_large: row(413, 'client', false, 'The body is larger than this address accepts.'),
  unsupported_media_type: row(415, 'client', false, 'Send the body as application/json.'),
  expectation_failed: row(
    417,
    'client',
    false,
    'The only Expect header understood here is 100-continue. Leave it out.',
  ),
  unprocessable: row(422, 'client', false, 'The request is well-formed but cannot be carried out.'),
  upgrade_required: row(
    426,
    'client',
    false,
    'WebSockets are not served here, so realtime and live sessions are not. Everything else works by POST, with server-sent events.',
  ),
  headers_too_large: row(431, 'client', false, 'The request headers are too large.'),

  // Who calls.
  invalid_api_key: row(
    401,
    'client',
    false,
    'This is not a valid UniRoute API key. Send one that starts with ur_ as Authorization: Bearer, x-api-key or x-goog-api-key.',
  ),
  unauthenticated: row(
    401,
    'client',
    false,
    'Sign in first: send Authorization: Bearer with the token of POST /auth/login.',
  ),
  invalid_credentials: row(401, 'client', false, 'The e-mail address or the password is wrong.'),
  second_factor_required: row(
    401,
    'client',
    false,
    'Send the code of your authenticator app as well, or a recovery code.',
  ),
  invalid_second_factor: row(401, 'client', false, 'That code is wrong, or was used already. Wait for the next one.'),
  second_factor_not_set_up: row(
    403,
    'client',
    false,
    'This server demands a second factor of you. Add one first (POST /auth/second-factor); until then nothing else is open.',
  ),
  second_factor_exists: row(409, 'client', false, 'This account has a second factor already, or none was begun.'),
  session_expired: row(401, 'client', false, 'This session is over. Sign in again.'),
  forbidden: row(403, 'client', false, 'Your account may not do this.'),
  reauthentication_required: row(403, 'client', false, 'Sign in again first; this needs a recent sign-in.'),
  registration_closed: row(
    403,
    'client',
    false,
    'Registration is closed on this server. Ask its administrator for an account.',
  ),
  invalid_invite: row(403, 'client', false, 'This invitation is not valid, or was used already. Ask for a new one.'),
  invalid_setup_code: row(
    403,
    'client',
    false,
    'That set-up code is wrong or too old. Restart UniRoute and open the link it prints.',
  ),
  invalid_reset_code: row(
    403,
    'client',
    false,
    'This reset link is not valid, or was used already. Ask for a new one.',
  ),
  admin_key_refused: row(400, 'client', false, 'The provider refused this admin key.'),
  model_not_allowed: row(403, 'client', false, 'This UniRoute API key may not use that model.'),
  too_many_attempts: row(429, 'client', true, 'Too many attempts. Wait, then try again.'),
  rate_limit_exceeded: row(429, 'client', true, 'The rate limit is reached. Wait, then try again.'),

  // Whose key may serve, and what became of it (the table of states).
  no_usable_key: row(403, 'credential', false, 'You have no key for this provider, and no other key may serve.'),
  model_not_enabled: row(403, 'credential', false, 'The account behind this key may not use that model.'),
  provider_key_invalid: row(424, 'credential', false, 'The provider rejected the key.'),
  provider_quota_exhausted: row(402, 'credential', false, 'The account behind this key has no credit or quota left.'),
  own_cap_reached: row(402, 'credential', false, 'The spending cap you set on this key is reached.'),
  budget_exceeded: row(
    402,
    'client',
    false,
    'A budget of this UniRoute API key, of its user or of the team is used up.',
  ),
  server_allowance_spent: row(402, 'client', false, "Today's allowance on the server's keys is used up."),
  price_unknown: row(
    402,
    'client',
    false,
    'A limit in dollars holds, and nobody knows what this request may cost. Ask an administrator to tell the price of the model.',
  ),
  provider_key_unreadable: row(
    503,
    'gateway',
    false,
    'UniRoute cannot open this key, and tried no other. Enter it again, or contact the operator.',
  ),

  // The provider.
  upstream_malformed: row(502, 'upstream', true, 'The provider sent an answer that cannot be read.'),
  upstream_error: row(503, 'upstream', true, 'The provider failed. Try again.'),
  upstream_forbidden: row(403, 'upstream', false, 'The provider refuses this request for this account or region.'),
  overloaded: row(503, 'upstream', true, 'The provider is overloaded. Try again.'),
  timeout: row(504, 'upstream', false, 'The provider did not answer in time.'),
  translation_not_available: row(
    501,
    'client',
    false,
    'This model belongs to a provider that speaks another API dialect, and this release does not translate between them yet.',
  ),

  // Us.
  client_closed: row(499, 'client', false, 'The client went away before the answer was complete.'),
  gateway_overloaded: row(503, 'gateway', true, 'UniRoute is overloaded. Try again.'),
  draining: row(503, 'gateway', true, 'UniRoute is restarting. Try again.'),
  storage_full: row(503, 'gateway', true, 'UniRoute has no disk space left to record this call, so it was not made.'),
  storage_unavailable: row(503, 'gateway', true, 'The database does not answer. Try again.'),
  internal_error: row(500, 'gateway', false, 'UniRoute made a mistake. The request id finds it in the logs.'),
} as const satisfies Record<string, ErrorRow>

export type ErrorCode = keyof typeof ERRORS

export interface ErrorOptions {
  /** The only text that leaves: what was wrong and what to do. Never a secret, never an upstream URL. */
  message?: string
  status?: number
  origin?: ErrorOrigin
  retryable?: boolean
  /** Seconds the caller should wait. */
  retryAfter?: number
  /** Structured and public, for the control plane's `details`. */
  details?: unknown
  cause?: unknown
}

export class GatewayError extends Error {
  override readonly name = 'GatewayError'
  readonly code: ErrorCode
  readonly status: number
  readonly origin: ErrorOrigin
  readonly retryable: boolean
  readonly publicMessage: string
  readonly retryAfter: number | undefined
  readonly details: unknown

  constructor(code: ErrorCode, options: ErrorOptions = {}) {
    const found: ErrorRow = ERRORS[code]
    const message = options.message ?? found.message
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.status = options.status ?? found.status
    this.origin = options.origin ?? found.origin
    this.retryable = options.retryable ?? found.retryable
    this.publicMessage = message
    this.retryAfter = options.retryAfter
    this.details = options.details
  }
}

/** Any thrown value as a GatewayError; what is not ours becomes `internal_error` with the original as its cause. */
export function toGatewayError(thrown: unknown): GatewayError {
  return thrown instanceof GatewayError ? thrown : new GatewayError('internal_error', { cause: thrown })
}
