// A scanner that finds nothing proves nothing: each way a secret can leak is planted here and must be found.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createFakeKey, createFakePassword } from '../fake-provider/fake-keys.ts'
import { scanForSecrets } from './canary-scan.ts'

const scan = (text: string | Buffer, secrets: string[]) => scanForSecrets({ texts: [{ name: 'text', text }], secrets })

describe.each([
  ['a provider key', createFakeKey('openai', 'ratelimit')],
  ['a password', createFakePassword()],
])('%s', (_name, secret) => {
  test.each([
    ['raw', secret],
    ['in JSON', JSON.stringify({ error: `key ${secret} failed` })],
    ['in JSON with escapes', JSON.stringify(secret).replaceAll('é', '\\u00e9')],
    ['in a URL', `/v1?key=${encodeURIComponent(secret)}&a=b`],
    ['hex', Buffer.from(`x${secret}`).toString('hex')],
    ['HEX', Buffer.from(secret).toString('hex').toUpperCase()],
    ['base64', Buffer.from(secret).toString('base64')],
    ['base64, one off', Buffer.from(`a${secret}b`).toString('base64')],
    ['base64, two off', Buffer.from(`ab${secret}c`).toString('base64')],
    ['base64url', Buffer.from(`user:${secret}`).toString('base64url')],
    ['eight characters of the middle', `…${secret.slice(-14, -6)}…`],
    ['the last eight', secret.slice(-8)],
  ])('is found %s', (_how, text) => {
    expect(scan(text, [secret])).not.toEqual([])
  })
})

test('the public head and the last four characters are no leak, and neither is another key', () => {
  const key = createFakeKey('openai', 'ratelimit')
  const text = `sk-proj-ratelimit-…${key.slice(-4)} x-ratelimit-remaining CANARY ${createFakeKey('openai')}`
  expect(scan(text.replace('CANARY ', ''), [key])).toEqual([])
})

test('of a JWT only the signature is a secret, of a ur_ key everything behind ur_', () => {
  const jwt = `eyJhbGciOiJIUzI1NiJ9.${Buffer.from('{"sub":"a-user"}').toString('base64url')}.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg`
  expect(scan('{"sub":"a-user"} eyJhbGciOiJIUzI1NiJ9', [jwt])).toEqual([])
  expect(scan('c2lnbmF0dXJl', [jwt])).not.toEqual([])
  expect(scan('abcdefgh', ['ur_abcdefghij'])).not.toEqual([])
})

test('files are read whole, also binary ones, and files that hold the secret on purpose can be named', () => {
  const key = createFakeKey('anthropic')
  const folder = mkdtempSync(join(tmpdir(), 'canary-'))
  writeFileSync(
    join(folder, 'usage.db-wal'),
    Buffer.concat([Buffer.alloc(70_000, 0xff), Buffer.from(key), Buffer.alloc(9)]),
  )
  writeFileSync(join(folder, 'master.key'), key)
  const leaks = scanForSecrets({ roots: [folder], secrets: [key], exceptFiles: ['master.key'] })
  expect(leaks.map((leak) => leak.where)).toEqual([join(folder, 'usage.db-wal')])
  expect(leaks[0]!.offset).toBeGreaterThanOrEqual(70_000)
  rmSync(folder, { recursive: true })
})

test('a text may show the secrets it says it shows, and no others', () => {
  const [shown, hidden] = [createFakeKey('google'), createFakeKey('google')]
  const leaks = scanForSecrets({
    texts: [{ name: 'answer', text: shown + hidden, shows: [shown] }],
    secrets: [shown, hidden],
  })
  expect(leaks.map((leak) => leak.secret)).toEqual([`…${hidden.slice(-4)}`])
})
