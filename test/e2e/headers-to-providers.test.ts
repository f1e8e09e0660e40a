// Which headers come in and which go on to a provider: a row for each provider and dialect, through the whole gateway.
// Every request carries everything a client could send, so that what is not listed is seen to be left behind.
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { CLIENTS, useHeaderGateway, type Client } from '../support/header-gateway.ts'

const gateway = useHeaderGateway()

const BETAS = 'context-management-2025-06-27,odd-beta-2026-01-01,interleaved-thinking-2025-05-14'

/** Everything that some client sends to some vendor, and what belongs to nobody but the client. */
const EVERYTHING: Readonly<Record<string, string>> = {
  accept: 'application/json',
  'accept-encoding': 'gzip, br',
  'anthropic-beta': BETAS,
  'anthropic-version': '2023-06-01',
  'anthropic-workspace-id': 'wrkspc_1',
  'anthropic-dangerous-direct-browser-access': 'true',
  cookie: 'session=1',
  'idempotency-key': 'idem-1',
  'openai-beta': 'responses=v1',
  'openai-organization': 'org-1',
  'openai-project': 'proj-1',
  originator: 'codex_cli_rs',
  'session-id': 'session-1',
  'thread-id': 'thread-1',
  'user-agent': 'anthropic-sdk/1.0',
  'x-api-key': 'sk-ant-somebody-elses',
  'x-client-request-id': 'client-1',
  'x-codex-turn-state': 'state-1',
  'x-forwarded-for': '10.0.0.1',
  'x-forwarded-host': 'example.com',
  'x-goog-api-client': 'google-genai-sdk/3.1',
  'x-goog-api-key': 'AIza-somebody-elses',
  'x-server-timeout': '60',
  'x-stainless-lang': 'js',
  'x-stainless-retry-count': '0',
  'x-uniroute-fallback': 'no_key',
  'x-uniroute-anything': '1',
}

const OPENAI_FORWARDED = {
  'idempotency-key': 'idem-1',
  'openai-beta': 'responses=v1',
  originator: 'codex_cli_rs',
  'session-id': 'session-1',
  'thread-id': 'thread-1',
  'x-client-request-id': 'client-1',
  'x-codex-turn-state': 'state-1',
}

/** Of every request, whoever gets it. */
const COMMON = {
  accept: 'application/json',
  'accept-encoding': 'identity',
  'content-type': 'application/json',
  'user-agent': 'uniroute',
}
const TRANSPORT = new Set(['host', 'connection', 'content-length', 'transfer-encoding'])

/** What reached the provider beside what every HTTP request has; a name that came twice is no object's. */
function sentHeaders(): Record<string, string> {
  const [call] = gateway.upstream.arrived
  const headers = call!.headers.filter(([name]) => !TRANSPORT.has(name))
  expect(new Set(headers.map(([name]) => name)).size).toBe(headers.length)
  return Object.fromEntries(headers)
}

interface Row {
  readonly name: string
  readonly client: Client
  readonly model: string
  readonly headers?: Readonly<Record<string, string>>
  readonly path: string
  /** All that is sent beside COMMON. */
  readonly sent: Readonly<Record<string, string>>
}

