// The open addresses over a real server, the description of the table, and the authorisation matrix over both planes.
import vm from 'node:vm'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { walkAuthorisationMatrix } from '../../test/support/authorisation-matrix.ts'
import {
  authenticateForTest,
  GOOD_KEY,
  startTestHttp,
  type TestHttp,
  USER_TOKEN,
} from '../../test/support/http-server.ts'
import { GatewayError } from '../kernel/errors.ts'
import { Secret } from '../kernel/secret.ts'
import { encodeControlError, sendAnswer } from './answers.ts'
import { readCredential } from './credentials.ts'
import { createOpenRoutes } from './open-routes.ts'
import { describeRoutes } from './openapi.ts'
import { type DataRoute, defineControlRoute, type Route } from './route.ts'

const budgetSchema = z
  .strictObject({ usd: z.number().positive(), period: z.enum(['day', 'month']).default('day') })
  .meta({ id: 'Budget' })
const thingSchema = z.object({ id: z.string(), budget: budgetSchema.nullable() }).meta({ id: 'Thing' })

/** Authenticates like the gateway's pipeline: itself, through the handed-in function. */
const dataRoute = (method: DataRoute['method'], path: string, verb?: string): DataRoute => ({
  plane: 'data',
  method,
  path,
  ...(verb === undefined ? {} : { verb }),
  credential: 'api-key',
  bodyCap: 1024,
  rateClass: 'data',
  summary: `Data at ${path}`,
  handle: async (request, response, match) => {
    const credential = readCredential('api-key', match.headers, match.query)
    try {
      if (!credential) throw new GatewayError('invalid_api_key')
      await authenticateForTest(credential)
      response.end('served')
    } catch (error) {
      sendAnswer(request, response, encodeControlError(error as GatewayError))
    }
  },
})

const things: Route[] = [
  defineControlRoute({
    method: 'POST',
    path: '/admin/things/:ref',
    credential: 'session',
    role: 'admin',
    bodyCap: 1024,
    rateClass: 'control',
    summary: 'Makes a <thing> & more',
    params: z.object({ ref: z.string().max(40) }),
    query: z.strictObject({ limit: z.coerce.number().optional() }),
    body: z.strictObject({ name: z.string(), budget: budgetSchema.optional() }),
    answers: { 201: { description: 'Made.', schema: thingSchema }, 409: { description: 'There is one.' } },
    handle: async () => ({ status: 201, body: {} }),
  }),
  defineControlRoute({
    method: 'GET',
    path: '/own/things',
    credential: 'session',
    role: 'user',
    bodyCap: 0,
    rateClass: 'control',
    summary: 'Lists',
    answers: { 200: { description: 'All.', schema: z.object({ things: z.array(thingSchema) }) } },
    handle: async () => ({ status: 200, body: { things: [] } }),
  }),
  dataRoute('POST', '/v1/chat/completions'),
  dataRoute('GET', '/v1/models/*model'),
  dataRoute('POST', '/v1beta/models/*model', 'generateContent'),
]

let ready = { ready: true, reasons: [] as string[] }
let setup: 'off' | 'needed' | 'done' = 'needed'
let draining = false
const open = createOpenRoutes({
  version: '1.2.3',
  publicUrl: () => 'http://localhost:8084',
  routes: () => routes,
  checkReady: async () => ready,
  isDraining: () => draining,
  readSetup: async () => setup,
  readMetrics: async () => ({ contentType: 'text/plain; version=0.0.4; charset=utf-8', text: 'up 1\n' }),
})
const routes: Route[] = [...open, ...things]

let server: TestHttp
let guarded: TestHttp
beforeAll(async () => {
  server = await startTestHttp({ routes })
  guarded = await startTestHttp({ routes, metricsToken: new Secret('metrics-token') })
})
afterAll(async () => void (await Promise.all([server.http.drain(0), guarded.http.drain(0)])))
beforeEach(() => {
  ready = { ready: true, reasons: [] }
  setup = 'needed'
  draining = false
})

const get = (path: string, headers: Record<string, string> = {}, at = server): Promise<Response> =>
  fetch(at.url + path, { headers })

