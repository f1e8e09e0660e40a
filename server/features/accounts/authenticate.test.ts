// The one place that accepts a credential: each kind goes to its own room, the wrong kind to neither.
import { describe, expect, test } from 'vitest'
import type { Principal } from '../../http/route.ts'
import { GatewayError } from '../../kernel/errors.ts'
import { buildHolderContext, type ApiKeyContext } from '../api-keys/context.ts'
import { NO_LIMITS } from '../../kernel/limits.ts'
import { createAuthenticate } from './authenticate.ts'

const SESSION = 'eyJhbGciOiJIUzI1NiJ9.e30.sig'
const KEY = 'ur_key'
const person: Principal = {
  kind: 'session',
  userId: 'u',
  role: 'user',
  sessionId: 's',
  apiKeyId: null,
  teamId: null,
  authenticatedAt: 1,
}
const holder = { id: 'u', role: 'user', is_active: true, fallback: '"allow"', ...NO_LIMITS } as const
const context: ApiKeyContext = { ...buildHolderContext(holder, null), keyId: 'k' }

/** Both rooms, with a list of what they were asked; `gone`: the account is no more. */
function open({ remembers = false, gone = false } = {}) {
  const asked: string[] = []
  const authenticate = createAuthenticate({
    accounts: {
      async authenticateSession(token, mayLackFactor) {
        asked.push(`session ${token}${mayLackFactor ? ', which may lack its second factor' : ''}`)
        return person
      },
      async recheckSession(token) {
        asked.push(`recheck ${token}`)
        return person
      },
    },
    apiKeys: {
      async authenticateApiKey(key) {
        asked.push(`key ${key}`)
        return context
      },
      peekApiKey(key) {
        asked.push(`peek ${key}`)
        return remembers ? context : undefined
      },
      async describeCaller(userId, keyId, sessionId) {
        asked.push(`describe ${userId} ${keyId} ${sessionId}`)
        return gone ? null : { ...context, keyId: `account:${userId}` }
      },
    },
  })
  return { ...authenticate, asked }
}

const KEY_NEEDED =
  'This is the token of a signed-in session. Calls under /v1 need a UniRoute API key (ur_…); create one first.'
const SESSION_NEEDED =
  'This is a UniRoute API key; it opens the model endpoints under /v1 only. Sign in and send the token of POST /auth/login.'

describe('an API key', () => {
  test('is who its room says', async () => {
    const { authenticate, authenticateCaller, authenticateApiKey, asked } = open()
    expect(await authenticate({ kind: 'api-key', key: KEY })).toBe(context.principal)
    expect(await authenticateCaller({ kind: 'api-key', key: KEY })).toBe(context)
    expect(await authenticateApiKey(KEY)).toBe(context)
    expect(asked).toEqual([`key ${KEY}`, `key ${KEY}`, `key ${KEY}`])
  })

  test('in its place a session is refused with what belongs there, and no room is asked', async () => {
    const { authenticate, authenticateApiKey, asked } = open()
    const refused = { code: 'invalid_api_key', publicMessage: KEY_NEEDED }
    await expect(authenticate({ kind: 'api-key', key: SESSION })).rejects.toMatchObject(refused)
    await expect(authenticateApiKey(SESSION)).rejects.toMatchObject(refused)
    await expect(authenticateApiKey(SESSION)).rejects.toThrow(GatewayError)
    expect(asked).toEqual([])
  })

  test.each(['eyJ', 'eyJ hi.x', 'xeyJabc.def', 'ur_eyJabc.def', 'eyJ!.x'])(
    '%s has not the shape of a session',
    async (key) => {
      const { authenticateApiKey, asked } = open()
      await authenticateApiKey(key)
      expect(asked).toEqual([`key ${key}`])
    },
  )

  test.each(['eyJ.', 'eyJa_b-c0.x'])('%s has', async (key) => {
    await expect(open().authenticateApiKey(key)).rejects.toMatchObject({ code: 'invalid_api_key' })
  })

  test('is looked up in memory without a promise', () => {
    expect(open({ remembers: true }).peekApiKey(KEY)).toBe(context)
    expect(open().peekApiKey(KEY)).toBeUndefined()
  })
})

describe('a session', () => {
  test('is who its room says', async () => {
    const { authenticate, asked } = open()
    expect(await authenticate({ kind: 'session', token: SESSION })).toBe(person)
    expect(asked).toEqual([`session ${SESSION}`])
  })

  test('in its place an API key is refused with what belongs there, and no room is asked', async () => {
    const { authenticate, authenticateCaller, asked } = open()
    const refused = { code: 'unauthenticated', publicMessage: SESSION_NEEDED }
    await expect(authenticate({ kind: 'session', token: KEY })).rejects.toMatchObject(refused)
    await expect(authenticateCaller({ kind: 'session', token: KEY })).rejects.toMatchObject(refused)
    expect(asked).toEqual([])
  })

  test('may lack its second factor only where the address says so, and never to call models', async () => {
    const { authenticate, authenticateCaller, asked } = open()
    await authenticate({ kind: 'session', token: SESSION, mayLackFactor: true })
    await authenticate({ kind: 'session', token: SESSION, mayLackFactor: false })
    await authenticate({ kind: 'session', token: SESSION })
    await authenticateCaller({ kind: 'session', token: SESSION, mayLackFactor: true })
    expect(asked.filter((one) => one.startsWith('session'))).toEqual([
      `session ${SESSION}, which may lack its second factor`,
      `session ${SESSION}`,
      `session ${SESSION}`,
      `session ${SESSION}`,
    ])
  })

  test('calls models under the rules of its account', async () => {
    const { authenticateCaller, asked } = open()
    expect(await authenticateCaller({ kind: 'session', token: SESSION })).toMatchObject({ keyId: 'account:u' })
    expect(asked).toEqual([`session ${SESSION}`, 'describe u null s'])
  })

  test('of an account that is gone calls nothing', async () => {
    const { authenticateCaller } = open({ gone: true })
    const caller = authenticateCaller({ kind: 'session', token: SESSION })
    await expect(caller).rejects.toMatchObject({ code: 'session_expired' })
  })
})

describe('looked at again', () => {
  test('a session is rechecked as one', async () => {
    const { recheck, asked } = open({ remembers: true })
    expect(await recheck(SESSION)).toBe(person)
    expect(asked).toEqual([`recheck ${SESSION}`])
  })

  test('a key is looked for in memory, then asked for', async () => {
    const remembering = open({ remembers: true })
    expect(await remembering.recheck(KEY)).toBe(context.principal)
    expect(remembering.asked).toEqual([`peek ${KEY}`])
    const forgetful = open()
    expect(await forgetful.recheck(KEY)).toBe(context.principal)
    expect(forgetful.asked).toEqual([`peek ${KEY}`, `key ${KEY}`])
  })
})