const AZURE_HEADERS = { 'api-key': gateway.keys.azure }
const ROWS: readonly Row[] = [
  {
    name: 'Anthropic, its own dialect, until version 2026-10-21',
    client: 'messages',
    model: 'claude-sonnet-5',
    path: '/v1/messages?beta=true',
    sent: { 'anthropic-version': '2023-06-01', 'anthropic-beta': BETAS, 'x-api-key': gateway.keys.anthropic },
  },
  {
    name: 'Anthropic, its own dialect, from version 2026-10-21 on',
    client: 'messages',
    model: 'claude-sonnet-5',
    headers: { 'anthropic-version': '2026-10-21' },
    path: '/v1/messages?beta=true',
    sent: {
      'anthropic-version': '2026-10-21',
      'anthropic-beta': BETAS,
      authorization: `Bearer ${gateway.keys.anthropic}`,
    },
  },
  {
    name: 'Anthropic, translated',
    client: 'chat',
    model: 'claude-sonnet-5',
    headers: { 'anthropic-version': '2026-10-21' },
    path: '/v1/messages',
    sent: { 'anthropic-version': '2023-06-01', 'x-api-key': gateway.keys.anthropic },
  },
  {
    name: 'another server of Anthropic’s dialect: betas by a list, the key never as bearer',
    client: 'messages',
    model: 'antlike/claude-x',
    headers: { 'anthropic-version': '2026-10-21' },
    path: '/antlike/v1/messages?beta=true',
    sent: {
      'anthropic-version': '2026-10-21',
      'anthropic-beta': 'context-management-2025-06-27,interleaved-thinking-2025-05-14',
      'x-api-key': gateway.keys.antlike,
    },
  },
  {
    name: 'OpenAI, Chat',
    client: 'chat',
    model: 'gpt-5',
    path: '/v1/chat/completions',
    sent: { ...OPENAI_FORWARDED, authorization: `Bearer ${gateway.keys.openai}` },
  },
  {
    name: 'OpenAI, Responses',
    client: 'responses',
    model: 'gpt-5',
    path: '/v1/responses',
    sent: { ...OPENAI_FORWARDED, authorization: `Bearer ${gateway.keys.openai}` },
  },
  {
    name: 'OpenAI, translated',
    client: 'messages',
    model: 'gpt-5',
    path: '/v1/responses',
    sent: { authorization: `Bearer ${gateway.keys.openai}` },
  },
  {
    name: 'a compatible server',
    client: 'chat',
    model: 'compat/llama',
    path: '/compat/v1/chat/completions',
    sent: { authorization: `Bearer ${gateway.keys.compat}` },
  },
  {
    name: 'a compatible server, translated',
    client: 'gemini',
    model: 'compat/llama',
    path: '/compat/v1/chat/completions',
    sent: { authorization: `Bearer ${gateway.keys.compat}` },
  },
  {
    name: 'Azure, Chat',
    client: 'chat',
    model: 'azure/gpt-5',
    path: '/azure/openai/v1/chat/completions',
    sent: AZURE_HEADERS,
  },
  {
    name: 'Azure, Responses',
    client: 'responses',
    model: 'azure/gpt-5',
    path: '/azure/openai/v1/responses',
    sent: AZURE_HEADERS,
  },
  {
    name: 'Azure, translated',
    client: 'messages',
    model: 'azure/gpt-5',
    path: '/azure/openai/v1/responses',
    sent: AZURE_HEADERS,
  },
  {
    name: 'Google, its own dialect',
    client: 'gemini',
    model: 'gemini-3.5-flash',
    path: '/v1beta/models/gemini-3.5-flash:generateContent',
    sent: {
      'x-goog-api-client': 'google-genai-sdk/3.1',
      'x-server-timeout': '60',
      'x-goog-api-key': gateway.keys.google,
    },
  },
  {
    name: 'Google, translated',
    client: 'messages',
    model: 'gemini-3.5-flash',
    path: '/v1beta/models/gemini-3.5-flash:generateContent',
    sent: { 'x-goog-api-key': gateway.keys.google },
  },
]

describe('to the provider go these headers and no other', () => {
  test.each(ROWS)('$name', async ({ client, model, headers, path, sent }) => {
    const reply = await gateway.ask(client, model, { headers: { ...EVERYTHING, ...headers } })
    expect([reply.status, reply.text.slice(0, 300)]).toEqual([200, expect.any(String)])
    expect(gateway.upstream.arrived.map((call) => call.path)).toEqual([path])
    expect(sentHeaders()).toEqual({ ...COMMON, ...sent })
  })
})

describe('coming in', () => {
  const elsewhere = {
    authorization: 'Bearer sk-rubbish',
    'x-api-key': 'sk-ant-rubbish',
    'x-goog-api-key': 'AIzaRubbish',
  }
  test.each([
    ['Authorization', () => ({ authorization: `Bearer ${gateway.caller.apiKey}` }), ''],
    ['x-api-key', () => ({ 'x-api-key': gateway.caller.apiKey }), ''],
    ['x-goog-api-key', () => ({ 'x-goog-api-key': gateway.caller.apiKey }), ''],
    ['?key=', () => ({}), '&key='],
  ] as const)('the UniRoute key is found in %s, whatever stands in the others', async (_place, shown, query) => {
    const path = `/v1beta/models/gemini-3.5-flash:generateContent?x=1${query === '' ? '' : query + gateway.caller.apiKey}`
    const { body } = CLIENTS.gemini('')
    const reply = await gateway.app.call('POST', path, { headers: { ...elsewhere, ...shown() }, body })
    expect(reply.status).toBe(200)
    expect(gateway.upstream.arrived[0]!.path).not.toContain('key=')
    expect(sentHeaders()['x-goog-api-key']).toBe(gateway.keys.google)
    expect(gateway.app.logged.join('\n')).not.toContain(gateway.caller.apiKey)
  })

  test.each([
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
  ] as const)('a body in %s reaches the provider decoded', async (encoding, compress) => {
    const { path, body } = CLIENTS.chat('gpt-5')
    const headers = {
      authorization: `Bearer ${gateway.caller.apiKey}`,
      'content-type': 'application/json',
      'content-encoding': encoding,
    }
    const reply = await gateway.app.call('POST', path, { headers, raw: compress(Buffer.from(JSON.stringify(body))) })
    expect(reply.status).toBe(200)
    expect(JSON.parse(gateway.upstream.arrived[0]!.body.toString())).toEqual(body)
    expect(sentHeaders()['content-encoding']).toBeUndefined()
  })
})