describe('probes', () => {
  test('/health is alive whatever is missing', async () => {
    ready = { ready: false, reasons: ['database'] }
    const answer = await get('/health')
    expect([answer.status, await answer.json()]).toEqual([200, { status: 'ok' }])
  })

  test('/ready says what is missing, and 503 while draining', async () => {
    expect((await get('/ready')).status).toBe(200)
    ready = { ready: false, reasons: ['database'] }
    const answer = await get('/ready')
    expect([answer.status, await answer.json()]).toEqual([503, { status: 'not ready', reasons: ['database'] }])
    ready = { ready: true, reasons: [] }
    draining = true
    expect(await (await get('/ready')).json()).toEqual({ status: 'not ready', reasons: ['draining'] })
  })

  test('/metrics without a token is for this machine only, not for whom a proxy on it speaks', async () => {
    const answer = await get('/metrics')
    expect([answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([
      200,
      'text/plain; version=0.0.4; charset=utf-8',
      'up 1\n',
    ])
    expect((await get('/metrics', { 'x-forwarded-for': '127.0.0.1' })).status).toBe(403)
  })

  test('/metrics with a token wants that token, from anywhere', async () => {
    expect((await get('/metrics', {}, guarded)).status).toBe(401)
    expect((await get('/metrics', { authorization: 'Bearer metrics-toke' }, guarded)).status).toBe(401)
    expect((await get('/metrics', { authorization: 'Bearer metrics-token' }, guarded)).status).toBe(200)
  })
})

describe('pages', () => {
  test('have no inline script or style, and a policy that would not run one', async () => {
    for (const path of ['/', '/setup', '/docs']) {
      const answer = await get(path)
      const html = await answer.text()
      expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8')
      expect(answer.headers.get('content-security-policy')).toBe(
        "default-src 'self'; base-uri 'self'; object-src 'none'; frame-ancestors 'none'; form-action 'self'",
      )
      expect(html).not.toMatch(/<script(?![^>]* src=)|<style| on[a-z]+=| style=|https?:\/\//)
      for (const [, file] of html.matchAll(/(?:src|href)="(static\/[^"]+)"/g)) {
        const found = await get(`/${file}`)
        expect([found.status, found.headers.get('x-content-type-options')]).toEqual([200, 'nosniff'])
      }
    }
  })

  test('/ offers set-up while it is needed', async () => {
    expect(await (await get('/')).text()).toContain('href="setup"')
    setup = 'done'
    expect(await (await get('/')).text()).not.toContain('href="setup"')
  })

  test('/setup has the form only while it is needed, and is not there where the environment names the administrator', async () => {
    expect(await (await get('/setup')).text()).toContain('<form')
    setup = 'done'
    const done = await get('/setup')
    const html = await done.text()
    expect([done.status, html.includes('<form'), html.includes('done already')]).toEqual([200, false, true])
    setup = 'off'
    const off = await get('/setup')
    expect([off.status, ((await off.json()) as { code: string }).code]).toEqual([404, 'not_found'])
  })

  test('/docs escapes what the table says and needs no script', async () => {
    const html = await (await get('/docs')).text()
    expect(html).toContain('Makes a &#60;thing&#62; &#38; more')
    expect(html).toContain('/v1beta/models/{model}:generateContent')
    expect(html).not.toContain('<script')
  })
})

describe('the set-up form', () => {
  /** Runs the page's script over the few things of a browser it touches. */
  async function runForm(answer: { status: number; body: unknown }) {
    const sent: { url: string; body?: unknown }[] = []
    const label = { hidden: false }
    const field = (value: string) => ({ value, closest: () => label })
    const elements = {
      code: field(''),
      email: field(' a@b.example '),
      password: field('correct horse battery'),
      name: field(''),
    }
    const status = { textContent: '' }
    const submitters: ((event: { preventDefault(): void }) => void)[] = []
    const button = { disabled: false }
    const form = {
      elements,
      hidden: false,
      reset: () => (elements.password.value = ''),
      querySelector: () => button,
      addEventListener: (_name: string, listener: (typeof submitters)[number]) => submitters.push(listener),
    }
    const replaced: unknown[][] = []
    const fetchHere = async (url: string, options?: { body: string }) => {
      sent.push({ url, ...(options ? { body: JSON.parse(options.body) as unknown } : {}) })
      const { status, body } = options ? answer : { status: 200, body: { needed: true } }
      return { status, ok: status < 300, json: async () => body }
    }
    vm.runInNewContext(readFileSync(new URL('./static/setup.js', import.meta.url), 'utf8'), {
      document: { querySelector: (what: string) => (what === 'form' ? form : status) },
      location: { hash: '#one-time%2Dcode', pathname: '/setup' },
      history: { replaceState: (...values: unknown[]) => void replaced.push(values) },
      fetch: fetchHere,
      decodeURIComponent,
    })
    submitters[0]!({ preventDefault: () => {} })
    await expect.poll(() => button.disabled).toBe(false)
    return { sent, replaced, status, form, elements }
  }

  test('takes the code out of the address, sends it once and shows who became administrator', async () => {
    const { sent, replaced, status, form, elements } = await runForm({
      status: 201,
      body: { token: 'never-shown', user: { email: 'a@b.example' } },
    })
    expect(replaced).toEqual([[null, '', '/setup']])
    expect(sent).toEqual([
      { url: 'auth/setup' },
      { url: 'auth/setup', body: { code: 'one-time-code', email: 'a@b.example', password: 'correct horse battery' } },
    ])
    expect([form.hidden, elements.password.value]).toEqual([true, ''])
    expect(status.textContent).toContain('a@b.example is the administrator')
    expect(status.textContent).not.toContain('never-shown')
  })

  test('shows the sentence of a refusal and keeps what was typed', async () => {
    const { status, form, elements } = await runForm({
      status: 403,
      body: { error: 'That code is too old.', code: 'x' },
    })
    expect(status.textContent).toBe('That code is too old.')
    expect([form.hidden, elements.password.value]).toEqual([false, 'correct horse battery'])
  })
})

describe('the OpenAPI document', () => {
  const document = describeRoutes(routes, { version: '1.2.3', publicUrl: 'http://localhost:8084' })

  test('has every route of the table and no other', async () => {
    const served = (await (await get('/openapi.json')).json()) as typeof document
    expect(served).toEqual(JSON.parse(JSON.stringify(document)))
    const described = Object.entries(served.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    )
    const registered = routes.map((route) => {
      const verb = route.plane === 'data' && route.verb !== undefined ? `:${route.verb}` : ''
      return `${route.method} ${route.path.replaceAll(/[:*]([a-z_]+)/g, '{$1}')}${verb}`
    })
    expect(described.sort()).toEqual(registered.sort())
  })

  test('points nowhere that is not there', () => {
    const names = Object.keys(document.components.schemas)
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map((found) => found[1]!)
    expect(references.length).toBeGreaterThan(3)
    for (const reference of references) expect(names.map((name) => `#/components/schemas/${name}`)).toContain(reference)
    expect(JSON.stringify(document)).not.toContain('$defs')
  })

  test('gives one name two shapes only where they differ', () => {
    // The default makes `period` optional on the way in and certain on the way out.
    const { Budget, BudgetInput, Thing, ThingInput } = document.components.schemas
    expect(Budget?.['required']).toEqual(['usd', 'period'])
    expect(BudgetInput?.['required']).toEqual(['usd'])
    expect(Thing).toBeDefined()
    expect(ThingInput).toBeUndefined()
    const body = document.paths['/admin/things/{ref}']!['post']!['requestBody']
    expect(JSON.stringify(body)).toContain('"#/components/schemas/BudgetInput"')
  })

  test('says for each operation who may call it, and names no operation twice', () => {
    const operations = Object.values(document.paths).flatMap((one) => Object.values(one))
    for (const operation of operations) {
      expect(operation['summary']).toBeTruthy()
      for (const need of operation['security'] as Record<string, unknown>[]) {
        expect(Object.keys(document.components.securitySchemes)).toContain(Object.keys(need)[0])
      }
    }
    const ids = operations.map((operation) => operation['operationId'])
    expect(new Set(ids).size).toBe(ids.length)
    const make = document.paths['/admin/things/{ref}']!['post']!
    expect(make['parameters']).toEqual([
      { name: 'ref', in: 'path', required: true, schema: { type: 'string', maxLength: 40 } },
      { name: 'limit', in: 'query', required: false, schema: { type: 'number' } },
    ])
  })
})

describe('the authorisation matrix', () => {
  const credentials = { userToken: USER_TOKEN, apiKey: GOOD_KEY }

  test('lets nobody in without the credential a route names', async () => {
    const { attempts, findings } = await walkAuthorisationMatrix(guarded.port, routes, credentials)
    expect(findings).toEqual([])
    expect(attempts).toBeGreaterThan(6 * 25)
  })

  test('finds a route that forgot to ask', async () => {
    const careless: Route[] = [
      { ...dataRoute('POST', '/v1/careless'), handle: (_request, response) => void response.end('served') },
    ]
    const hole = await startTestHttp({ routes: careless })
    const { attempts, findings } = await walkAuthorisationMatrix(hole.port, careless, credentials)
    await hole.http.drain(0)
    expect(findings).toHaveLength(attempts)
  })
})
