// The authorisation matrix: every route of a table × every way of showing no right credential, as real requests. A
// route that answers any of them with something other than a refusal is listed. It is generated from the table, so a
// new route is in it from the start.
import { request as httpRequest } from 'node:http'
import type { CredentialKind, Route } from '../../server/http/route.ts'

export interface MatrixCredentials {
  /** Sent where a route wants something else: a good token must not open a key's route, nor the other way round. */
  readonly userToken: string
  readonly apiKey: string
  /** What was good once, or is good elsewhere, by what it is: revoked, expired, of a disabled user, of another kind. */
  readonly dead?: Readonly<Record<string, string>>
  /** The refresh cookie of a session that goes on. */
  readonly refreshCookie?: string
}

export interface MatrixFinding {
  readonly route: string
  readonly attempt: string
  readonly status: number
  readonly body: string
}

interface Attempt {
  readonly name: string
  readonly headers: Readonly<Record<string, string>>
  readonly query?: string
  /** What a refusal looks like. */
  readonly refusals: readonly number[]
}

const REFUSED = [401, 403]
/** Of the right form, with a wrong signature or checksum. */
const MADE_UP_TOKEN = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
const UNSIGNED_TOKEN = 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiIsInJvbGUiOiJhZG1pbiJ9.'
const MADE_UP_KEY = `ur_${'A'.repeat(49)}`

/** One value in each of the header forms a client may use. */
function inEachForm(name: string, value: string): Attempt[] {
  return [
    { name: `${name} as Bearer`, headers: { authorization: `Bearer ${value}` }, refusals: REFUSED },
    { name: `${name} as bearer`, headers: { authorization: `bearer ${value}` }, refusals: REFUSED },
    { name: `${name} without a scheme`, headers: { authorization: value }, refusals: REFUSED },
    { name: `${name} as x-api-key`, headers: { 'x-api-key': value }, refusals: REFUSED },
    { name: `${name} as x-goog-api-key`, headers: { 'x-goog-api-key': value }, refusals: REFUSED },
    { name: `${name} as ?key=`, headers: {}, query: `key=${encodeURIComponent(value)}`, refusals: REFUSED },
    {
      name: `${name} as a cookie`,
      headers: { cookie: `token=${value}; __Host-uniroute_refresh=${value}` },
      refusals: REFUSED,
    },
  ]
}

function listAttempts(route: Route, credentials: MatrixCredentials): Attempt[] {
  const attempts: Attempt[] = [
    { name: 'nothing', headers: {}, refusals: REFUSED },
    { name: 'an empty Bearer', headers: { authorization: 'Bearer ' }, refusals: REFUSED },
    { name: 'Basic', headers: { authorization: 'Basic YWRtaW46YWRtaW4=' }, refusals: REFUSED },
    {
      name: 'a key twice',
      headers: { authorization: `Bearer ${MADE_UP_KEY}`, 'x-api-key': MADE_UP_KEY },
      refusals: REFUSED,
    },
    {
      name: 'headers of a proxy',
      headers: { 'x-forwarded-for': '127.0.0.1', 'x-forwarded-user': 'admin' },
      refusals: REFUSED,
    },
    ...inEachForm('a made-up token', MADE_UP_TOKEN),
    ...inEachForm('an unsigned token', UNSIGNED_TOKEN),
    ...inEachForm('a made-up key', MADE_UP_KEY),
  ]
  for (const [name, value] of Object.entries(credentials.dead ?? {})) {
    attempts.push(
      { name: `${name} as Bearer`, headers: { authorization: `Bearer ${value}` }, refusals: REFUSED },
      { name: `${name} as x-api-key`, headers: { 'x-api-key': value }, refusals: REFUSED },
    )
  }
  if (credentials.refreshCookie !== undefined && route.credential !== 'refresh') {
    attempts.push({ name: 'a good refresh cookie', headers: { cookie: credentials.refreshCookie }, refusals: REFUSED })
  }
  if (route.credential !== 'session') attempts.push(...inEachForm('a good token', credentials.userToken))
  if (route.credential !== 'api-key') attempts.push(...inEachForm('a good key', credentials.apiKey))
  if (route.role === 'admin') {
    attempts.push({ name: 'a user', headers: { authorization: `Bearer ${credentials.userToken}` }, refusals: [403] })
  }
  return attempts
}

/** Kinds that let nobody in without something to show. */
const GUARDED: ReadonlySet<CredentialKind> = new Set<CredentialKind>(['session', 'api-key', 'refresh', 'metrics'])

/**
 * Tries every guarded route every wrong way; an empty list is a pass. Metrics need a METRICS_TOKEN to be guarded here.
 */
export async function walkAuthorisationMatrix(
  port: number,
  routes: readonly Route[],
  credentials: MatrixCredentials,
): Promise<{ attempts: number; findings: MatrixFinding[] }> {
  const findings: MatrixFinding[] = []
  let attempts = 0
  for (const route of routes.filter(({ credential }) => GUARDED.has(credential))) {
    for (const attempt of listAttempts(route, credentials)) {
      attempts++
      const { status, body } = await send(port, route, attempt)
      if (attempt.refusals.includes(status)) continue
      findings.push({ route: `${route.method} ${toPath(route)}`, attempt: attempt.name, status, body })
    }
  }
  return { attempts, findings }
}

function toPath(route: Route): string {
  const path = route.path.replaceAll(/\*[a-z_]+/g, 'gpt-x').replaceAll(/:[a-z_]+/g, '01ARZ3NDEKTSV4RRFFQ69G5FAV')
  return route.plane === 'data' && route.verb !== undefined ? `${path}:${route.verb}` : path
}

function send(port: number, route: Route, attempt: Attempt): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const takesBody = route.method === 'POST' || route.method === 'PUT' || route.method === 'PATCH'
    const path = toPath(route) + (attempt.query === undefined ? '' : `?${attempt.query}`)
    const headers = { ...attempt.headers, ...(takesBody ? { 'content-type': 'application/json' } : {}) }
    const call = httpRequest({ host: '127.0.0.1', port, method: route.method, path, headers }, (answer) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.on('end', () => resolve({ status: answer.statusCode!, body: Buffer.concat(chunks).toString() }))
    })
    call.on('error', reject).end(takesBody ? '{"model":"gpt-x"}' : undefined)
  })
}
