// The route table as a map: what is registered is found, what is not is refused, and nothing else.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ControlRoute, DataRoute, Method, Mount, Route } from './route.ts'
import { createRouter, type RouterVerdict } from './router.ts'

function data(method: Method, path: string, more: { verb?: string; mounts?: Mount[] } = {}): DataRoute {
  const facts = { credential: 'api-key', bodyCap: 100, rateClass: 'data', summary: 'x' } as const
  return { plane: 'data', method, path, ...facts, ...more, handle: () => {} }
}

function control(method: Method, path: string, more: Partial<ControlRoute> = {}): ControlRoute {
  const facts = { credential: 'session', role: 'user', bodyCap: 0, rateClass: 'control', summary: 'x' } as const
  const handle = async (): Promise<{ status: number }> => ({ status: 200 })
  return { plane: 'control', method, path, ...facts, answers: { 200: { description: 'ok' } }, handle, ...more }
}

function found(verdict: RouterVerdict): {
  route: Route
  params: Record<string, string>
  mount: Mount | null
  path: string
} {
  if ('refused' in verdict) throw new Error(`refused: ${verdict.refused.code}`)
  return { ...verdict.found, params: { ...verdict.found.params } }
}

function refused(verdict: RouterVerdict): string {
  return 'refused' in verdict ? `${verdict.refused.code} ${verdict.allow?.join(',') ?? ''}`.trim() : 'found'
}

const chat = data('POST', '/v1/chat/completions', { mounts: ['openai'] })
const messages = data('POST', '/v1/messages', { mounts: ['anthropic'] })
const models = data('GET', '/v1/models')
const model = data('GET', '/v1/models/*model')
const generate = data('POST', '/v1beta/models/*model', { verb: 'generateContent' })
const stream = data('POST', '/v1beta/models/*model', { verb: 'streamGenerateContent' })
const geminiModel = data('GET', '/v1beta/models/*model')
const upload = data('POST', '/upload/v1beta/files', { mounts: ['gemini'] })
const caches = data('GET', '/v1beta/cachedContents')
const keys = control('GET', '/admin/provider-keys')
const addKey = control('POST', '/admin/provider-keys', { bodyCap: 10 })
const testKey = control('POST', '/admin/provider-keys/test')
const oneKey = control('DELETE', '/admin/provider-keys/:ref')
const testSaved = control('POST', '/admin/provider-keys/:ref/test')
const router = createRouter([
  chat,
  messages,
  models,
  model,
  generate,
  stream,
  geminiModel,
  upload,
  caches,
  keys,
  addKey,
  testKey,
  oneKey,
  testSaved,
])

describe('what is registered is found', () => {
  test('static paths, with one trailing slash tolerated', () => {
    expect(found(router.match('POST', '/v1/chat/completions')).route).toBe(chat)
    expect(found(router.match('POST', '/v1/chat/completions/')).route).toBe(chat)
    expect(found(router.match('GET', '/admin/provider-keys')).route).toBe(keys)
  })

  test('a fixed segment wins over a name', () => {
    expect(found(router.match('POST', '/admin/provider-keys/test')).route).toBe(testKey)
    const saved = found(router.match('POST', '/admin/provider-keys/test/test'))
    expect(saved.route).toBe(testSaved)
    expect(saved.params).toEqual({ ref: 'test' })
  })

  test('mounts and a doubled version lead to the same route, and say which mount it was', () => {
    for (const path of ['/openai/v1/chat/completions', '/v1/v1/chat/completions', '/openai/v1/v1/chat/completions/']) {
      expect(found(router.match('POST', path)).route).toBe(chat)
      expect(found(router.match('POST', path)).path).toBe('/v1/chat/completions')
    }
    expect(found(router.match('GET', '/anthropic/v1/models')).mount).toBe('anthropic')
    expect(found(router.match('GET', '/v1/models')).mount).toBeNull()
    const viaGemini = found(router.match('POST', '/gemini/v1beta/models/x:generateContent'))
    expect([viaGemini.route, viaGemini.params, viaGemini.mount]).toEqual([generate, { model: 'x' }, 'gemini'])
  })

  test('a mount leads to uploads as well, and names keep their case', () => {
    expect(found(router.match('POST', '/gemini/upload/v1beta/files')).route).toBe(upload)
    expect(refused(router.match('POST', '/openai/upload/v1beta/files'))).toBe('not_found')
    expect(found(router.match('GET', '/v1beta/cachedContents')).route).toBe(caches)
    expect(refused(router.match('GET', '/v1beta/cachedcontents'))).toBe('not_found')
  })

  test('the verb is taken off before decoding, and only a known one', () => {
    const cases: [string, string, Route, string][] = [
      ['POST', 'gemini-2.5-pro:generateContent', generate, 'gemini-2.5-pro'],
      ['POST', 'gemini-2.5-pro:streamGenerateContent', stream, 'gemini-2.5-pro'],
      ['POST', 'openai/gpt-x:generateContent', generate, 'openai/gpt-x'],
      ['POST', 'openai%2Fgpt-x:generateContent', generate, 'openai/gpt-x'],
      ['POST', 'ollama/llama3:8b:generateContent', generate, 'ollama/llama3:8b'],
      ['POST', 'a%3AgenerateContent:streamGenerateContent', stream, 'a:generateContent'],
      ['GET', 'ollama/llama3:8b', geminiModel, 'ollama/llama3:8b'],
      ['GET', 'x%3AgenerateContent', geminiModel, 'x:generateContent'],
    ]
    for (const [method, tail, route, id] of cases) {
      const verdict = found(router.match(method, `/v1beta/models/${tail}`))
      expect([verdict.route, verdict.params]).toEqual([route, { model: id }])
    }
  })

  test('any model id comes back as it was, encoded or not', () => {
    const segment = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
      // oxlint-disable-next-line no-control-regex
      .filter((text) => !/[\x00-\x1f\x7f\\/]/.test(text) && text !== '.' && text !== '..' && text.isWellFormed())
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 4 }), fc.boolean(), (segments, whole) => {
        const id = segments.join('/')
        const sent = whole ? encodeURIComponent(id) : segments.map(encodeURIComponent).join('/')
        const verdict = found(router.match('POST', `/v1beta/models/${sent}:generateContent`))
        expect(verdict.params).toEqual({ model: id })
      }),
    )
  })
})

