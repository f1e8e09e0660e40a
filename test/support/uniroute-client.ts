// UniRoute's management API in a test's hands: sign in, make users, keys and API keys, read receipts. Every answer is
// kept for the canary scan, with the secrets it was meant to show.
import { randomUUID } from 'node:crypto'
import { createFakePassword, rememberSecret } from '../fake-provider/fake-keys.ts'
import type { ScannedText } from './canary-scan.ts'

// Answers are looked into field by field; the contract tests check their shapes.
export type Json = any

export interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly body: Json
}

export interface CallOptions {
  readonly token?: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as they are instead of `body` as JSON. */
  readonly raw?: string | Buffer
  readonly signal?: AbortSignal
}

export interface User {
  readonly id: string
  readonly email: string
  readonly password: string
  readonly token: string
}

/** A user with keys and one API key: all that a data-plane call needs. */
export interface Caller extends User {
  readonly apiKey: string
  readonly apiKeyId: string
  /** `pk_…` by provider, in the order given. */
  readonly providerKeyIds: Readonly<Record<string, string[]>>
}

export interface CallerOptions {
  /** Provider keys by provider; several in their order. */
  readonly keys?: Readonly<Record<string, string | readonly string[]>>
  /** Policies at the three places. */
  readonly accountFallback?: unknown
  readonly providerKeyFallback?: unknown
  readonly apiKeyFallback?: unknown
}

export interface UniRouteClient {
  readonly recorded: ScannedText[]
  call(method: string, path: string, options?: CallOptions): Promise<Reply>
  login(email?: string, password?: string): Promise<string>
  createUser(): Promise<User>
  addProviderKey(token: string, provider: string, apiKey: string, fields?: object): Promise<Json>
  createApiKey(token: string, fields?: object): Promise<{ id: string; key: string }>
  createCaller(options?: CallerOptions): Promise<Caller>
  /** GET /v1/generations/:id, waiting the second that the receipt may take. */
  readReceipt(apiKey: string, requestId: string): Promise<Json>
  /** `fetch` for SDKs, whose answers are kept for the scan as well. */
  readonly recordingFetch: typeof fetch
}

export function createUniRouteClient(url: string, admin: { email: string; password: string }): UniRouteClient {
  const recorded: ScannedText[] = []
  let adminToken: Promise<string>
  let signedInAt = -Infinity

  const keep = (name: string, headers: Headers, text: string, shows: readonly string[] = []): void => {
    const head = [...headers].map(([field, value]) => `${field}: ${value}`).join('\n')
    recorded.push({ name, text: `${head}\n\n${text}`, shows })
  }

  async function call(method: string, path: string, options: CallOptions = {}): Promise<Reply> {
    const headers: Record<string, string> = { ...options.headers }
    if (options.token !== undefined) headers['authorization'] = `Bearer ${options.token}`
    if (options.body !== undefined) headers['content-type'] ??= 'application/json'
    const response = await fetch(url + path, {
      method,
      headers,
      redirect: 'manual',
      ...(options.raw !== undefined && { body: options.raw as string }),
      ...(options.body !== undefined && { body: JSON.stringify(options.body) }),
      ...(options.signal !== undefined && { signal: options.signal }),
    })
    const text = await response.text()
    const body = parseJson(text)
    // Tokens, cookies and new API keys are secrets from here on; this one answer was meant to show them.
    const shows = [
      body?.token,
      body?.key,
      ...response.headers.getSetCookie().map((cookie) => /=([^;]+)/.exec(cookie)?.[1]),
    ]
      .filter((secret): secret is string => typeof secret === 'string' && secret.length >= 20)
      .map((secret) => rememberSecret(secret))
    keep(`${method} ${path.split('?')[0]} → ${response.status}`, response.headers, text, shows)
    return { status: response.status, headers: response.headers, text, body }
  }

  async function expectOk(method: string, path: string, options: CallOptions): Promise<Json> {
    const reply = await call(method, path, options)
    if (reply.status >= 300) throw new Error(`${method} ${path} answered ${reply.status}: ${reply.text.slice(0, 500)}`)
    return reply.body
  }

  async function login(email = admin.email, password = admin.password): Promise<string> {
    return (await expectOk('POST', '/auth/login', { body: { email, password } })).token
  }

  // One after the other: hashing many passwords at once is refused, as it should be.
  let previousUser: Promise<unknown> = Promise.resolve()
  function createUser(): Promise<User> {
    const user = previousUser.then(makeUser)
    previousUser = user.catch(() => undefined)
    return user
  }

  async function makeUser(): Promise<User> {
    const email = `user-${randomUUID().slice(0, 8)}@example.com`
    const password = createFakePassword()
    // Making users needs a sign-in of the last ten minutes, and a long file takes longer.
    if (performance.now() - signedInAt > 300_000) {
      signedInAt = performance.now()
      adminToken = login()
    }
    const made = await expectOk('POST', '/admin/users', { token: await adminToken, body: { email, password } })
    return { id: made.user.id, email, password, token: await login(email, password) }
  }

  const addProviderKey = async (token: string, provider: string, apiKey: string, fields: object = {}): Promise<Json> =>
    (await expectOk('POST', '/admin/provider-keys', { token, body: { provider, api_key: apiKey, ...fields } })).key

  const createApiKey = async (token: string, fields: object = {}): Promise<{ id: string; key: string }> =>
    expectOk('POST', '/auth/api-keys', { token, body: { name: 'test', ...fields } })

  async function createCaller(options: CallerOptions = {}): Promise<Caller> {
    const user = await createUser()
    const { token } = user
    if (options.accountFallback !== undefined) {
      await expectOk('PUT', '/auth/profile', { token, body: { fallback: options.accountFallback } })
    }
    const providerKeyIds: Record<string, string[]> = {}
    for (const [provider, keys] of Object.entries(options.keys ?? {})) {
      for (const key of [keys].flat()) {
        const added = await addProviderKey(token, provider, key)
        ;(providerKeyIds[provider] ??= []).push(added.id)
        if (options.providerKeyFallback !== undefined) {
          const body = { fallback: options.providerKeyFallback, version: added.version }
          await expectOk('PATCH', `/admin/provider-keys/${added.id}`, { token, body })
        }
      }
    }
    const fields = options.apiKeyFallback === undefined ? {} : { fallback: options.apiKeyFallback }
    const { id, key } = await createApiKey(token, fields)
    return { ...user, apiKey: key, apiKeyId: id, providerKeyIds }
  }

  async function readReceipt(apiKey: string, requestId: string): Promise<Json> {
    let last: Reply | undefined
    // Promised within one second of the end; a loaded machine gets some more.
    for (let attempt = 0; attempt < 100; attempt++) {
      last = await call('GET', `/v1/generations/${requestId}`, { token: apiKey })
      if (last.status === 200) return last.body
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    throw new Error(`No receipt for ${requestId}: ${last?.status} ${last?.text}`)
  }

  const recordingFetch: typeof fetch = async (input, init) => {
    const response = await fetch(input, init)
    const { body } = response
    if (body === null) {
      keep('SDK', response.headers, '')
      return response
    }
    const chunks: Uint8Array[] = []
    const name = `SDK ${response.status}`
    const watch = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        chunks.push(chunk)
        controller.enqueue(chunk)
      },
      flush() {
        keep(name, response.headers, Buffer.concat(chunks).toString())
      },
    })
    return new Response(body.pipeThrough(watch), response)
  }

  return { recorded, call, login, createUser, addProviderKey, createApiKey, createCaller, readReceipt, recordingFetch }
}

function parseJson(text: string): Json {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
