// What leaves for the provider: path, headers by allow-list, and the body, spliced where a rule of relay.ts says so.
// Never the client's own credential, never a header nobody asked for.
import { createHash } from 'node:crypto'
import { providerPath } from '../providers/provider.ts'
import type { RequestHeaders } from '../http/route.ts'
import type { Exchange, Target } from './exchange.ts'
import { takesBody } from './pass-table.ts'

const USER_AGENT = 'uniroute'

/** The path at the provider, with the query parameters the operation passes on. */
export function buildUpstreamPath(exchange: Exchange, target: Target): string {
  const { operation, match, clientVersion } = exchange
  const path = providerPath(target.provider, clientVersion, operation.upstreamPath(target.model))
  if (operation.query.length === 0 || match.query.size === 0) return path
  const query = new URLSearchParams()
  for (const name of operation.query) {
    const value = match.query.get(name)
    if (value !== null) query.set(name, value)
  }
  const text = query.toString()
  return text === '' ? path : `${path}?${text}`
}

/** Header names and values in turn. `credential` is the key's text, or null for a provider that needs none. */
export function buildUpstreamHeaders(
  exchange: Exchange,
  target: Target,
  credential: string | null,
  /** Beta flags where only some go on to this server. */
  betas: readonly string[] = [],
): string[] {
  const client = withOwnRepeats(exchange, target)
  const accept = client['accept'] ?? acceptOf(exchange)
  const headers = buildHeaders(target, accept, client, credential)
  if (betas.length > 0) headers.push('anthropic-beta', betas.join(','))
  return headers
}

/** What a client calls its request is told apart from what others call theirs, where they use the same account. */
function withOwnRepeats({ match, caller }: Exchange, { payer }: Target): RequestHeaders {
  const { 'idempotency-key': name } = match.headers
  if (name === undefined || payer === 'user') return match.headers
  const own = createHash('sha256').update(`${caller.principal.userId}\n${name}`).digest('hex')
  return { ...match.headers, 'idempotency-key': own }
}

/** The client's beta flags that a server like Anthropic's may know; none where all go on as they come, or none. */
export function readBetaFlags({ match }: Exchange, { provider }: Pick<Target, 'provider'>): string[] {
  const { betaFlags } = provider
  const flags = (match.headers['anthropic-beta'] ?? '').split(',').map((flag) => flag.trim())
  return betaFlags ? flags.filter((flag) => betaFlags.has(flag)) : []
}

/** What is passed through keeps its kind of body, and Google's uploads the headers that steer them. */
export function buildPassHeaders(exchange: Exchange, target: Target, credential: string | null): string[] {
  const client = exchange.match.headers
  const headers = buildHeaders(target, client['accept'] ?? '*/*', client, credential)
  // The first pair is the kind of body that everything else sends.
  const type = client['content-type']
  headers.splice(0, 2, ...(type !== undefined && takesBody(exchange.pass?.method ?? '') ? ['content-type', type] : []))
  if (exchange.pass?.prefix === '/upload') pushForwarded(headers, client, 'x-goog-upload-*')
  return headers
}

/** A translated request carries none of the client's own headers: they belong to another dialect. */
export function buildTranslatedHeaders(exchange: Exchange, target: Target, credential: string | null): string[] {
  return buildHeaders(target, acceptOf(exchange), {}, credential)
}

function acceptOf(exchange: Exchange): string {
  return exchange.streamed ? 'text/event-stream' : 'application/json'
}

function buildHeaders(
  { provider }: Target,
  accept: string,
  client: RequestHeaders,
  credential: string | null,
): string[] {
  const headers = ['content-type', 'application/json', 'accept', accept]
  headers.push('accept-encoding', 'identity', 'user-agent', USER_AGENT)
  for (const name of provider.forwardHeaders) pushForwarded(headers, client, name)
  for (const [name, value] of Object.entries(provider.defaultHeaders)) {
    if (client[name] === undefined) headers.push(name, value)
  }
  if (credential !== null) {
    const { name, scheme } = provider.authHeader(client)
    headers.push(name, scheme + credential)
  }
  return headers
}

function pushForwarded(headers: string[], client: RequestHeaders, name: string): void {
  if (!name.endsWith('*')) {
    const value = client[name]
    if (value !== undefined) headers.push(name, value)
    return
  }
  const prefix = name.slice(0, -1)
  for (const key in client) {
    const value = client[key]
    if (value !== undefined && key.startsWith(prefix)) headers.push(key, value)
  }
}
