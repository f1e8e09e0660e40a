// Whose credential a request shows, and that no URL takes one into the log.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Secret } from '../kernel/secret.ts'
import { matchesToken, readCredential, scrubUrl } from './credentials.ts'

const read = (headers: Record<string, string>, query = ''): string | undefined => {
  const credential = readCredential('api-key', headers, new URLSearchParams(query))
  return credential?.kind === 'api-key' ? credential.key : undefined
}

describe('the UniRoute key', () => {
  test.each([
    ['Bearer', { authorization: 'Bearer ur_a' }, '', 'ur_a'],
    ['bearer in any case, with spaces', { authorization: 'bearer   ur_a ' }, '', 'ur_a'],
    ['x-api-key', { 'x-api-key': 'ur_b' }, '', 'ur_b'],
    ['x-goog-api-key', { 'x-goog-api-key': 'ur_c' }, '', 'ur_c'],
    ['?key=', {}, 'key=ur_d', 'ur_d'],
    ['rubbish before it', { authorization: 'Bearer sk-ant-x', 'x-api-key': 'ur_b' }, '', 'ur_b'],
    [
      'rubbish in three places',
      { authorization: 'Basic x', 'x-api-key': 'y', 'x-goog-api-key': '' },
      'key=ur_d',
      'ur_d',
    ],
    [
      'the first of four',
      { authorization: 'Bearer ur_a', 'x-api-key': 'ur_b', 'x-goog-api-key': 'ur_c' },
      'key=ur_d',
      'ur_a',
    ],
  ])('%s', (_claim, headers, query, key) => {
    expect(read(headers as unknown as Record<string, string>, query)).toBe(key)
  })

  test.each([
    ['nothing', {}],
    ['a JWT', { authorization: 'Bearer a.b.c' }],
    ['a key without Bearer', { authorization: 'ur_a' }],
    ['a key in another case', { authorization: 'Bearer UR_a' }],
    ['a key with a space inside', { 'x-api-key': 'ur_a b' }],
    ['a key above 4 KB', { 'x-api-key': `ur_${'a'.repeat(5000)}` }],
    ['a key with bytes above ASCII', { 'x-api-key': 'ur_é' }],
    ['a cookie', { cookie: 'key=ur_a' }],
  ])('is not in %s', (_claim, headers) => {
    expect(read(headers as unknown as Record<string, string>)).toBeUndefined()
  })

  test('has 4096 characters at most, in a header of 4096 at most', () => {
    const longest = `ur_${'a'.repeat(4093)}`
    expect(read({ 'x-api-key': longest })).toBe(longest)
    expect(read({ 'x-api-key': `${longest}a` })).toBeUndefined()
    const inBearer = longest.slice(0, 4096 - 'Bearer '.length)
    expect(read({ authorization: `Bearer ${inBearer}` })).toBe(inBearer)
    expect(read({ authorization: `Bearer ${inBearer}a` })).toBeUndefined()
  })

  test('may have spaces around it, and nothing else', () => {
    expect(read({ 'x-api-key': '  ur_b ' })).toBe('ur_b')
    for (const wrong of [
      'xBearer ur_a',
      'Bearer',
      'Bearer ur_a ur_b',
      'Bearerur_a',
      'Bearer\tur_a',
      'xur_a',
      'ur_a\u007f',
    ]) {
      expect([wrong, read({ authorization: wrong, 'x-api-key': wrong })]).toEqual([wrong, undefined])
    }
    expect(read({ 'x-api-key': 'ur_!~' })).toBe('ur_!~')
    expect(read({ 'x-api-key': 'ur_' })).toBe('ur_')
  })

  test.each(['a.b', 'a.b.c.d', '.b.c', 'a..c', 'a.b.', 'é.b.c', 'a.b.c='])('%s is no session', (token) => {
    expect(readCredential('session', { authorization: `Bearer ${token}` }, new URLSearchParams())).toBeUndefined()
  })

  test('a session may have any characters of base64url', () => {
    const token = 'aZ09_-.bY18_-.cX27_-'
    const shown = readCredential('session', { authorization: `Bearer ${token}` }, new URLSearchParams())
    expect(shown).toEqual({ kind: 'session', token })
  })

  test('opens no session, and a session is no key', () => {
    const none = new URLSearchParams()
    expect(readCredential('session', { authorization: 'Bearer ur_a' }, none)).toBeUndefined()
    expect(readCredential('session', { 'x-api-key': 'a.b.c' }, none)).toBeUndefined()
    expect(readCredential('session', { authorization: 'Bearer a.b.c' }, none)).toEqual({
      kind: 'session',
      token: 'a.b.c',
    })
    for (const kind of ['none', 'refresh', 'metrics'] as const) {
      expect(readCredential(kind, { authorization: 'Bearer ur_a' }, none)).toBeUndefined()
    }
  })
})