describe('what is not registered is refused', () => {
  test('unknown paths, other cases, control routes under a mount', () => {
    const unknown = [
      '/',
      '/v1',
      '/V1/chat/completions',
      '/v1/Chat/completions',
      '/v1/files',
      '/openai/v1',
      '/v1/models//',
    ]
    const mounted = [
      '/openai/admin/provider-keys',
      '/openai/v1/messages',
      '/gemini/v1beta/models',
      '/v1/v1beta/models/x',
    ]
    for (const path of [...unknown, ...mounted]) expect(refused(router.match('POST', path))).toBe('not_found')
    expect(refused(router.match('POST', '/v1beta/models/x:predict'))).toBe('not_found')
  })

  test('a known path says which methods it takes', () => {
    expect(refused(router.match('TRACE', '/v1/chat/completions'))).toBe('method_not_allowed OPTIONS,POST')
    expect(refused(router.match('PUT', '/admin/provider-keys'))).toBe('method_not_allowed GET,HEAD,OPTIONS,POST')
    expect(refused(router.match('GET', '/v1beta/models/x:generateContent'))).toBe('method_not_allowed OPTIONS,POST')
    expect(refused(router.match('HEAD', '/v1/models'))).toBe('method_not_allowed GET,OPTIONS')
    expect(found(router.match('HEAD', '/admin/provider-keys')).route).toBe(keys)
  })

  test('names of the object prototype are no routes and no methods', () => {
    for (const name of ['__proto__', 'constructor', 'toString']) {
      expect(refused(router.match('GET', `/${name}`))).toBe('not_found')
      expect(refused(router.match(name, '/v1/models'))).toContain('method_not_allowed')
    }
  })

  test('matching anything never throws, and finds only what the path spells', () => {
    const piece = fc.constantFrom(
      'v1',
      'v1beta',
      'models',
      'admin',
      'provider-keys',
      'test',
      '%2F',
      '..',
      ':',
      'x',
      'openai',
    )
    const method = fc.constantFrom('GET', 'POST', 'HEAD', 'DELETE')
    fc.assert(
      fc.property(method, fc.array(piece, { maxLength: 7 }), (verb, pieces) => {
        const verdict = router.match(verb, `/${pieces.join('/')}`)
        if ('found' in verdict && verdict.found.route.plane === 'control') {
          expect(`/${pieces.join('/')}`).toMatch(/^\/admin\/provider-keys/)
        }
      }),
      { numRuns: 2000 },
    )
  })
})

describe('registration refuses what is incomplete or ambiguous', () => {
  const broken: [string, unknown[]][] = [
    ['the same route twice', [chat, { ...chat }]],
    ['two names for one segment', [oneKey, control('DELETE', '/admin/provider-keys/:id')]],
    ['the same verb twice', [generate, { ...generate }]],
    ['no credential', [{ ...keys, credential: undefined }]],
    ['an unknown credential', [{ ...keys, credential: 'any' }]],
    ['no role for a session', [{ ...keys, role: undefined }]],
    ['a role without a session', [{ ...chat, role: 'admin' }]],
    ['no body cap', [{ ...keys, bodyCap: undefined }]],
    ['an endless body cap', [{ ...keys, bodyCap: Infinity }]],
    ['no rate class', [{ ...keys, rateClass: undefined }]],
    ['no summary', [{ ...keys, summary: '' }]],
    ['no answers', [{ ...keys, answers: {} }]],
    ['no handler', [{ ...keys, handle: undefined }]],
    ['no plane', [{ ...keys, plane: undefined }]],
    ['a method of its own', [{ ...keys, method: 'TRACE' }]],
    ['a relative path', [{ ...keys, path: 'admin' }]],
    ['an upper-case path', [{ ...keys, path: '/Admin' }]],
    ['a trailing slash', [{ ...keys, path: '/admin/' }]],
    ['a wildcard in the middle', [{ ...model, path: '/v1/*model/x' }]],
    ['a verb without a wildcard', [{ ...chat, verb: 'generateContent' }]],
    ['a body on GET', [{ ...keys, body: {}, bodyCap: 5 }]],
  ]
  test.each(broken)('%s', (_claim, routes) => {
    expect(() => createRouter(routes as Route[])).toThrow()
  })
})