test('tokens are compared whole', () => {
  const secret = new Secret('metrics-token')
  expect(matchesToken('metrics-token', secret)).toBe(true)
  for (const wrong of [undefined, '', 'metrics-toke', 'metrics-token ', 'Metrics-token']) {
    expect(matchesToken(wrong, secret)).toBe(false)
  }
})

describe('a URL in the log', () => {
  test('loses the key and keeps the rest', () => {
    expect(scrubUrl('/v1/models?alt=sse&key=ur_secret&x=1')).toBe('/v1/models?alt=sse&key=[redacted]&x=1')
    expect(scrubUrl('/v1/models')).toBe('/v1/models')
    expect(scrubUrl('/v1?a=1&b')).toBe('/v1?a=1&b')
    expect(scrubUrl('/v1beta/models/AIzaSECRET:countTokens?x=1')).toBe('/v1beta/models/[redacted]?x=1')
    expect(scrubUrl('/v1/models/openai%2Fsk-SECRET/x')).toBe('/v1/models/[redacted]/x')
  })

  test.each(['key', 'api_key', 'apikey', 'token', 'access_token', 'code', 'password', 'ToKeN'])(
    'loses the value of %s, whatever it is, and keeps an empty pair and a strange one',
    (name) => {
      expect(scrubUrl(`/x?a=1&${name}=plain&&=b`)).toBe(`/x?a=1&${name}=[redacted]&&=b`)
    },
  )

  test.each(['ur_', 'sk-', 'AIza', 'AQ.', 'eyJ'])('loses what begins with %s, wherever it stands', (head) => {
    expect(scrubUrl(`/v1/${head}SECRET/x?m=${head}SECRET&${head}SECRET&y=x${head}`)).toBe(
      `/v1/[redacted]/x?m=[redacted]&[redacted]&y=x${head}`,
    )
    expect(scrubUrl(`/v1/x${head}`)).toBe(`/v1/x${head}`)
    expect(scrubUrl(`/v1/a%2f%20${head}SECRET`)).toBe('/v1/[redacted]')
  })

  test('keeps what only looks like an escape', () => {
    expect(scrubUrl('/a%zz/b%2')).toBe('/a%zz/b%2')
    expect(scrubUrl('/AQx/eyK?')).toBe('/AQx/eyK?')
  })

  test('holds no key, however its parameter is spelled', () => {
    const spelling = fc.constantFrom('key', 'k%65y', '%6Bey', 'KEY', 'api_key', 'access_token', 'odd')
    const pair = fc.tuple(spelling, fc.constantFrom('ur_CANARY', 'ur%5FCANARY', 'sk-CANARY'), fc.boolean())
    const other = fc.string({ unit: fc.constantFrom('a', '=', '%', '+', '2'), maxLength: 6 })
    fc.assert(
      fc.property(fc.array(fc.oneof(pair, other), { maxLength: 6 }), (pairs) => {
        const query = pairs.map((one) => (typeof one === 'string' ? one : `${one[0]}=${one[1]}`)).join('&')
        expect(scrubUrl(`/v1/x?${query}`)).not.toContain('CANARY')
      }),
    )
  })

  test('holds nothing of any value under key', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (value) => {
        expect(scrubUrl(`/x?key=${encodeURIComponent(value)}`)).toBe('/x?key=[redacted]')
      }),
    )
  })
})
